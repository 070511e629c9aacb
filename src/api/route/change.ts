/** The change feed. */
import { FEED_HEADERS, PATH, PLACED_IN, QUERY } from "../parameter.ts";
import type { RouteContract } from "../route-contract.ts";
import { ChangePage, Ticket, TicketRequest } from "../schema/change.ts";
import { ASKING } from "./problem-list.ts";

export const CHANGE_ROUTES = {
  listChanges: {
    method: "GET",
    path: "/v1/users/{user}/changes",
    tag: "changes",
    summary: "What was done to the user's items, in order, as soon as it is committed",
    parameters: [
      PATH.user,
      QUERY.after,
      QUERY.changesLimit,
      QUERY.changesWaitMs,
      QUERY.values,
      QUERY.ticket,
      ...FEED_HEADERS,
    ],
    answers: {
      200: {
        description: "What comes next, whole transactions only; perhaps nothing, once the wait is over",
        body: ChangePage,
        data: true,
      },
    },
    problems: [
      ...ASKING,
      "invalid-session",
      "session-lost",
      "cursor-expired",
      "no-leader",
      "region-unavailable",
      "read-timeout",
    ],
  },
  openLive: {
    method: "GET",
    path: "/v1/users/{user}/live",
    tag: "changes",
    summary: "The same changes as messages of a WebSocket",
    parameters: [PATH.user, QUERY.after, QUERY.values, QUERY.ticket, ...FEED_HEADERS],
    answers: { 101: { description: "The socket" } },
    problems: [
      ...ASKING,
      "invalid-session",
      "session-lost",
      "cursor-expired",
      "too-many-requests",
      "no-leader",
      "region-unavailable",
      "read-timeout",
    ],
  },
  createTicket: {
    method: "POST",
    path: "/v1/tickets",
    tag: "changes",
    summary: "A ticket for a client that cannot send headers: good once, for a minute",
    parameters: [PLACED_IN],
    request: TicketRequest,
    answers: { 200: { description: "The ticket", body: Ticket } },
    problems: ["invalid-request", "unauthenticated", "forbidden", "not-found"],
  },
} as const satisfies Record<string, RouteContract>;
