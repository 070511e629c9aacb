/**
 * The way to a replica near the client, for answers that need not come from a leader. Whoever is nearest and answers
 * serves; a silent region costs one bounded attempt and is then put last for a while.
 */
import type { ClientRequest } from "../replication/request.ts";
import type { Journey, Outcome } from "./journey.ts";

/** What a replica that serves out of its own storage may take, beyond what it was told to wait. */
const SERVE_MS_MAX = 1_500;
const SERVE_MS_MIN = 300;

export function askNear(journey: Journey, request: ClientRequest, waitMs: number): Promise<Outcome> {
  return askNearest(journey, (serveMs) => ({ request, timeoutMs: waitMs + serveMs }));
}

/** `attempt`: what to ask the next region, and for how long, where serving alone may take `serveMs`. */
export async function askNearest(
  journey: Journey,
  attempt: (serveMs: number) => { readonly request: ClientRequest; readonly timeoutMs: number },
): Promise<Outcome> {
  const { edge, from } = journey;
  const order = edge.health.order(from, edge.regions.nearTo(from), Date.now());
  let last: Outcome = { kind: "unreached", reason: "refused" };
  for (const to of order) {
    const serveMs = Math.min(SERVE_MS_MAX, Math.max(SERVE_MS_MIN, Math.floor(journey.remainingMs() / 3)));
    const { request, timeoutMs } = attempt(serveMs);
    const outcome = await journey.ask(to, request, timeoutMs);
    if (!isSilent(outcome)) return outcome;
    last = outcome;
  }
  return last;
}

/** The next region may do better. An overloaded one is alive: others are not asked in its place. */
function isSilent(outcome: Outcome): boolean {
  if (outcome.kind === "unreached") return outcome.reason === "timeout" || outcome.reason === "refused";
  return outcome.kind === "refused" && outcome.reason === "not-ready";
}
