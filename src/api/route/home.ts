/** The home of a user. */
import { HOME_HEADERS, PATH, ROUTING_HEADERS } from "../parameter.ts";
import type { RouteContract } from "../route-contract.ts";
import { Home, HomeRequest } from "../schema/home.ts";
import { ASKING } from "./problem-list.ts";

export const HOME_ROUTES = {
  getHome: {
    method: "GET",
    path: "/v1/users/{user}/home",
    tag: "home",
    summary: "The user's home region and who leads there",
    parameters: [PATH.user, ...HOME_HEADERS],
    answers: { 200: { description: "The home", body: Home } },
    problems: [...ASKING, "invalid-session", "no-leader", "region-unavailable"],
  },
  putHome: {
    method: "PUT",
    path: "/v1/users/{user}/home",
    tag: "home",
    summary: "Move the user to another region, or choose the home before the first write",
    parameters: [PATH.user, ...ROUTING_HEADERS],
    request: HomeRequest,
    answers: { 200: { description: "The home", body: Home } },
    problems: [...ASKING, "invalid-session", "no-leader", "region-unavailable", "outcome-unknown"],
  },
} as const satisfies Record<string, RouteContract>;
