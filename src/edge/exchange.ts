/**
 * One HTTP request and what its answer needs of it: identity, address, and the headers that every answer carries. Made for
 * each request, so it holds references and computes nothing that is not asked for.
 */
import { EXPOSED_HEADERS, HEADER } from "../api/header.ts";
import type { PathForm } from "../api/path-form.ts";
import { partitionOf } from "../deployment/deployment.ts";
import type { RegionIndex } from "../replication/position.ts";
import { unauthenticated } from "./bearer-token.ts";
import type { Edge } from "./edge.ts";
import { ANYBODY, mayEnter, type Identity } from "./identity.ts";
import { uniqueId } from "./ids.ts";
import type { Subject } from "./journey.ts";
import { checkUser, rawPathOf, rawQueryOf } from "./path.ts";
import { DEFAULT_NAMESPACE, namespaceOfPath, placeOf } from "./place.ts";
import { placeClient, type Sighting } from "./placement.ts";
import { parseQuery, type Query } from "./query.ts";
import { Refused } from "./refusal.ts";
import { parseTimeoutMs, parseWord } from "./request-header.ts";
import type { Voyage } from "./voyage.ts";

const EXPOSED = EXPOSED_HEADERS.join(", ");

export interface Addressed extends Subject {
  readonly identity: Identity;
  /** What follows the user in the path, undecoded, with its slash. */
  readonly tail: string;
}

export class Exchange {
  readonly edge: Edge;
  readonly request: Request;
  readonly startedAt = Date.now();
  readonly requestId = uniqueId();
  /** Set once the request is on its way to a replica. */
  journey: Pick<Voyage, "isWrite" | "unanswered"> | null = null;

  constructor(edge: Edge, request: Request) {
    this.edge = edge;
    this.request = request;
  }

  get isHead(): boolean {
    return this.request.method === "HEAD";
  }

  header(name: string): string | null {
    return this.request.headers.get(name);
  }

  get path(): string {
    return rawPathOf(this.request.url);
  }

  query(): Query {
    return parseQuery(rawQueryOf(this.request.url));
  }

  /** A promise only where a signature cannot be checked at once. */
  identify(): Identity | Promise<Identity> {
    if (this.edge.deployment.authMode === "open") return ANYBODY;
    return this.edge.bearer.authenticate(this.header(HEADER.authorization), this.startedAt);
  }

  async requireAdmin(): Promise<void> {
    const identity = await this.identify();
    if (!identity.admin) throw new Refused("forbidden", "this needs the scope admin");
  }

  /** Whose data the path addresses. Whether the caller may touch it is for the handler to judge. */
  async address(form: PathForm): Promise<Addressed> {
    const claimed = this.identify();
    const identity = claimed instanceof Promise ? await claimed : claimed;
    return this.addressAs(identity, this.path, form);
  }

  /** The same of any path, for a caller who is known. */
  addressAs(identity: Identity, path: string, form: PathForm): Addressed {
    if (form === "plain" || form === "store" || form === "namespace-store")
      throw new Error("this path names no user");
    const { namespace, user: named, tail } = placeOf(path, form);
    this.#enter(identity, namespace);
    const user = named ?? callerOf(identity);
    return { identity, namespace, user, partition: partitionOf(this.edge.deployment, user), tail };
  }

  /** Of a path that is about a whole namespace and names no user. */
  async enter(form: PathForm): Promise<{ readonly identity: Identity; readonly namespace: string }> {
    const identity = await this.identify();
    const namespace = form === "namespace-store" ? namespaceOfPath(this.path) : DEFAULT_NAMESPACE;
    this.#enter(identity, namespace);
    return { identity, namespace };
  }

  #enter(identity: Identity, namespace: string): void {
    if (!this.edge.deployment.namespaces.includes(namespace)) {
      throw new Refused("not-found", `there is no namespace "${namespace}"`);
    }
    if (!mayEnter(identity, namespace)) {
      throw new Refused("forbidden", `the token is not for the namespace "${namespace}"`);
    }
  }

  /** In which region the client counts as placed. */
  placed(): RegionIndex {
    const named = this.header(HEADER.region);
    // Reading `cf` makes the runtime build all of it: not where the client says where it is.
    const { cf } = named === null ? (this.request as { readonly cf?: Sighting }) : {};
    return placeClient(this.edge.regions, named, cf);
  }

  budgetMs(): number {
    return parseTimeoutMs(this.header(HEADER.timeoutMs));
  }

  wantsTrace(): boolean {
    return parseWord(HEADER.explain, this.header(HEADER.explain), "1", "0");
  }

  /** Headers of every answer: the id, and leave for scripts of allowed origins. */
  baseHeaders(): Record<string, string> {
    const headers: Record<string, string> = { [HEADER.requestId]: this.requestId };
    const origin = this.header("Origin");
    if (origin === null) return headers;
    return { ...headers, ...this.crossOriginHeaders(origin) };
  }

  crossOriginHeaders(origin: string): Record<string, string> {
    const { origins } = this.edge;
    if (origins === null)
      return { "Access-Control-Allow-Origin": "*", "Access-Control-Expose-Headers": EXPOSED };
    if (!origins.has(origin)) return {};
    return { "Access-Control-Allow-Origin": origin, "Access-Control-Expose-Headers": EXPOSED };
  }

  /** Answers differ by origin only where the allowed origins are listed. */
  varying(vary: string): string {
    const { origins } = this.edge;
    return origins === null || origins.size === 0 ? vary : `${vary}, Origin`;
  }
}

function callerOf({ user }: Identity): string {
  if (user === null) throw unauthenticated("in open mode nobody is asking: name the user in the path");
  return checkUser(user);
}
