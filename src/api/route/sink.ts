/** Sinks. */
import { PATH, PLACED_IN } from "../parameter.ts";
import type { RouteContract } from "../route-contract.ts";
import { SinkAction, SinkControlled, Sinks } from "../schema/sink.ts";

export const SINK_ROUTES = {
  listSinks: {
    method: "GET",
    path: "/v1/sinks",
    tag: "sinks",
    summary: "Sinks and how far each is with every log; answers within 2 s whatever is down",
    parameters: [PLACED_IN],
    answers: { 200: { description: "Cached for 1 s", body: Sinks } },
    problems: ["invalid-request", "unauthenticated", "forbidden"],
    admin: true,
  },
  controlSink: {
    method: "POST",
    path: "/v1/sinks/{name}",
    tag: "sinks",
    summary: "Resume a parked or lost sink, or send again what follows a position of a log",
    parameters: [PATH.sink, PLACED_IN],
    request: SinkAction,
    answers: { 200: { description: "What goes on from where", body: SinkControlled } },
    problems: [
      "invalid-request",
      "unauthenticated",
      "forbidden",
      "not-found",
      "cursor-expired",
      "no-leader",
      "region-unavailable",
    ],
    admin: true,
  },
} as const satisfies Record<string, RouteContract>;
