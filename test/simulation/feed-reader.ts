/**
 * Simulated readers of change feeds: some ask for page after page from regions that they change, some keep a socket open at one region
 * and go elsewhere when it breaks. What each was told is judged in the end against what was committed.
 */
import type { FeedReading, ToldChange } from "../../src/checker/feed.ts";
import type { Change } from "../../src/replication/change.ts";
import type { FeedPlace } from "../../src/replication/request.ts";
import { userName } from "./client.ts";
import type { Cluster } from "./cluster.ts";
import { position } from "./describe.ts";
import type { Edge } from "./edge.ts";
import type { Ghost } from "./ghost.ts";
import type { Host } from "./host.ts";
import type { Random } from "./random.ts";
import { sleep, type Task } from "./task.ts";

export interface FeedReaderOptions {
  readonly name: string;
  readonly kind: "poll" | "socket";
  readonly userIndex: number;
  readonly cluster: Cluster;
  readonly edges: readonly Edge[];
  readonly random: Random;
}

/** At the end of a run, how often a reader asks before it is said to hang. */
const ASKS_MAX = 200;
const PAUSE_MS = 150;

export class FeedReader {
  readonly #options: FeedReaderOptions;
  readonly #user: string;
  readonly #partition: number;
  readonly #readings: FeedReading[] = [];
  #after: string | null = null;
  #afterVersion: number | undefined;
  #told: ToldChange[] = [];
  #cursor: FeedPlace | null = null;
  #socket: { readonly host: Host; readonly id: number } | null = null;
  #stopped = false;

  constructor(options: FeedReaderOptions) {
    this.#options = options;
    this.#user = userName(options.userIndex);
    this.#partition = options.userIndex % options.cluster.partitions;
  }

  get name(): string {
    return this.#options.name;
  }

  *live(): Task<void> {
    const { cluster, kind, random } = this.#options;
    while (!this.#stopped) {
      yield* sleep(cluster.timeline, random.between(20, 600));
      if (kind === "poll") yield* this.#poll(random.pick([0, 200, 2_500]));
      else yield* this.#keepSocket();
    }
  }

  /** Sockets stay open: they have to be told to the end, and let the deployment fall silent. */
  stop(): void {
    this.#stopped = true;
  }

  /** Nothing more is written, and everything is well: polls read to the end; sockets have been told by now, or are opened anew. */
  *finish(ghost: Ghost): Task<void> {
    const { cluster, kind } = this.#options;
    if (kind === "socket" && this.#socket !== null) return;
    for (let asks = 0; asks < ASKS_MAX; asks++) {
      yield* this.#poll(0);
      const cursor = this.#cursor;
      if (cursor !== null && cursor.s >= ghost.log(this.#partition, cursor.o).commit) return;
      yield* sleep(cluster.timeline, PAUSE_MS);
    }
    ghost.fail("I22 no request hangs", `${this.name} did not reach the end of the feed in ${ASKS_MAX} asks`);
  }

  readings(): FeedReading[] {
    return [...this.#readings, this.#reading(true)];
  }

  *#poll(waitMs: number): Task<void> {
    const { cluster, edges, random } = this.#options;
    const limit = random.pick([1, 3, 100]);
    const reply = yield* random.pick(edges).changes(
      this.#partition,
      {
        user: this.#user,
        ...(this.#cursor === null ? {} : { after: this.#cursor }),
        limit,
        bytesMax: random.pick([200, 1_000_000]),
        values: random.chance(0.5),
        waitMs,
        session: { positions: [], others: [], seenAt: 0 },
      },
      waitMs + 1_500,
    );
    if (reply?.kind === "changes") {
      cluster.tally.add(reply.changes.length > 0 ? "feed pages" : "feed pages without changes");
      this.#hear(reply.changes, reply.cursor);
    } else if (reply?.kind === "refused" && reply.reason === "cursor-expired") {
      cluster.tally.add("feed cursors expired");
      this.#beginAnew(reply.cursor);
    } else
      cluster.tally.add(
        `feed pages refused: ${reply?.kind === "refused" ? reply.reason : (reply?.kind ?? "no answer")}`,
      );
  }

  /** Opens a socket where there is none; sometimes leaves it for another region. */
  *#keepSocket(): Task<void> {
    const { cluster, random } = this.#options;
    const open = this.#socket;
    if (open !== null) {
      if (!random.chance(0.05)) return;
      open.host.closeSocket(open.id);
      this.#socket = null;
    }
    yield* this.#poll(0);
    if (this.#cursor === null || this.#stopped) return;
    const host = cluster.at(random.below(cluster.regions), this.#partition);
    const subscription = { user: this.#user, after: this.#cursor, values: random.chance(0.5) };
    const id = host.openSocket(subscription, {
      told: (changes, cursor) => {
        cluster.tally.add("feed messages");
        this.#hear(changes, cursor);
      },
      ended: (expired) => {
        cluster.tally.add(expired ? "feed sockets expired" : "feed sockets broken");
        this.#socket = null;
      },
    });
    // Dead before it was open.
    if (id !== null && host.hasSocket(id)) this.#socket = { host, id };
  }

  #hear(changes: readonly Change[], cursor: FeedPlace): void {
    for (const change of changes)
      this.#told.push({ position: position(change.position), key: change.key, op: change.op });
    this.#cursor = cursor;
  }

  #beginAnew(cursor: FeedPlace): void {
    this.#readings.push(this.#reading(false));
    this.#after = position(cursor);
    this.#afterVersion = cursor.version;
    this.#told = [];
    this.#cursor = cursor;
  }

  #reading(complete: boolean): FeedReading {
    return {
      reader: this.name,
      user: this.#user,
      after: this.#after,
      afterVersion: this.#afterVersion,
      told: this.#told,
      complete,
    };
  }
}
