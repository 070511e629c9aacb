/**
 * An instance that was replaced and does not know it: it goes on with what it has in memory, and with its storage as that was
 * when it was replaced. The first turn that writes is its last, since the platform lets nobody but the present instance write;
 * nothing of that turn is said to anybody.
 *
 * What it must not do is judged here: answer as a leader or, where a round of voters' words stands for the lease, as a voter. Majorities are the exception, since they are others' word: that an
 * entry is committed is true whoever says it.
 */
import type { Effect, Event } from "../../src/replication/effect.ts";
import type { Replica } from "../../src/replication/replica.ts";
import type { ClientReply, ClientRequest } from "../../src/replication/request.ts";
import { migrate } from "../../src/storage/schema.ts";
import type { SqlDriver, SqlValue } from "../../src/storage/sql-driver.ts";
import { NodeSqlDriver } from "../support/node-sql-driver.ts";

class Replaced extends Error {}

const WRITES = /^\s*(?:INSERT|UPDATE|DELETE|REPLACE)/iu;

/** The storage of one instance: the object's, until the instance is replaced. */
export class InstanceDriver implements SqlDriver {
  readonly journalBytes = 0;
  #driver: SqlDriver;
  #frozen: NodeSqlDriver | null = null;

  constructor(driver: SqlDriver) {
    this.#driver = driver;
  }

  run(sql: string, ...params: readonly SqlValue[]): void {
    this.#mayWrite(sql);
    this.#driver.run(sql, ...params);
  }

  rows(sql: string, ...params: readonly SqlValue[]): SqlValue[][] {
    this.#mayWrite(sql);
    return this.#driver.rows(sql, ...params);
  }

  bytesInUse(): number {
    return this.#driver.bytesInUse();
  }

  transaction<T>(body: () => T): T {
    return this.#driver.transaction(body);
  }

  /** From here on it reads a copy, and writes nothing. */
  freeze(): void {
    const copy = copyOf(this.#driver);
    this.#driver = copy;
    this.#frozen = copy;
  }

  close(): void {
    this.#frozen?.close();
  }

  #mayWrite(sql: string): void {
    if (this.#frozen !== null && WRITES.test(sql)) throw new Replaced();
  }
}

/** A database with the same rows. */
export function copyOf(driver: SqlDriver): NodeSqlDriver {
  const copy = new NodeSqlDriver();
  copy.transaction(() => {
    migrate(copy, 0);
    replaceRows(copy, driver);
  });
  return copy;
}

/** Sets every table of `to` to what stands in `from`. Both are of the present schema. */
export function replaceRows(to: SqlDriver, from: SqlDriver): void {
  for (const [name] of from.rows(`SELECT name FROM sqlite_master WHERE type = 'table'`)) {
    const table = String(name);
    to.run(`DELETE FROM ${table}`);
    for (const row of from.rows(`SELECT * FROM ${table}`))
      to.run(`INSERT INTO ${table} VALUES(${row.map(() => "?").join(", ")})`, ...row);
  }
}

export interface Haunts {
  readonly perform: (effect: Effect) => void;
  /** `wrong`: what it is about to say and must not; null: nothing. */
  readonly turned: (event: Event, wrong: string | null, effects: readonly Effect[]) => void;
  readonly over: (why: string) => void;
  readonly now: () => number;
  /** How long after a replacement a lease in memory may run. */
  readonly leaseAgeMs: number;
  /** Do leaders ask for leases? Else a voter's mere word is what a read waits for. */
  readonly leases: boolean;
  /** The clock of another region when this instance was replaced. */
  readonly replacedAt: (region: number) => number;
}

export class Zombie {
  readonly generation: number;
  readonly #replica: Replica;
  readonly #driver: InstanceDriver;
  readonly #haunts: Haunts;
  /** What came to it after it was replaced: an answer that was worked out before is as good as ever. */
  readonly #requests = new Map<number, ClientRequest>();
  readonly #calls = new Set<number>();
  #dead = false;

  constructor(generation: number, replica: Replica, driver: InstanceDriver, haunts: Haunts) {
    this.generation = generation;
    this.#replica = replica;
    this.#driver = driver;
    this.#haunts = haunts;
    driver.freeze();
  }

  step(event: Event): void {
    if (this.#dead) return;
    if (event.type === "client") this.#requests.set(event.id, event.request);
    if (event.type === "peer") this.#calls.add(event.id);
    let effects: readonly Effect[];
    try {
      effects = this.#driver.transaction(() => this.#replica.step(event, this.#haunts.now()));
    } catch (error) {
      if (!(error instanceof Replaced)) throw error;
      this.end("it wrote");
      return;
    }
    // Setting the alarm is a write too.
    if (effects.some(({ type }) => type === "alarm")) {
      this.end("it set an alarm");
      return;
    }
    const wrong = effects.map((effect) => this.#wrongWith(effect)).find((what) => what !== null);
    this.#haunts.turned(event, wrong ?? null, effects);
    for (const effect of effects) if (!this.#dead) this.#haunts.perform(effect);
  }

  end(why: string): void {
    if (this.#dead) return;
    this.#dead = true;
    this.#driver.close();
    this.#haunts.over(why);
  }

  #wrongWith(effect: Effect): string | null {
    if (effect.type === "call" && effect.message.type === "append") {
      const echo = effect.message.closed?.echo ?? 0;
      return echo > this.#haunts.replacedAt(effect.to)
        ? `tells region ${effect.to} that its log was complete at ${echo}`
        : null;
    }
    if (effect.type === "reply" && effect.message.type === "append-ok" && this.#calls.has(effect.id))
      return this.#haunts.leases ? null : `tells the leader of epoch ${effect.message.e} that it follows`;
    if (effect.type === "reply" && effect.message.type === "close-reply" && this.#calls.has(effect.id))
      return "closes its log";
    if (effect.type !== "respond") return null;
    const request = this.#requests.get(effect.id);
    return request !== undefined && reliesOnLeading(request, effect.reply, this.#haunts.leaseAgeMs)
      ? `answers ${request.op} with ${effect.reply.kind}`
      : null;
  }
}

function reliesOnLeading(request: ClientRequest, reply: ClientReply, leaseAgeMs: number): boolean {
  switch (request.op) {
    case "read":
    case "read-many": {
      const shows = reply.kind === "item" || reply.kind === "list" || reply.kind === "items";
      if (!shows || request.stale === true) return false;
      const why = reply.kind === "items" ? "" : reply.facts.why;
      if (request.level === "bounded")
        return (
          why === "leader" ||
          (reply.kind !== "items" &&
            reply.facts.leaseLeftMs !== null &&
            (request.stalenessMsMax ?? 0) < leaseAgeMs)
        );
      return request.level === "leader" || request.level === "strong";
    }
    case "write":
      // It writes nothing, so what it acknowledges was stored before: that is true whoever says it.
      return (
        reply.kind === "refused" &&
        ["check-failed", "precondition-failed", "not-found", "idempotency-key-reused"].includes(reply.reason)
      );
    case "home":
      return (
        request.certain && (reply.kind === "home" || (reply.kind === "refused" && reply.reason === "no-user"))
      );
    case "claim":
      return reply.kind === "home";
    case "receipt":
      return reply.kind === "receipt";
    default:
      return false;
  }
}
