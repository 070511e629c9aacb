/** What speaks of the service itself. */
import { z } from "zod";
import { PATH } from "../parameter.ts";
import type { ResponseHeaderName } from "../response-header.ts";
import type { RouteContract } from "../route-contract.ts";
import { Health } from "../schema/service.ts";

const PAGE_HEADERS: readonly ResponseHeaderName[] = [
  "Content-Security-Policy",
  "X-Content-Type-Options",
  "Referrer-Policy",
];

export const SERVICE_ROUTES = {
  health: {
    method: "GET",
    path: "/v1/health",
    tag: "service",
    summary: "Liveness of the edge; touches no object",
    parameters: [],
    answers: { 200: { description: "Alive", body: Health } },
    problems: [],
    open: true,
  },
  metrics: {
    method: "GET",
    path: "/metrics",
    tag: "service",
    summary: "Counters of this isolate as OpenMetrics text; touches no object",
    parameters: [],
    answers: { 200: { description: "OpenMetrics", body: "text" } },
    problems: [],
    open: true,
  },
  openApi: {
    method: "GET",
    path: "/openapi.json",
    tag: "service",
    summary: "This document",
    parameters: [],
    answers: { 200: { description: "OpenAPI 3.1", body: z.looseObject({}) } },
    problems: [],
    open: true,
  },
  docs: {
    method: "GET",
    path: "/docs",
    tag: "service",
    summary: "This document, to read",
    parameters: [],
    answers: { 200: { description: "A page", body: "html", headers: PAGE_HEADERS } },
    problems: [],
    open: true,
  },
  listProblems: {
    method: "GET",
    path: "/problems",
    tag: "service",
    summary: "All problem types",
    parameters: [],
    answers: { 200: { description: "A page", body: "html", headers: PAGE_HEADERS } },
    problems: [],
    open: true,
  },
  getProblem: {
    method: "GET",
    path: "/problems/{name}",
    tag: "service",
    summary: "What a problem means and what to do",
    parameters: [PATH.problem],
    answers: { 200: { description: "A page", body: "html", headers: PAGE_HEADERS } },
    problems: ["not-found"],
    open: true,
  },
} as const satisfies Record<string, RouteContract>;
