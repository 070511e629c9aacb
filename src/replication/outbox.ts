/**
 * What happens to entries that a region does not acknowledge: its queue gets them a moment later, and direct appends are
 * tried again by a schedule that ends.
 *
 * Intuition: the head of the log and each peer's match are the outbox; nothing is written for a write whose peers answer
 * in time. Only the way out of idle arms the durable alarm, as the backstop of a crash right after an acknowledgement;
 * a row appears when a destination misses its first deadline, and remembers how far its schedule has come.
 */
import type { Context } from "./context.ts";
import { PROTOCOL_VERSION } from "./entry.ts";
import type { Leadership } from "./leader.ts";
import type { Leaderships } from "./leaderships.ts";
import type { Batch } from "./message.ts";
import type { Peer } from "./peer.ts";
import type { RegionIndex } from "./position.ts";
import type { OutboxRow } from "./storage.ts";

/** Messages of one flush to one queue. */
const MESSAGES_MAX = 50;
/** What an envelope takes of a queue message, and what the framing of each entry in it takes (numbers below 2^35). */
const ENVELOPE_BYTES = 1_000;
const FRAMING_BYTES = 20;
/** Refusals of a queue in a row, each after twice the wait, before it is left alone until the next write. */
const REFUSALS_MAX = 6;

interface Destination {
  /** An entry that is not acknowledged yet, and since when it was watched: how long acknowledgements take. */
  watched: { readonly s: number; readonly at: number } | null;
  /** A commit position that it was not told yet, and since when it should have been. */
  untold: { readonly s: number; readonly at: number } | null;
  /** Seq up to which its queue has been given entries, or a doorbell for them. */
  queuedThrough: number;
  /** Since when something is there that came after queuedThrough. */
  restSince: number | null;
  enqueuing: boolean;
  refusals: number;
}

export class Outbox {
  readonly #context: Context;
  readonly #leaderships: Leaderships;
  readonly #destinations = new Map<string, Destination>();
  readonly #rows = new Map<string, OutboxRow>();

  constructor(context: Context, leaderships: Leaderships) {
    this.#context = context;
    this.#leaderships = leaderships;
    for (const row of context.storage.outbox()) this.#rows.set(`${row.o}:${row.dest}`, row);
  }

