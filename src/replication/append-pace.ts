/**
 * When a peer is sent an append. What somebody waits for goes at once, or as soon as the peer may be tried again; the rest is
 * paced, so that many writes share a message; and a peer that has everything and knows it is left alone.
 */
import type { Peer } from "./peer.ts";

/** Appends to one peer are at least this far apart, so that many writes share a message: entries nobody waits for, */
const PACE_MS = 40;
/** entries, a round or a lease that somebody waits for, while another append is under way, */
const URGENT_PACE_MS = 2;
/** and the commit position alone: the next write usually carries it, unless somebody over there waits for it. */
const NEWS_PACE_MS = 100;
/** A peer that catches up by itself is told this often how far the log goes, while somebody waits for it: it may have restarted. */
const REMIND_MS = 500;
/** Appends under way to one peer: enough to fill a long round trip at that pace. */
const IN_FLIGHT_MAX = 16;
const IN_FLIGHT_BYTES_MAX = 2_000_000;

/** How the leader stands in this turn. */
export interface Agenda {
  /** Head of its log, and the commit position. */
  readonly last: number;
  readonly commit: number;
  /** This instance has added to the log. */
  readonly active: boolean;
  /** Somebody waits for entries up to this seq to reach the others, */
  readonly urgentThrough: number;
  /** for a majority to answer an append with this number or a greater one, */
  readonly round: number;
  /** or for a lease that is to be renewed. */
  readonly grant: boolean;
}

/** The instant, which may be over; null: it is not to be sent anything as things are. */
export function appendDueAt(peer: Peer, agenda: Agenda, now: number): number | null {
  const { last, commit, active, urgentThrough, round, grant } = agenda;
  const idle = peer.inFlight === 0;
  // After a restart, what a peer has is asked when something was written since, or when somebody waits for a commit
  // position that only the peers' answers can tell.
  const unknownDue = active || urgentThrough > commit;
  const entriesDue = peer.match === null ? unknownDue : !peer.distant && peer.next <= last;
  const newsDue = peer.match !== null && !peer.distant && peer.toldCommit < commit;
  const roundDue = round > peer.sent || (round > peer.answered && idle);
  const grantDue = grant && idle;
  if (!entriesDue && !newsDue && !roundDue && !grantDue) {
    const reminderDue = peer.distant && (peer.match ?? 0) < urgentThrough && idle;
    return reminderDue ? Math.max(peer.retryAt, peer.lastSentAt + REMIND_MS) : null;
  }
  const awaited = peer.match === null ? urgentThrough > 0 : peer.next <= urgentThrough;
  const urgent = roundDue || grantDue || (entriesDue && awaited) || (newsDue && peer.eager);
  // Only what somebody waits for is worth a turn of its own; the rest goes with the next write or the schedule.
  if (now < peer.retryAt) return urgent ? peer.retryAt : null;
  if (peer.inFlight >= IN_FLIGHT_MAX || peer.inFlightBytes >= IN_FLIGHT_BYTES_MAX) return null;
  if (peer.match === null && !idle) return null;
  if (urgent && idle) return now;
  return peer.lastSentAt + (urgent ? URGENT_PACE_MS : entriesDue ? PACE_MS : NEWS_PACE_MS);
}
