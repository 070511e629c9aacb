/**
 * What the leader of a log knows of another region's replica: how far its log is ours, what it was sent and told, what it
 * granted, and when it is tried again.
 */
import { divergencePoint, holds } from "./epoch-table.ts";
import type { Log } from "./log.ts";
import type { AppendMismatch } from "./message.ts";
import type { RegionIndex } from "./position.ts";

/** After a failed call the peer is tried again no sooner than this, doubling, while somebody waits for it. */
const BACKOFF_MS = 100;
const BACKOFF_MS_MAX = 5_000;

export interface Peer {
  readonly region: RegionIndex;
  /** Last seq known to be ours there; null before its first answer. */
  match: number | null;
  /** Next seq to send. */
  next: number;
  inFlight: number;
  inFlightBytes: number;
  /** Commit position it was last told and has acknowledged. */
  toldCommit: number;
  lastSentAt: number;
  /** Number of the last append sent to it, and the greatest number among those it answered. */
  sent: number;
  answered: number;
  /** Sending time of the latest grant request it accepted. */
  grantedAt: number;
  /** Last reading of its clock; and the last one that was known when this instance wrote to its storage. */
  stamp: number;
  provenStamp: number;
  /** Somebody there waits for the commit position. */
  eager: boolean;
  failures: number;
  /** Appends up to this number count as one failure: they were under way together. */
  failedThrough: number;
  retryAt: number;
  /** It is too far behind to be sent entries; it pulls by itself and says when it is done. */
  distant: boolean;
  /** Its incarnation, as far as it was counted. */
  inc: number;
  /** It has lost its memory (R8): it is sent entries, and not counted. */
  amnesiac: boolean;
  /** State of the sinks that it was told and has acknowledged. */
  toldSinks: number;
  /** State of what it was told of the other voters and has acknowledged. */
  toldVoters: number;
}

/** Before its first answer. `next`: what it is guessed to lack first. */
export function newPeer(region: RegionIndex, { next, amnesiac }: Pick<Peer, "next" | "amnesiac">): Peer {
  return {
    region,
    match: null,
    next,
    inFlight: 0,
    inFlightBytes: 0,
    toldCommit: -1,
    lastSentAt: 0,
    sent: 0,
    answered: 0,
    grantedAt: 0,
    stamp: 0,
    provenStamp: 0,
    eager: false,
    failures: 0,
    failedThrough: 0,
    retryAt: 0,
    distant: false,
    inc: 0,
    amnesiac,
    toldSinks: 0,
    toldVoters: -1,
  };
}

/** What it said before it lost its memory is void. */
export function forgetWord(peer: Peer, next: number): void {
  peer.match = null;
  peer.next = next;
  peer.answered = 0;
  peer.grantedAt = 0;
  peer.toldCommit = -1;
  peer.toldSinks = 0;
  peer.inc = 0;
}

export function backOff(peer: Peer, now: number): void {
  peer.failures += 1;
  peer.retryAt = now + Math.min(BACKOFF_MS_MAX, BACKOFF_MS * 2 ** Math.min(peer.failures - 1, 10));
}

/** It holds the leader's log up to `match`, as far as that goes: to `last`. */
export function matches(peer: Peer, match: number, last: number, inlineEntriesMax: number): void {
  peer.match = Math.max(peer.match ?? 0, Math.min(match, last));
  peer.next = Math.max(peer.next, peer.match + 1);
  if (last - peer.match <= inlineEntriesMax) peer.distant = false;
}

/** Its log is not the leader's up to where it was thought to be. */
export function differs(peer: Peer, log: Log, theirs: AppendMismatch, inlineEntriesMax: number): void {
  peer.failures = 0;
  const agree = divergencePoint(
    log.epochs,
    log.last.s,
    log.base.s,
    theirs.epochs,
    theirs.last.s,
    theirs.base.s,
  );
  peer.match ??= 0;
  // Too far behind to be fed: it pulls (or takes a snapshot) by itself and reports progress when it is there.
  peer.distant = !holds(theirs, log.base) || log.last.s - agree > inlineEntriesMax;
  if (peer.distant) return;
  peer.next = Math.max(agree, peer.match) + 1;
  peer.retryAt = 0;
}
