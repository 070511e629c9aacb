/**
 * The way to a replica near the client, for answers that need not come from a leader. Whoever is nearest and answers
 * serves; a silent region costs one bounded attempt and is then put last for a while.
 */
import type { ClientRequest } from "../replication/request.ts";
import type { RegionIndex } from "../replication/position.ts";
import type { Journey, Outcome, Unreached } from "./journey.ts";
import type { Opened } from "./seam.ts";

/** What a replica that serves out of its own storage may take, beyond what it was told to wait. */
const SERVE_MS_MAX = 1_500;
const SERVE_MS_MIN = 300;

export function askNear(journey: Journey, request: ClientRequest, waitMs: number): Promise<Outcome> {
  return tryNearest(journey, (to, serveMs) => journey.ask(to, request, waitMs + serveMs));
}

/** `attempt`: asks a region, where serving alone may take `serveMs`. */
export async function tryNearest<T extends Outcome | Opened>(
  journey: Journey,
  attempt: (to: RegionIndex, serveMs: number) => Promise<T>,
): Promise<T | Unreached> {
  const { edge, from } = journey;
  const order = edge.health.order(from, edge.regions.nearTo(from), Date.now());
  let last: T | Unreached = { kind: "unreached", reason: "refused" };
  for (const to of order) {
    const serveMs = Math.min(SERVE_MS_MAX, Math.max(SERVE_MS_MIN, Math.floor(journey.remainingMs() / 3)));
    const outcome = await attempt(to, serveMs);
    if (!isSilent(outcome)) return outcome;
    last = outcome;
  }
  return last;
}

/** The next region may do better. An overloaded one is alive: others are not asked in its place. */
function isSilent(outcome: Outcome | Opened): boolean {
  if (outcome.kind === "unreached") return outcome.reason === "timeout" || outcome.reason === "refused";
  return outcome.kind === "refused" && outcome.reason === "not-ready";
}
