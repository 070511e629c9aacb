/**
 * Users who are imported, write, and are erased; some come back under the same name.
 *
 * They are not in the recorded history: whose data goes has no history to be held to. What holds for them is judged here (an
 * import again undoes nothing), after every turn (an erasure waits for a majority), and at the end: nothing of whoever
 * was erased and did not come back is left in any table, and everything of everybody else is.
 */
import type { Position } from "../../src/replication/position.ts";
import type { Command, ImportItem } from "../../src/replication/request.ts";
import type { Cluster } from "./cluster.ts";
import type { Edge } from "./edge.ts";
import type { Ghost } from "./ghost.ts";
import { leaverName } from "./leaver-name.ts";
import type { Random } from "./random.ts";
import { sleep, type Task } from "./task.ts";

const TRIES_MAX = 60;

export class Leaver {
  readonly user: string;
  readonly partition: number;
  /** Where the erasure stands that was answered last. */
  erased: Position | null = null;
  returned = false;
  readonly #cluster: Cluster;
  readonly #ghost: Ghost;
  readonly #edges: readonly Edge[];
  readonly #random: Random;
  #keys = 0;

  constructor(options: {
    readonly index: number;
    readonly cluster: Cluster;
    readonly ghost: Ghost;
    readonly edges: readonly Edge[];
    readonly random: Random;
  }) {
    this.user = leaverName(options.index);
    this.partition = options.index % options.cluster.partitions;
    this.#cluster = options.cluster;
    this.#ghost = options.ghost;
    this.#edges = options.edges;
    this.#random = options.random;
  }

  *live(): Task<void> {
    const lives = this.#random.chance(0.3) ? 2 : 1;
    for (let life = 0; life < lives; life++) {
      if (life > 0) this.returned = true;
      yield* this.#work();
      if (life > 0 && this.#random.chance(0.5)) return;
      yield* this.leave();
      this.returned = false;
    }
  }

  /** Asks until it is answered; a user who never got to write anything is not there to be erased. */
  *leave(): Task<void> {
    const id = Uint8Array.from({ length: 16 }, () => this.#random.below(256));
    for (let n = 0; n < TRIES_MAX; n++) {
      const { reply } = yield* this.#random.pick(this.#edges).erase(this.partition, this.user, id, 4_000);
      if (reply?.kind === "erasing") {
        this.erased = reply.position;
        this.#cluster.tally.add("users erased");
        return;
      }
      if (reply?.kind === "refused" && reply.reason === "no-user") return;
      yield* sleep(this.#cluster.timeline, this.#random.between(50, 800));
    }
  }

  *#work(): Task<void> {
    const imported = this.#lines();
    const known = yield* this.#write({ kind: "import", items: imported }, "majority");
    for (let n = this.#random.between(2, 7); n > 0; n--) {
      yield* sleep(this.#cluster.timeline, this.#random.between(5, 500));
      yield* this.#write(this.#command(), this.#random.pick(["local", "local", "one", "majority"] as const));
    }
    if (this.#random.chance(0.4)) yield* this.#move();
    if (!known) return;
    const again = yield* this.#edge().write(
      this.partition,
      this.#request({ kind: "import", items: imported }, "local"),
      3_000,
    );
    if (again.reply?.kind !== "imported") return;
    this.#cluster.tally.add("imports again");
    if (again.reply.results.includes("imported"))
      this.#ghost.fail("an import again undoes nothing", `${this.user}: ${again.reply.results.join(", ")}`);
  }

  /** Whoever goes may have moved before, and may be on the way still. */
  *#move(): Task<void> {
    const to = this.#random.below(this.#cluster.regions);
    const { reply } = yield* this.#edge().move(
      this.partition,
      this.user,
      to,
      this.#random.between(50, 3_000),
    );
    if (reply?.kind === "home") this.#cluster.tally.add("leavers moved");
  }

  *#write(command: Command, concern: "local" | "one" | "majority"): Task<boolean> {
    const { reply } = yield* this.#edge().write(this.partition, this.#request(command, concern), 3_000);
    return reply?.kind === "written" || reply?.kind === "imported";
  }

  #request(command: Command, concern: "local" | "one" | "majority") {
    const key = `${this.user} key ${++this.#keys}`;
    return {
      user: this.user,
      principal: this.user,
      command,
      conditions: {},
      idempotency: {
        key,
        fingerprint: encoder.encode(key),
        by: this.#random.chance(0.6) ? "client" : "edge",
      },
      concern,
      session: { positions: [], others: [], seenAt: 0 },
    } as const;
  }

  #command(): Command {
    const key = `k${this.#random.below(4)}`;
    if (this.#random.chance(0.2)) return { kind: "delete", key };
    const put = {
      kind: "put",
      key,
      value: this.#value(),
      contentType: `application/${this.user}+json`,
    } as const;
    return this.#random.chance(0.3) ? { ...put, expiresInS: this.#random.between(1, 20) } : put;
  }

  #lines(): ImportItem[] {
    return ["k0", "k1", "k5"].map((key) => ({
      key,
      version: `${this.user}.1.${++this.#keys}`,
      contentType: "application/json",
      value: this.#value(),
      expiresAt: 0,
    }));
  }

  #value(): Uint8Array {
    return encoder.encode(JSON.stringify(`${this.user} said ${++this.#keys}`));
  }

  #edge(): Edge {
    return this.#random.pick(this.#edges);
  }
}

const encoder = new TextEncoder();

/** Every region is asked how far it is, until it is done: asking makes it go on. */
export function* seeToErasures(cluster: Cluster, ghost: Ghost, leavers: readonly Leaver[]): Task<void> {
  for (const { erased, partition, user } of leavers) {
    if (erased === null) continue;
    for (const host of cluster.hosts[partition] ?? []) {
      let done = false;
      for (let n = 0; n < TRIES_MAX && !done; n++) {
        done = yield* isDone(cluster, host.region, partition, erased);
        if (!done) yield* sleep(cluster.timeline, 500);
      }
      if (!done) ghost.fail("an erasure ends", `${host.name} does not come to the end of erasing ${user}`);
    }
  }
}

function* isDone(cluster: Cluster, region: number, partition: number, position: Position): Task<boolean> {
  let done = false;
  yield (resume) =>
    cluster.ask(region, region, partition, { op: "erasure", position, from: region }, 2_000, (end) => {
      done = end.end === "answer" && end.answer.kind === "erasure" && end.answer.doneAt !== undefined;
      resume(undefined);
    });
  return done;
}
