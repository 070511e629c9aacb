/**
 * Change sinks: what a log has committed leaves the deployment, in the order of the log, to receivers that fail.
 *
 * Who leads a log delivers it. For each sink there is one place in the log: everything through it was delivered or is none
 * of the sink's business. One batch at a time leaves from there, and the place moves on when the receiver has taken it; so
 * a receiver sees a user's changes in order, and some of them twice: after a crash, a lost answer, or a change of leaders.
 * The place costs one row for each batch. A successor knows it from what the leader said with its appends (sink-ledger.ts),
 * which may be a little old and never too new: it may repeat, and cannot skip.
 *
 * Nothing is written beside a write. The log is the outbox, and the alarm that guards a write's replication finds what a
 * crash has left undelivered. A receiver that fails is tried again by a schedule that ends; then the sink is parked with
 * this log, silent, until somebody resumes it. It holds up nothing else. While it is active the log is kept for it (up to
 * its bound in bytes), parked it is not: when what follows its place is dropped, the sink is lost with this log, and
 * whoever resumes it has to feed the receiver from a list.
 */
import { changesOf, type Change } from "./change.ts";
import type { SinkConfig } from "./config.ts";
import type { Context } from "./context.ts";
import type { DeliveryEnd } from "./effect.ts";
import type { Leadership } from "./leader.ts";
import type { Leaderships } from "./leaderships.ts";
import type { Log } from "./log.ts";
import { leaderOf, type Position, type RegionIndex } from "./position.ts";
import type { SinkReply, SinkRequest, SinkStatus } from "./request.ts";
import type { SinkRow } from "./storage.ts";

/** Entries looked at in one turn. */
const SCAN_BYTES = 1_000_000;
const SCAN_ENTRIES = 256;
/** The host answers within the time limit of an attempt; the alarm looks after one whose instance has died. */
const ALARM_MARGIN_MS = 2_000;
/** No receiver puts itself off for longer. */
const RETRY_AFTER_MS_MAX = 3_600_000;
const ERROR_LENGTH_MAX = 200;
/** What a change takes beside its names and its value. */
const CHANGE_BYTES = 250;

interface Flight {
  readonly after: number;
  readonly through: number;
  readonly deadlineAt: number;
}

interface Collected {
  readonly through: number;
  readonly changes: readonly Change[];
}

export class Sinks {
  readonly #context: Context;
  readonly #leaderships: Leaderships;
  /** One for each log and sink. */
  readonly #flights = new Map<string, Flight>();
  readonly #bases = new Map<RegionIndex, number>();

  constructor(context: Context, leaderships: Leaderships) {
    this.#context = context;
    this.#leaderships = leaderships;
  }