  /** First turn of an instance: schedules that were under way go on, whatever became of the alarm. */
  start(): void {
    const { retryMs } = this.#context.config.timing;
    for (const row of this.#rows.values()) if (row.stage < retryMs.length) this.#context.alarmAt(row.nextAt);
  }

  /** A write has left the peers of this log behind. */
  onWritten(leadership: Leadership): void {
    const { timing } = this.#context.config;
    this.#context.alarmAt(this.#context.now + timing.retryMs[0]!);
    for (const peer of leadership.peers) {
      const row = this.#rows.get(keyOf(leadership, peer));
      // The schedule had ended: a new write begins it again.
      if (row !== undefined && row.stage >= timing.retryMs.length) this.#schedule(leadership, peer, 0);
      this.#destination(leadership, peer).refusals = 0;
    }
  }

  advance(): void {
    // What another region leads now is no longer this one's to bring about.
    for (const [key, row] of this.#rows) {
      if (this.#leaderships.of(row.o) !== null) continue;
      this.#rows.delete(key);
      this.#context.storage.deleteOutbox(row.o, row.dest);
    }
    for (const leadership of this.#leaderships.all()) {
      if (!leadership.opened) continue;
      // Its OPEN, and what it adopted, is there for everybody to take like a write.
      if (!leadership.scheduled) {
        leadership.scheduled = true;
        this.onWritten(leadership);
      }
      for (const peer of leadership.peers) this.#advanceDestination(leadership, peer);
    }
  }

  onAlarm(): void {
    const { now, config } = this.#context;
    for (const leadership of this.#leaderships.all()) {
      for (const peer of leadership.peers) {
        const { watched, untold } = this.#destination(leadership, peer);
        if (acknowledged(leadership, peer) && !isCutOff(peer, untold)) continue;
        // Under load there is always something under way; what counts is how long it has been.
        const since = watched ?? untold;
        if (since !== null && now - since.at < config.timing.retryMs[0]!) {
          this.#context.alarmAt(since.at + config.timing.retryMs[0]!);
          continue;
        }
        const row = this.#rows.get(keyOf(leadership, peer));
        if (row !== undefined && row.nextAt > now) {
          this.#context.alarmAt(row.nextAt);
          continue;
        }
        const stage = row === undefined ? 0 : row.stage;
        if (stage >= config.timing.retryMs.length) continue;
        leadership.appends.probe(peer.region);
        this.#schedule(leadership, peer, stage + 1);
      }
    }
  }

  /** Schedules that have ended begin again. */
  onVisit(): void {
    for (const leadership of this.#leaderships.all()) {
      for (const peer of leadership.peers) {
        const row = this.#rows.get(keyOf(leadership, peer));
        if (row === undefined || row.stage < this.#context.config.timing.retryMs.length) continue;
        leadership.appends.probe(peer.region);
        this.#schedule(leadership, peer, 0);
      }
    }
  }

  #schedule(leadership: Leadership, peer: Peer, stage: number): void {
    const { now, config, storage } = this.#context;
    const delay = config.timing.retryMs[stage];
    const row: OutboxRow = {
      o: leadership.log.o,
      dest: peer.region,
      stage,
      nextAt: delay === undefined ? Number.MAX_SAFE_INTEGER : now + delay,
    };
    this.#rows.set(keyOf(leadership, peer), row);
    storage.putOutbox(row);
    if (delay === undefined) this.#context.emit({ type: "attention" });
    else this.#context.alarmAt(row.nextAt);
  }

  #advanceDestination(leadership: Leadership, peer: Peer): void {
    const { now, config, storage } = this.#context;
    const { log } = leadership;
    const destination = this.#destination(leadership, peer);
    this.#watchNews(leadership, peer, destination);
    if (acknowledged(leadership, peer)) {
      destination.watched = null;
      const { untold } = destination;
      if (untold !== null && isCutOff(peer, untold)) {
        const scheduled = this.#rows.has(keyOf(leadership, peer));
        if (!scheduled) this.#context.alarmAt(untold.at + config.timing.retryMs[0]!);
        return;
      }
      if (this.#rows.delete(keyOf(leadership, peer))) storage.deleteOutbox(log.o, peer.region);
      return;
    }
    const match = peer.match ?? 0;
    // A restarted leader that has written nothing leaves it to the alarm to find out what its peers have.
    if (peer.match === null && !leadership.active) return;
    if (destination.watched === null || match >= destination.watched.s)
      destination.watched = { s: log.last.s, at: now };
    if (destination.queuedThrough > log.last.s) destination.queuedThrough = 0;
    if (destination.queuedThrough >= log.last.s || destination.enqueuing) return;
    if (destination.refusals >= REFUSALS_MAX) return;
    // Once the queue has the entry that waits, what came after it waits from when it was first seen.
    destination.restSince =
      destination.queuedThrough >= destination.watched.s ? (destination.restSince ?? now) : null;
    const since = destination.restSince ?? destination.watched.at;
    const due = since + config.timing.queueAfterMs * 2 ** destination.refusals;
    if (now < due) return this.#context.wakeAt(due);
    this.#enqueue(
      leadership,
      peer,
      destination,
      Math.max(destination.queuedThrough, peer.match ?? log.last.s - 1),
    );
  }

  /** The next append tells it of the commit, unless calls do not reach it: then that is a matter for the schedule. */
  #watchNews({ log }: Leadership, peer: Peer, destination: Destination): void {
    const { now } = this.#context;
    if (peer.match === null || peer.toldCommit >= log.commit) destination.untold = null;
    else if (destination.untold === null || peer.toldCommit >= destination.untold.s)
      destination.untold = { s: log.commit, at: now };
  }

