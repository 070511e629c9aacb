/** Regions and their leaders. */
import { PATH, PLACED_IN, QUERY, TIMEOUT } from "../parameter.ts";
import type { RouteContract } from "../route-contract.ts";
import { FailoverPreview } from "../schema/failover-preview.ts";
import { HandedOff, LeaderRequest } from "../schema/hand-off.ts";
import { Regions } from "../schema/region.ts";

export const REGION_ROUTES = {
  listRegions: {
    method: "GET",
    path: "/v1/regions",
    tag: "regions",
    summary: "Regions, their logs and how far each is; answers within 2 s whatever is down",
    parameters: [QUERY.region, QUERY.partition, PLACED_IN],
    answers: { 200: { description: "Cached for 1 s", body: Regions } },
    problems: ["invalid-request", "unauthenticated"],
  },
  putLeader: {
    method: "PUT",
    path: "/v1/regions/{origin}/leader",
    tag: "regions",
    summary: "Hand the logs of an origin to a region, without losing a write",
    parameters: [PATH.origin, PLACED_IN, TIMEOUT],
    request: LeaderRequest,
    answers: { 200: { description: "The region leads all of them", body: HandedOff } },
    problems: ["invalid-request", "unauthenticated", "forbidden", "not-found", "handoff-incomplete"],
    admin: true,
  },
  previewFailover: {
    method: "GET",
    path: "/v1/regions/{origin}/failover-preview",
    tag: "regions",
    summary: "What a takeover now would lose of an origin's logs; answers within 2 s whatever is down",
    parameters: [PATH.origin, PLACED_IN],
    answers: { 200: { description: "Cached for 1 s", body: FailoverPreview } },
    problems: ["invalid-request", "unauthenticated", "not-found"],
  },
} as const satisfies Record<string, RouteContract>;