  /** First turn of an instance: a log that it goes on leading has no predecessor, so an unknown sink is a new one. */
  start(): void {
    for (const { log } of this.#leaderships.all()) {
      for (const sink of this.#context.config.sinks)
        if (log.sinks.row(sink.name) === undefined) begin(log, sink.name, ownPlace(log, sink));
    }
  }

  advance(): void {
    for (const log of this.#context.logs.values()) {
      if (this.#bases.get(log.o) === log.base.s) continue;
      this.#bases.set(log.o, log.base.s);
      log.sinks.compacted(log.base.s);
    }
    const { sinks } = this.#context.config;
    if (sinks.length === 0) return;
    for (const leadership of this.#leaderships.all()) {
      for (const sink of sinks) this.#advanceSink(leadership, sink);
    }
  }

  /** Entries after this are still to be delivered, by a sink that is active. */
  heldFrom(o: RegionIndex): number {
    if (this.#leaderships.of(o) === null) return Infinity;
    const log = this.#context.log(o);
    return this.#context.config.sinks.reduce((least, { name }) => {
      const row = log.sinks.row(name);
      return row?.state === "active" ? Math.min(least, row.delivered) : least;
    }, Infinity);
  }

  statusOf(log: Log): SinkStatus[] {
    const { config, now } = this.#context;
    const leads = this.#leaderships.of(log.o) !== null;
    return config.sinks.flatMap(({ name }): SinkStatus[] => {
      const row = log.sinks.row(name);
      if (row === undefined) return [];
      return [
        {
          name,
          leads,
          delivered: placeAt(log, row.delivered),
          state: leads ? this.#stateOf(log, row) : "unknown",
          attempts: row.attempts,
          error: row.error,
          // The clock of a status is the replica's: what is asked for is how long.
          dueInMs: row.state === "active" && row.attempts > 0 ? Math.max(0, row.nextAt - now) : null,
        },
      ];
    });
  }

  /** What an administrator wants, for the logs that this replica leads. */
  control({ name, action }: SinkRequest): SinkReply {
    const sink = this.#context.config.sinks.find((candidate) => candidate.name === name);
    if (sink === undefined) return { kind: "sink", outcome: "unknown-sink", logs: [] };
    return action.kind === "resume" ? this.#resume(name) : this.#replay(name, action.position);
  }

  #resume(name: string): SinkReply {
    const resumed = this.#leaderships.all().flatMap(({ log }) => {
      const row = log.sinks.row(name);
      if (row === undefined || (row.state === "active" && row.attempts === 0)) return [];
      // What is gone is gone: whoever resumes a lost sink feeds the receiver from a list.
      log.sinks.put({ ...fresh(row), delivered: Math.max(row.delivered, log.base.s) });
      this.#flights.delete(keyOf(log, name));
      return [{ origin: log.o, position: placeAt(log, Math.max(row.delivered, log.base.s)) }];
    });
    return { kind: "sink", outcome: "done", logs: resumed };
  }

  /** Sends again what follows the position. One further on than what was delivered skips what lies between. */
  #replay(name: string, position: Position): SinkReply {
    const log = this.#context.logs.get(position.o);
    const row = log?.sinks.row(name);
    if (log === undefined || row === undefined || this.#leaderships.of(position.o) === null)
      return { kind: "sink", outcome: "not-leader", logs: [] };
    if (position.s < log.base.s)
      return {
        kind: "sink",
        outcome: "gone",
        logs: [{ origin: log.o, position: placeAt(log, log.base.s) }],
      };
    // What was delivered is committed, whatever a restart has forgotten of the commit position.
    const committed = Math.max(log.commit, row.delivered);
    if (position.s > committed || placeAt(log, position.s).e !== position.e)
      return { kind: "sink", outcome: "no-position", logs: [] };
    log.sinks.put({ ...fresh(row), round: row.round + 1, delivered: position.s });
    this.#flights.delete(keyOf(log, name));
    return { kind: "sink", outcome: "done", logs: [{ origin: log.o, position }] };
  }

  #stateOf(log: Log, row: SinkRow): SinkStatus["state"] {
    if (row.state !== "active") return row.state;
    if (row.attempts > 0) return "retrying";
    return this.#flights.has(keyOf(log, row.name)) ? "sending" : "idle";
  }

  #advanceSink({ log, opened }: Leadership, sink: SinkConfig): void {
    const { now, rules } = this.#context;
    const row = log.sinks.row(sink.name) ?? begin(log, sink.name, inheritedPlace(log, sink));
    // Also while it is parked: that is when the log goes on without it.
    if (row.delivered < log.base.s && row.state !== "lost") {
      log.sinks.put({ ...fresh(row), state: "lost", error: "the log no longer has what follows" });
      return;
    }
    if (!opened || row.state !== "active") return;
    const flight = this.#flights.get(keyOf(log, sink.name));
    if (flight !== undefined) {
      if (flight.after === row.delivered && now < flight.deadlineAt)
        return this.#context.alarmAt(flight.deadlineAt);
      this.#flights.delete(keyOf(log, sink.name));
      // Else it was set to another place meanwhile: what becomes of this batch no longer matters.
      if (flight.after === row.delivered)
        return this.#failed(log, sink, row, flight.through, { ok: false, error: "no answer in time" });
    }
    const limit = rules.sinkLimit({ commit: log.commit, applied: log.applied, head: log.last.s });
    if (row.delivered >= limit) return;
    if (row.attempts > 0 && now < row.nextAt) return this.#context.alarmAt(row.nextAt);
    const again = row.attempts > 0 && row.through > row.delivered;
    const { through, changes } = this.#collect(
      log,
      sink,
      row.delivered,
      again ? Math.min(row.through, limit) : limit,
    );
    if (changes.length === 0) {
      log.sinks.skip(sink.name, through);
      if (through < limit) this.#context.wakeAt(now);
      return;
    }
    this.#deliver(log, sink, row, { through, changes });
  }

  #collect(log: Log, sink: SinkConfig, after: number, limit: number): Collected {
    const { codec, storage } = this.#context;
    const changes: Change[] = [];
    let through = after;
    let bytes = 0;
    for (const raw of storage.entries(log.o, after, SCAN_BYTES, SCAN_ENTRIES).entries) {
      if (raw.s > limit) break;
      const wanted = changesOf(codec.decode(raw.bytes)).filter(({ key }) => key.startsWith(sink.prefix));
      const size = wanted.reduce((sum, change) => sum + sizeOf(change, sink), 0);
      const full = changes.length + wanted.length > sink.batchChangesMax || bytes + size > sink.batchBytesMax;
      if (changes.length > 0 && wanted.length > 0 && full) break;
      changes.push(...wanted);
      bytes += size;
      through = raw.s;
    }
    return { through, changes };
  }

  #deliver(log: Log, sink: SinkConfig, row: SinkRow, { through, changes }: Collected): void {
    const { now, rules } = this.#context;
    const after = row.delivered;
    const flight: Flight = { after, through, deadlineAt: now + sink.timeoutMs + ALARM_MARGIN_MS };
    this.#flights.set(keyOf(log, sink.name), flight);
    if (rules.deliveredWhenSent()) log.sinks.put({ ...fresh(row), delivered: through });
    // Usually no row: the alarm that the write has armed is earlier, and looks again.
    this.#context.alarmAt(flight.deadlineAt);
    const batch = { round: row.round, after, through: placeAt(log, through), changes };
    this.#context.deliver(sink.name, batch, sink.timeoutMs, (end) => {
      if (this.#flights.get(keyOf(log, sink.name)) !== flight) return;
      this.#flights.delete(keyOf(log, sink.name));
      const present = log.sinks.row(sink.name);
      if (present === undefined || present.delivered !== after || present.state !== "active") return;
      if (end.ok) log.sinks.put({ ...fresh(present), delivered: through });
      else this.#failed(log, sink, present, through, end);
    });
  }

  #failed(
    log: Log,
    sink: SinkConfig,
    row: SinkRow,
    through: number,
    end: Extract<DeliveryEnd, { ok: false }>,
  ): void {
    const { now } = this.#context;
    const delayMs = end.park === true ? undefined : sink.retryMs[row.attempts];
    const retryAfterMs = Math.min(end.retryAfterMs ?? 0, RETRY_AFTER_MS_MAX);
    const failed: SinkRow = {
      ...row,
      through,
      attempts: row.attempts + 1,
      error: end.error.slice(0, ERROR_LENGTH_MAX),
      ...(delayMs === undefined
        ? { state: "parked", nextAt: 0 }
        : { state: "active", nextAt: now + Math.max(delayMs, retryAfterMs) }),
    };
    log.sinks.put(failed);
    if (failed.state === "active") this.#context.alarmAt(failed.nextAt);
  }
}

