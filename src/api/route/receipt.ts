/** What became of writes, and of those that were lost. */
import { PATH, QUERY, READ_HEADERS, ROUTING_HEADERS, TRANSACTION_HEADERS } from "../parameter.ts";
import type { RouteContract } from "../route-contract.ts";
import { DivergentAction, DivergentList, DivergentSettled } from "../schema/divergent.ts";
import { ReceiptState } from "../schema/receipt.ts";
import { ASKING, READING, WRITING } from "./problem-list.ts";

export const RECEIPT_ROUTES = {
  getReceipt: {
    method: "GET",
    path: "/v1/users/{user}/receipts/{position}",
    tag: "receipts",
    summary: "A receipt as it stands now, or as soon as its concern is met",
    parameters: [PATH.user, PATH.position, QUERY.waitMs, QUERY.concern, ...ROUTING_HEADERS],
    answers: { 200: { description: "The receipt", body: ReceiptState, data: true } },
    problems: [...ASKING, "invalid-session", "no-leader", "region-unavailable"],
  },
  listDivergent: {
    method: "GET",
    path: "/v1/users/{user}/divergent",
    tag: "receipts",
    summary: "Writes that a failover cut off, with what they found and what is there now",
    parameters: [PATH.user, QUERY.divergentLimit, QUERY.divergentCursor, ...READ_HEADERS],
    answers: { 200: { description: "A page", body: DivergentList, data: true } },
    problems: READING,
  },
  settleDivergent: {
    method: "POST",
    path: "/v1/users/{user}/divergent/{id}",
    tag: "receipts",
    summary: "Run a lost write again, or give it up",
    parameters: [PATH.user, PATH.divergent, ...TRANSACTION_HEADERS],
    request: DivergentAction,
    answers: { 200: { description: "Settled", body: DivergentSettled, data: true } },
    problems: [
      ...WRITING.filter((name) => name !== "precondition-failed"),
      "divergent-settled",
      "not-json",
      "not-a-counter",
      "counter-overflow",
      "transaction-too-large",
    ],
  },
} as const satisfies Record<string, RouteContract>;
