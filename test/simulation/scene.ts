/**
 * Directed schedules: a script says who is cut off from whom, whose clock reads what, and who is asked when, in one partition of
 * three regions. What random faults would bring about once in a thousand runs, or never, happens in each.
 *
 * The user of a script is outside the recorded history (like a leaver): what it shows is judged after each turn.
 */
import type { Position } from "../../src/replication/position.ts";
import type { ClientReply, SessionPart } from "../../src/replication/request.ts";
import type { SqlDriver } from "../../src/storage/sql-driver.ts";
import type { Cluster } from "./cluster.ts";
import type { Edge } from "./edge.ts";
import type { Ghost } from "./ghost.ts";
import type { Host } from "./host.ts";
import { hasForgotten } from "./invariants-takeover.ts";
import { leaverName } from "./leaver-name.ts";
import type { Mirror } from "./mirror.ts";
import type { Random } from "./random.ts";
import { runTask, sleep, type Task } from "./task.ts";
import type { Usurper } from "./usurper.ts";
import { copyOf } from "./zombie.ts";

export type Script = (scene: Scene) => Task<void>;

export interface Staff {
  readonly cluster: Cluster;
  readonly ghost: Ghost;
  readonly edges: readonly Edge[];
  readonly random: Random;
  readonly usurper: Usurper;
}

/** How often a script looks whether something has happened: sooner than any message takes. */
const LOOK_MS = 1;
/** How long a write may take, when it is one of many and when it has to wait for a takeover. */
const HOT_MS = 30;
const COLD_MS = 1_500;
const encoder = new TextEncoder();

interface WriteOptions {
  readonly user?: string;
  readonly suspects?: number;
  readonly leftMs?: number;
  /** What the session has seen. */
  readonly seen?: readonly Position[];
}

/** What a script can do and see, in partition 0, whose anchor is region 0. */
export class Scene {
  readonly cluster: Cluster;
  readonly random: Random;
  readonly #staff: Staff;
  #writes = 0;

  constructor(staff: Staff) {
    this.#staff = staff;
    this.cluster = staff.cluster;
    this.random = staff.random;
  }

  get now(): number {
    return this.cluster.timeline.now;
  }

  host(region: number): Host {
    return this.cluster.at(region, 0);
  }

  /** What a region holds of a log. */
  mirror(region: number, o = 0): Mirror {
    return this.#staff.ghost.mirror(this.host(region), o);
  }

  /** The user of a region gets a home there, and the first entries. */
  *settle(region = 0): Task<void> {
    for (;;) {
      const reply = yield* this.write(region, "majority", { user: userOf(region) });
      if (reply?.kind === "written") return;
      if (reply?.kind === "unknown-user") yield* this.#edge(region).touchAnchor(0, userOf(region));
      yield* sleep(this.cluster.timeline, 20);
    }
  }

