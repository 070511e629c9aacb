/**
 * The Worker's HTTP surface: the router, and around every handler the three things that every request gets: an exchange, a
 * problem where something was thrown, and a count.
 *
 * There is one router entry for each path, which tells methods apart by itself: a router that finds one handler calls it, and
 * one that finds several builds a chain. The router is given the path undecoded, because a decoded one may be another path.
 */
import { Hono, type Context } from "hono";
import { DATA_VARY, HEADER } from "../api/header.ts";
import { pathForms, type PathForm } from "../api/path-form.ts";
import { ROUTES, type RouteId } from "../api/route.ts";
import type { Method, RouteContract } from "../api/route-contract.ts";
import { PROBLEM_CONTENT_TYPE, problemBody, PROBLEMS } from "../api/problem.ts";
import { optionsAnswer } from "./cross-origin.ts";
import { createEdge, misconfiguration, type Edge } from "./edge.ts";
import { Exchange } from "./exchange.ts";
import { HANDLERS } from "./handlers.ts";
import { uniqueId } from "./ids.ts";
import { hasBadSegment, rawPathOf } from "./path.ts";
import { problemAnswer, thrownAnswer } from "./problem-answer.ts";
import { invalid, Refused } from "./refusal.ts";
import type { EdgeContext } from "./seam.ts";

interface Path {
  readonly form: PathForm;
  readonly routes: Partial<Record<Method, RouteId>>;
  /** For the header of the same name. */
  readonly allow: string;
}

/** Makes the caches too: one app for as long as the isolate has this environment. */
export function createApp(context: EdgeContext): Hono {
  const edge = createEdge(context);
  const app = newRouter();
  for (const [pattern, path] of pathTable()) {
    app.all(pattern, (c: Context) => servePath(edge, c.req.raw, path));
  }
  app.notFound((c: Context) => serve(edge, c.req.raw, "unknown", nothingHere));
  return app;
}

/** What serves where the configuration could not be read: it says so, instead of failing in a hundred ways. */
export function createMisconfiguredApp(detail: string): Hono {
  const app = newRouter();
  const problem = problemBody("misconfigured", detail, { write: false, unanswered: false });
  app.all("*", () => {
    const requestId = uniqueId();
    const headers = {
      [HEADER.requestId]: requestId,
      "Content-Type": PROBLEM_CONTENT_TYPE,
      "Cache-Control": "no-store",
      Vary: DATA_VARY,
    };
    const { status } = PROBLEMS.misconfigured;
    return new Response(JSON.stringify({ ...problem, requestId }), { status, headers });
  });
  return app;
}

function newRouter(): Hono {
  return new Hono({ getPath: (request) => rawPathOf(request.url) });
}

/** Router patterns and what is behind them, in the order of declaration. */
function pathTable(): Map<string, Path> {
  const paths = new Map<string, { form: PathForm; routes: Partial<Record<Method, RouteId>> }>();
  for (const [id, route] of Object.entries<RouteContract>(ROUTES)) {
    for (const { path, form } of pathForms(route.path)) {
      const pattern = path.replace("{key}", ":key{.+}").replaceAll(/\{(\w+)\}/g, ":$1");
      const known = paths.get(pattern) ?? { form, routes: {} };
      known.routes[route.method] = id as RouteId;
      paths.set(pattern, known);
    }
  }
  return new Map(
    [...paths].map(([pattern, { form, routes }]) => [pattern, { form, routes, allow: allowOf(routes) }]),
  );
}

function allowOf(routes: Partial<Record<Method, RouteId>>): string {
  const methods = Object.keys(routes).flatMap((method) => (method === "GET" ? ["GET", "HEAD"] : [method]));
  return [...methods, "OPTIONS"].join(", ");
}

function servePath(edge: Edge, request: Request, path: Path): Promise<Response> {
  const { method } = request;
  const id = path.routes[(method === "HEAD" ? "GET" : method) as Method];
  if (id !== undefined) return serve(edge, request, id, (exchange) => HANDLERS[id](exchange, path.form));
  if (method === "OPTIONS")
    return serve(edge, request, "options", (exchange) => optionsAnswer(exchange, path.allow));
  return serve(edge, request, "unknown", (exchange) =>
    problemAnswer(exchange, "method-not-allowed", `this path takes ${path.allow}`, {
      headers: { Allow: path.allow },
    }),
  );
}

async function serve(
  edge: Edge,
  request: Request,
  route: string,
  handle: (exchange: Exchange) => Response | Promise<Response>,
): Promise<Response> {
  const exchange = new Exchange(edge, request);
  let response: Response;
  try {
    checkServing(edge, exchange);
    response = await handle(exchange);
  } catch (error) {
    response = thrownAnswer(exchange, error);
  }
  edge.metrics.request(route, response.status, Date.now() - exchange.startedAt);
  return response;
}

function checkServing({ deployment }: Edge, exchange: Exchange): void {
  const wrong = misconfiguration(deployment);
  if (wrong !== null && exchange.path.startsWith("/v1/")) throw new Refused("misconfigured", wrong);
}

function nothingHere(exchange: Exchange): Response {
  const { path } = exchange;
  if (path.startsWith("/v1/") && hasBadSegment(path)) {
    throw invalid('the path has a segment that is empty, "." or ".."');
  }
  if (path === "/" && ["GET", "HEAD"].includes(exchange.request.method)) return toDocs(exchange);
  return problemAnswer(exchange, "not-found", "there is nothing at this path; /docs lists what there is");
}

/** For whoever opens the address that `npm start` prints. No operation: nothing is asked for. */
function toDocs(exchange: Exchange): Response {
  return new Response(null, { status: 302, headers: { ...exchange.baseHeaders(), Location: "/docs" } });
}
