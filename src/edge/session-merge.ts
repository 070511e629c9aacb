/**
 * What a session has seen, and how two such views become one. Pure.
 *
 * One entry for each (partition, origin, epoch): the greatest seq seen there. Positions of different epochs of one log stand
 * beside each other, because only a replica can tell whether the lower one is contained in the higher one's log or was
 * cut off by the failover between them; guessing would either hang a session or hide a loss from it.
 */
import type { CrossPosition } from "../replication/position.ts";
import type { Facts, LostPosition, SessionPart, SessionPosition } from "../replication/request.ts";
import { SESSION_TOKEN_VERSION, type SeenPosition, type SessionToken } from "../wire/session-codec.ts";

/** The content of a token. Passed on whole: it may hold fields of newer code. */
export type SessionView = SessionToken;

export function emptyView(namespace: string, mapVersion: number): SessionView {
  return { version: SESSION_TOKEN_VERSION, namespace, mapVersion, positions: [], seenAt: 0, issuedAt: 0 };
}

/**
 * Epochs kept for one log. More pile up only when that many failovers passed while one token was in use without a
 * break; then the lowest go: logs contain their own past, so the higher ones still hold it unless every one of them is lost.
 */
const EPOCHS_MAX = 8;

/** Answers `view` itself when the additions tell it nothing: then its token can be handed back as it is. */
export function mergeView(
  view: SessionView,
  additions: readonly SeenPosition[],
  seenAt: number,
): SessionView {
  const merged = [...view.positions];
  let changed = seenAt > view.seenAt;
  for (const each of additions) {
    if (each.s > 0 && mergeInto(merged, each)) changed = true;
  }
  return changed ? { ...view, positions: merged, seenAt: Math.max(seenAt, view.seenAt) } : view;
}

function mergeInto(positions: SeenPosition[], added: SeenPosition): boolean {
  const at = positions.findIndex(({ p, o, e }) => p === added.p && o === added.o && e === added.e);
  const known = positions[at];
  if (known === undefined) {
    positions.push(added);
    const epochs = positions.filter(({ p, o }) => p === added.p && o === added.o);
    if (epochs.length > EPOCHS_MAX) {
      const lowest = epochs.reduce((low, each) => (each.e < low.e ? each : low));
      positions.splice(positions.indexOf(lowest), 1);
    }
    return true;
  }
  if (known.s > added.s) return false;
  const durable = known.s === added.s ? known.durable || added.durable : added.durable;
  if (known.s === added.s && known.durable === durable) return false;
  positions[at] = { ...known, s: added.s, durable };
  return true;
}

/** Without exactly what a replica found lost: what a position stood for and was not lost stays, and is committed. */
export function withoutLost(
  view: SessionView,
  partition: number,
  lost: readonly LostPosition[],
): SessionView {
  let changed = false;
  const positions = view.positions.flatMap((seen) => {
    const { p, o, e, s } = seen;
    const cut =
      p === partition ? lost.find((each) => each.o === o && each.e === e && each.s === s) : undefined;
    if (cut === undefined) return [seen];
    changed = true;
    return cut.rest === undefined ? [] : [{ ...seen, s: cut.rest, durable: true }];
  });
  return changed ? { ...view, positions } : view;
}

const NOTHING_SEEN: SessionPart = { positions: [], others: [], seenAt: 0 };

/** What a replica of `partition` has to cover, and what a write there records of the rest. */
export function partFor(view: SessionView | null, partition: number): SessionPart {
  if (view === null) return NOTHING_SEEN;
  const positions: SessionPosition[] = [];
  const others: CrossPosition[] = [];
  for (const { p, o, e, s, durable } of view.positions) {
    if (p === partition) positions.push({ o, e, s, durable });
    else others.push({ p, o, e, s });
  }
  return { positions, others, seenAt: view.seenAt };
}

/** What an answer showed, as additions to a view. */
export function shownBy(facts: Pick<Facts, "shown" | "shownOthers">, partition: number): SeenPosition[] {
  return [
    ...facts.shown.map((position) => ({ ...position, p: partition })),
    ...facts.shownOthers.map((position) => ({ ...position, durable: false })),
  ];
}
