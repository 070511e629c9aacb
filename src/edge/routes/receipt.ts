/** A receipt as it stands now. Asked of whoever leads the log that the write went into. */
import { RECEIPT_WAIT_MS_MAX } from "../../api/limit.ts";
import type { PathForm } from "../../api/path-form.ts";
import type { Concern } from "../../replication/entry.ts";
import type { Position } from "../../replication/position.ts";
import type { ReceiptRequest } from "../../replication/request.ts";
import { dataHeaders, readSession } from "../data-answer.ts";
import type { Exchange } from "../exchange.ts";
import { mayReadAll, mayWrite } from "../identity.ts";
import { Journey, sleep, type Outcome } from "../journey.ts";
import { askLeaderOf } from "../leader-route.ts";
import { decodePart } from "../path.ts";
import { parsePosition, positionText } from "../position-text.ts";
import { outcomeAnswer } from "../problem-answer.ts";
import type { Query } from "../query.ts";
import { receiptBody } from "../receipt-body.ts";
import { invalid, Refused } from "../refusal.ts";
import { parseConcern, parseInteger } from "../request-header.ts";

const RECEIPTS = "/receipts/".length;

export async function getReceipt(exchange: Exchange, form: PathForm): Promise<Response> {
  const subject = await exchange.address(form);
  const { edge, startedAt } = exchange;
  if (!mayReadAll(subject.identity, subject.user) && !mayWrite(subject.identity, subject.user)) {
    throw new Refused("forbidden", "this receipt is not yours to read");
  }
  const position = parsePosition(edge.regions, decodePart(subject.tail.slice(RECEIPTS), "the position"));
  if (position === "malformed") throw invalid("the position has to be origin.epoch.seq");
  if (position === "unknown") throw new Refused("not-found", "no write has this position");
  const wait = waitOf(exchange.query());
  const terms = { session: readSession(exchange, subject.namespace), trace: exchange.wantsTrace() };
  const timeoutMs = exchange.budgetMs();
  const journey = new Journey(edge, subject, {
    from: exchange.placed(),
    startedAt,
    // The wait is the replica's; the way there and back comes on top of it.
    budgetMs: wait === undefined ? timeoutMs : wait.ms + timeoutMs,
    effect: null,
  });
  exchange.journey = journey;
  const outcome = await askReceipt(journey, position, wait);
  if (outcome.kind === "unknown-user") {
    return outcomeAnswer(exchange, journey, { kind: "refused", reason: "no-receipt" }, terms);
  }
  if (outcome.kind !== "receipt") return outcomeAnswer(exchange, journey, outcome, terms);
  const { divergent, facts, receipt, state } = outcome;
  const headers = dataHeaders(exchange, journey, { facts, ...terms });
  headers["Content-Type"] = "application/json";
  const kept = divergent === undefined ? {} : { divergent: positionText(edge.regions, divergent) };
  const body = { ...receiptBody(edge.regions, receipt), state, ...kept };
  return new Response(exchange.isHead ? null : JSON.stringify(body), { headers });
}

/** The leader is asked for a slice of the time at a time, like anybody, and again while the concern is not met. */
async function askReceipt(journey: Journey, position: Position, wait: Wait | undefined): Promise<Outcome> {
  const { from, subject } = journey;
  const request = { op: "receipt", user: subject.user, position, from } as const;
  if (wait === undefined) return askLeaderOf(journey, position.o, (hop) => ({ ...request, ...hop }));
  const waitUntil = journey.startedAt + wait.ms;
  for (;;) {
    const outcome = await askLeaderOf(journey, position.o, (hop): ReceiptRequest => {
      // The wait is over before the leader could be sure that it leads: how the receipt stands is told all the same.
      if (Date.now() >= waitUntil) return { ...request, ...hop };
      const deadlineAt = Math.min(hop.deadlineAt, waitUntil);
      return { ...request, concern: wait.concern, ...hop, deadlineAt };
    });
    const over = Date.now() + REPEAT_MS >= waitUntil;
    if (over || outcome.kind !== "receipt" || outcome.met || outcome.state === "lost") return outcome;
    await sleep(REPEAT_MS);
  }
}

/** A leader that answers before its slice is over is not asked again at once. */
const REPEAT_MS = 50;

interface Wait {
  readonly ms: number;
  readonly concern: Concern;
}

/** `waitMs` alone waits for a majority, which is what `committed` means; `concern` alone asks without waiting. */
function waitOf(query: Query): Wait | undefined {
  const waitMs = query.get("waitMs");
  const concern = query.get("concern");
  const ms = waitMs === undefined ? 0 : parseInteger("waitMs", waitMs, 0, RECEIPT_WAIT_MS_MAX);
  const wanted = concern === undefined ? "majority" : parseConcern("concern", concern);
  return ms === 0 ? undefined : { ms, concern: wanted };
}