  /** One attempt, at one replica. */
  *write(
    region: number,
    concern: "local" | "majority",
    { user = userOf(0), suspects, leftMs = 1_000, seen = [] }: WriteOptions = {},
  ): Task<ClientReply | null> {
    const key = `script ${++this.#writes}`;
    const end = yield* this.#edge(region).ask(
      region,
      0,
      {
        op: "write",
        from: region,
        user,
        principal: user,
        command: {
          kind: "put",
          key: "k",
          value: encoder.encode(JSON.stringify(key)),
          contentType: "application/json",
        },
        conditions: {},
        idempotency: { key, fingerprint: encoder.encode(key), by: "edge" },
        concern,
        session: sessionOf(seen),
        ...(suspects === undefined ? {} : { suspects }),
      },
      leftMs,
    );
    return end.end === "answer" ? end.answer : null;
  }

  /** Asks for a home there for somebody new. */
  *claim(home: number, user: string): Task<void> {
    yield* this.#edge(home).touchAnchor(0, user);
  }

  /** One attempt, at one replica, by a session that knows `positions`. */
  *read(
    region: number,
    level: "session" | "leader",
    positions: readonly Position[],
    leftMs: number,
  ): Task<ClientReply | null> {
    const end = yield* this.#edge(region).ask(
      region,
      0,
      {
        op: "read",
        from: region,
        user: userOf(0),
        level,
        committed: false,
        what: { kind: "item", key: "k", head: false },
        session: sessionOf(positions),
        waitMs: leftMs / 2,
      },
      leftMs,
    );
    return end.end === "answer" ? end.answer : null;
  }

  /** Writes there again and again, until `over`: now and then, and without a pause while it is `hot`. */
  *keepWriting(
    region: number,
    over: () => boolean,
    {
      suspects,
      user = userOf(0),
      hot = () => false,
    }: { readonly suspects?: number; readonly user?: string; readonly hot?: () => boolean } = {},
  ): Task<void> {
    while (!over()) {
      const leftMs = hot() ? HOT_MS : COLD_MS;
      const options = { user, leftMs, ...(suspects === undefined ? {} : { suspects }) };
      const writing = this.write(region, "local", options);
      // Each one that comes makes the replica look whether those before it can be answered.
      if (hot()) runTask(writing);
      else yield* writing;
      yield* sleep(this.cluster.timeline, hot() ? HOT_MS / 3 : this.random.between(50, 150));
    }
  }

  /** A client of whom nobody knows where to go: it begins at home, goes where it is sent, and on from where it is not answered. */
  *keepLooking(user: string, home: number, over: () => boolean): Task<void> {
    let at = home;
    let suspects: number | undefined;
    while (!over()) {
      const reply = yield* this.write(at, "local", {
        user,
        leftMs: COLD_MS,
        ...(suspects === undefined ? {} : { suspects }),
      });
      const leader = reply !== null && "leader" in reply ? reply.leader : null;
      if (leader !== null && leader !== at && leader !== suspects) at = leader;
      else if (reply === null || reply.kind === "refused") {
        suspects = at;
        at = (at + 1) % this.#staff.edges.length;
      }
      yield* sleep(this.cluster.timeline, this.random.between(50, 150));
    }
  }

  /** A new instance, at once. */
  restart(region: number): void {
    this.host(region).crash("of the script", 0);
  }

  copy(region: number): SqlDriver {
    return copyOf(this.host(region).driver);
  }

  /** The storage there is set back to a copy, or to nothing. */
  rewind(region: number, copy: SqlDriver | null): void {
    this.host(region).rewind(copy);
    this.#staff.ghost.forget(this.host(region));
    this.say(`region ${region} has lost its memory${copy === null ? "" : " of late"}`);
  }

  /** It has been told that it has lost its memory, and is not taken in again. */
  hasForgotten(region: number): boolean {
    return hasForgotten(this.host(region));
  }

  /** Regions that a region says have lost their memory. */
  *forgetful(region: number): Task<readonly number[]> {
    const request = { op: "status", from: region } as const;
    const end = yield* this.#edge(region).ask(region, 0, request, 1_000);
    const status = end.end === "answer" && end.answer.kind === "status" ? end.answer.status : null;
    return status?.forgetful ?? [];
  }

  fail(invariant: string, what: string): void {
    this.#staff.ghost.fail(invariant, what);
  }

  /** Somebody without a replica is promised an epoch there, and goes away. */
  *depose(voters: readonly number[]): Task<void> {
    yield* this.#staff.usurper.interrupt(0, 0, voters);
  }

  *until(happened: () => boolean, withinMs = 60_000): Task<boolean> {
    const end = this.now + withinMs;
    while (!happened() && this.now < end) yield* sleep(this.cluster.timeline, LOOK_MS);
    return happened();
  }

  *pause(ms: number): Task<void> {
    yield* sleep(this.cluster.timeline, ms);
  }

  /** No message passes either way, those on their way neither. */
  cut(a: number, b: number): void {
    this.cluster.network.cut(a, b);
    this.cluster.network.cut(b, a);
    this.say(`cut ${a} and ${b}`);
  }

  mend(a: number, b: number): void {
    this.cluster.network.mend(a, b);
    this.cluster.network.mend(b, a);
    this.say(`mended ${a} and ${b}`);
  }

  /** Sets a clock to an edge of what it may be off: -1 as slow, 1 as fast as it may. */
  pin(region: number, side: -1 | 1): void {
    this.cluster.clocks[region]?.pin(side);
    this.say(`clock of region ${region} at ${side === 1 ? "the upper" : "the lower"} bound`);
  }

  say(text: string): void {
    this.cluster.transcript.line(this.now, text);
  }

  #edge(region: number): Edge {
    const edge = this.#staff.edges[region];
    if (edge === undefined) throw new Error(`no region ${region}`);
    return edge;
  }
}

/** The user who is at home in a region. */
export function userOf(region: number): string {
  return leaverName(90 + region);
}

function sessionOf(seen: readonly Position[]): SessionPart {
  return { positions: seen.map((position) => ({ ...position, durable: false })), others: [], seenAt: 0 };
}