  #destination(leadership: Leadership, peer: Peer): Destination {
    const key = keyOf(leadership, peer);
    let destination = this.#destinations.get(key);
    if (destination === undefined) {
      destination = {
        watched: null,
        untold: null,
        queuedThrough: 0,
        restSince: null,
        enqueuing: false,
        refusals: 0,
      };
      this.#destinations.set(key, destination);
    }
    return destination;
  }

  #enqueue(leadership: Leadership, peer: Peer, destination: Destination, after: number): void {
    const { messages, through } = this.#pack(leadership, after);
    destination.enqueuing = true;
    this.#context.enqueue(peer.region, messages, (ok) => {
      destination.enqueuing = false;
      destination.restSince = null;
      if (ok) {
        destination.queuedThrough = through;
        destination.refusals = 0;
        return;
      }
      // A queue that refuses is no matter: the schedule goes on, and this is tried again a few times.
      destination.refusals += 1;
      destination.watched = { s: leadership.log.last.s, at: this.#context.now };
    });
  }

  /** Entries after `after` as messages of one billing unit each; a doorbell for what does not fit. */
  #pack(leadership: Leadership, after: number): { messages: Batch[]; through: number } {
    const { storage, config, incarnation } = this.#context;
    const { limits } = config;
    const { log } = leadership;
    const message = (prev: number, entries: Batch["entries"], chain: Uint8Array): Batch => ({
      type: "batch",
      o: log.o,
      e: leadership.e,
      inc: incarnation,
      prev: { e: log.epochAt(prev), s: prev },
      entries,
      chain,
      last: log.last,
      commit: log.commit,
      pv: PROTOCOL_VERSION,
    });
    const doorbell = (): Batch => message(log.last.s, [], log.chain);
    if (log.last.s - after > limits.inlineEntriesMax || after < log.base.s)
      return { messages: [doorbell()], through: log.last.s };
    const messages: Batch[] = [];
    let prev = after;
    let bytes = 0;
    while (prev < log.last.s) {
      const room = limits.queueMessageBytes - ENVELOPE_BYTES;
      let page = storage.entries(log.o, prev, room, limits.batchEntriesMax);
      const fitting = framedWithin(page.entries, room);
      if (fitting < page.entries.length) page = storage.entries(log.o, prev, room, fitting);
      const size = page.entries.reduce((sum, raw) => sum + raw.bytes.length, 0);
      if (
        size > limits.queueEntryBytesMax ||
        bytes + size > limits.inlineBytesMax ||
        messages.length >= MESSAGES_MAX
      ) {
        return { messages: [...messages, doorbell()], through: log.last.s };
      }
      messages.push(message(prev, page.entries, page.chain));
      bytes += size;
      prev = page.entries.at(-1)!.s;
    }
    return { messages, through: prev };
  }
}

/** How many of the entries fit with their framing; at least one. */
function framedWithin(entries: Batch["entries"], room: number): number {
  let bytes = 0;
  const over = entries.findIndex((raw) => (bytes += raw.bytes.length + FRAMING_BYTES) > room);
  return over === -1 ? entries.length : Math.max(1, over);
}

/** It waits for news of the commit, and calls do not reach it. */
function isCutOff(peer: Peer, untold: Destination["untold"]): boolean {
  return untold !== null && peer.failures > 0;
}

/** Settled means acknowledged, not sent. */
function acknowledged(leadership: Leadership, peer: Peer): boolean {
  return peer.match !== null && peer.match >= leadership.log.last.s;
}

function keyOf(leadership: Leadership, peer: Peer): `${RegionIndex}:${RegionIndex}` {
  return `${leadership.log.o}:${peer.region}`;
}