function begin(log: Log, name: string, delivered: number): SinkRow {
  const row: SinkRow = {
    o: log.o,
    name,
    round: 0,
    delivered,
    state: "active",
    through: 0,
    attempts: 0,
    nextAt: 0,
    error: "",
  };
  log.sinks.put(row);
  return row;
}

/** Where a sink begins that is new, since this replica led the log all along and has no row of it. */
function ownPlace(log: Log, sink: SinkConfig): number {
  return sink.from === "start" ? log.base.s : log.last.s;
}

/**
 * Where a sink goes on at a new leader that was never told of it. After another region nothing is known: the sink may have been
 * anywhere, so that everything is delivered (and the sink is lost where some of it is gone).
 */
function inheritedPlace(log: Log, sink: SinkConfig): number {
  const before = log.epochs.at(-2);
  return before === undefined || leaderOf(before.e) === leaderOf(log.promised) ? ownPlace(log, sink) : 0;
}

function fresh(row: SinkRow): SinkRow {
  return { ...row, state: "active", through: 0, attempts: 0, nextAt: 0, error: "" };
}

/** Roughly what the change takes as JSON, base64 included. */
function sizeOf({ user, key, after }: Change, { valueBytesMax }: SinkConfig): number {
  const value = after?.value.length ?? 0;
  return CHANGE_BYTES + user.length + 2 * key.length + (value > valueBytesMax ? 0 : Math.ceil(value * 1.4));
}

/** The epoch of a place below the base is known, too: the epoch table is kept whole. */
function placeAt(log: Log, s: number): Position {
  return { o: log.o, e: s === 0 ? 0 : log.epochAt(s), s };
}

function keyOf(log: Log, name: string): string {
  return `${log.o}:${name}`;
}
