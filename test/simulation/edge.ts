/**
 * A simulated edge: finds the user's home and its leader, follows redirects, and asks near or far as the level says.
 *
 * As the real one it decides nothing about data. What it has to get right is honesty: whether an attempt may have taken effect.
 */
import type { CallEnd } from "./network.ts";
import type { Position } from "../../src/replication/position.ts";
import type {
  ChangesRequest,
  ClaimRequest,
  ClientReply,
  ReadRequest,
  ReceiptRequest,
  WriteRequest,
} from "../../src/replication/request.ts";
import type { Cluster } from "./cluster.ts";
import type { Undated } from "./host.ts";
import { sleep, type Task, wait } from "./task.ts";

/** `unsure`: some attempt was sent and never answered, so a write may have taken effect. */
export interface EdgeAnswer {
  readonly reply: ClientReply | null;
  readonly unsure: boolean;
}

export const HOPS_MAX = 8;
export const PAUSE_MS = 120;
export const NEAR_WAIT_MS = 300;

interface KnownHome {
  readonly home: number;
  readonly version: number;
}

export class Edge {
  readonly region: number;
  readonly #cluster: Cluster;
  #keys = 0;
  readonly #homes = new Map<string, KnownHome>();
  /** Who leads a log, where somebody said that it is not its own region. */
  readonly #leaders = new Map<string, number>();

  constructor(cluster: Cluster, region: number) {
    this.#cluster = cluster;
    this.region = region;
  }

  *write(
    partition: number,
    asIs: Omit<Undated<WriteRequest>, "op" | "from" | "claim">,
    budgetMs: number,
  ): Task<EdgeAnswer> {
    // A client without a key gets one for the time of this request, so that the network may repeat it.
    const request = asIs.idempotency === undefined ? { ...asIs, idempotency: this.#ownKey() } : asIs;
    const deadline = this.#cluster.timeline.now + budgetMs;
    let claim: Position | undefined;
    let unsure = false;
    for (let hop = 0; hop < HOPS_MAX; hop++) {
      const left = deadline - this.#cluster.timeline.now;
      if (left < 10) break;
      const known = this.#homes.get(request.user);
      if (known === undefined) {
        const claimed = yield* this.#claim(partition, request.user, request.principal, deadline);
        if (claimed === null) return { reply: { kind: "refused", reason: "no-leader" }, unsure };
        claim = claimed;
        continue;
      }
      const asked: Undated<WriteRequest> = {
        ...request,
        op: "write",
        from: this.region,
        ...(claim === undefined ? {} : { claim }),
      };
      const target = this.#leaders.get(`${partition}/${known.home}`) ?? known.home;
      const end = yield* this.ask(target, partition, asked, left);
      if (end.end === "failed") {
        this.#leaders.delete(`${partition}/${known.home}`);
        unsure = true;
        yield* sleep(this.#cluster.timeline, PAUSE_MS);
        continue;
      }
      const reply = end.answer;
      if (reply.kind === "outcome-unknown") return { reply: null, unsure: true };
      if (reply.kind === "unknown-user") this.#homes.delete(request.user);
      else if (!this.redirected(partition, request.user, known.home, reply)) return { reply, unsure };
      yield* sleep(this.#cluster.timeline, PAUSE_MS);
    }
    return { reply: unsure ? null : { kind: "refused", reason: "no-leader" }, unsure };
  }

  *read(
    partition: number,
    request: Omit<Undated<ReadRequest>, "op" | "from" | "waitMs" | "claim">,
    hasToken: boolean,
    budgetMs: number,
  ): Task<EdgeAnswer> {
    const deadline = this.#cluster.timeline.now + budgetMs;
    const near =
      ["prefix", "eventual", "bounded"].includes(request.level) || (request.level === "session" && hasToken);
    let level = request.level === "session" && !hasToken ? "leader" : request.level;
    if (near) {
      const asked: Undated<ReadRequest> = {
        ...request,
        level,
        op: "read",
        from: this.region,
        waitMs: NEAR_WAIT_MS,
      };
      const end = yield* this.ask(
        this.region,
        partition,
        asked,
        Math.min(budgetMs, budgetMs / 2 + NEAR_WAIT_MS),
      );
      if (end.end === "answer" && !isRedirect(end.answer)) {
        const retry =
          end.answer.kind === "refused" &&
          ["read-timeout", "not-ready", "no-leader"].includes(end.answer.reason);
        if (!retry) return { reply: end.answer, unsure: false };
      }
      if (level === "prefix" || level === "eventual")
        return { reply: end.end === "answer" ? end.answer : null, unsure: false };
      if (level === "session") level = "leader";
    }
    for (let hop = 0; hop < HOPS_MAX; hop++) {
      const left = deadline - this.#cluster.timeline.now;
      if (left < 10) break;
      const known =
        this.#homes.get(request.user) ?? (yield* this.#findHome(partition, request.user, deadline));
      if (known === "nobody") return { reply: { kind: "refused", reason: "no-user" }, unsure: false };
      if (known === null) break;
      const asked: Undated<ReadRequest> = { ...request, level, op: "read", from: this.region, waitMs: 0 };
      const target = this.#leaders.get(`${partition}/${known.home}`) ?? known.home;
      const end = yield* this.ask(target, partition, asked, left);
      if (end.end === "answer") {
        if (end.answer.kind === "unknown-user") this.#homes.delete(request.user);
        if (!this.redirected(partition, request.user, known.home, end.answer) && !isRedirect(end.answer))
          return { reply: end.answer, unsure: false };
      } else this.#leaders.delete(`${partition}/${known.home}`);
      yield* sleep(this.#cluster.timeline, PAUSE_MS);
    }
    return { reply: null, unsure: false };
  }

  *erase(partition: number, user: string, id: Uint8Array, budgetMs: number): Task<EdgeAnswer> {
    const deadline = this.#cluster.timeline.now + budgetMs;
    for (let hop = 0; hop < HOPS_MAX; hop++) {
      const left = deadline - this.#cluster.timeline.now;
      if (left < 10) break;
      const known = this.#homes.get(user) ?? (yield* this.#findHome(partition, user, deadline));
      if (known === "nobody") return { reply: { kind: "refused", reason: "no-user" }, unsure: false };
      if (known === null) break;
      const target = this.#leaders.get(`${partition}/${known.home}`) ?? known.home;
      const end = yield* this.ask(target, partition, { op: "erase", user, id, from: this.region }, left);
      if (end.end === "answer") {
        if (end.answer.kind === "unknown-user") this.#homes.delete(user);
        if (!this.redirected(partition, user, known.home, end.answer) && !isRedirect(end.answer))
          return { reply: end.answer, unsure: false };
      } else this.#leaders.delete(`${partition}/${known.home}`);
      yield* sleep(this.#cluster.timeline, PAUSE_MS);
    }
    return { reply: null, unsure: true };
  }

  *receipt(
    partition: number,
    request: Omit<Undated<ReceiptRequest>, "op" | "from">,
    budgetMs: number,
  ): Task<EdgeAnswer> {
    const asked: Undated<ReceiptRequest> = { ...request, op: "receipt", from: this.region };
    const end = yield* this.ask(request.position.o, partition, asked, budgetMs);
    return { reply: end.end === "answer" ? end.answer : null, unsure: false };
  }

  knownHome(user: string): number | undefined {
    return this.#homes.get(user)?.home;
  }

  learnHome(user: string, home: number, version: number): void {
    this.#homes.set(user, { home, version });
  }

  forgetHome(user: string): void {
    this.#homes.delete(user);
  }

  leaderOf(partition: number, home: number): number {
    return this.#leaders.get(`${partition}/${home}`) ?? home;
  }

  forgetLeader(partition: number, home: number): void {
    this.#leaders.delete(`${partition}/${home}`);
  }

  /** Of the region at hand: what is committed is the same everywhere. */
  *changes(
    partition: number,
    request: Omit<Undated<ChangesRequest>, "op" | "from" | "claim">,
    budgetMs: number,
  ): Task<ClientReply | null> {
    const asked: Undated<ChangesRequest> = { ...request, op: "changes", from: this.region };
    const end = yield* this.ask(this.region, partition, asked, budgetMs);
    return end.end === "answer" ? end.answer : null;
  }

  #ownKey(): NonNullable<WriteRequest["idempotency"]> {
    const key = `edge${this.region}-${++this.#keys}`;
    return { key, fingerprint: new TextEncoder().encode(key), by: "edge" };
  }

  /** Has a home claimed for somebody new: a write to the anchor's log. */
  *touchAnchor(partition: number, user: string): Task<boolean> {
    const deadline = this.#cluster.timeline.now + 5_000;
    if ((yield* this.#claim(partition, user, user, deadline)) === null) return false;
    // A replica at hand may have known an uncommitted claim; only the anchor's leader is certain.
    const reply = yield* this.anchorSays(
      partition,
      { op: "home", user, certain: true, from: this.region },
      deadline,
    );
    return reply?.kind === "home";
  }

  /** Claims a home here for a user who has none; answers where the decision stands. */
  *#claim(partition: number, user: string, principal: string, deadline: number): Task<Position | null> {
    const near = yield* this.ask(
      this.region,
      partition,
      { op: "home", user, certain: false, from: this.region },
      deadline - this.#cluster.timeline.now,
    );
    if (near.end === "answer" && near.answer.kind === "home") {
      this.#homes.set(user, { home: near.answer.home, version: near.answer.version });
      return near.answer.position;
    }
    const request: Undated<ClaimRequest> = {
      op: "claim",
      user,
      home: this.region,
      principal,
      from: this.region,
    };
    const reply = yield* this.anchorSays(partition, request, deadline);
    if (reply?.kind !== "home") return null;
    this.#homes.set(user, { home: reply.home, version: reply.version });
    return reply.position;
  }

  *#findHome(partition: number, user: string, deadline: number): Task<KnownHome | "nobody" | null> {
    const near = yield* this.ask(
      this.region,
      partition,
      { op: "home", user, certain: false, from: this.region },
      deadline - this.#cluster.timeline.now,
    );
    const reply =
      near.end === "answer" && near.answer.kind === "home"
        ? near.answer
        : yield* this.anchorSays(partition, { op: "home", user, certain: true, from: this.region }, deadline);
    if (reply?.kind === "refused" && reply.reason === "no-user") return "nobody";
    if (reply?.kind !== "home") return null;
    const known = { home: reply.home, version: reply.version };
    this.#homes.set(user, known);
    return known;
  }

  *anchorSays(partition: number, request: Undated, deadline: number): Task<ClientReply | null> {
    const anchor = this.#cluster.anchorOf(partition);
    for (let hop = 0; hop < HOPS_MAX; hop++) {
      const left = deadline - this.#cluster.timeline.now;
      if (left < 10) return null;
      const target = this.#leaders.get(`${partition}/${anchor}`) ?? anchor;
      const end = yield* this.ask(target, partition, request, left);
      if (end.end === "answer" && !this.redirected(partition, "", anchor, end.answer)) return end.answer;
      if (end.end === "failed") this.#leaders.delete(`${partition}/${anchor}`);
      yield* sleep(this.#cluster.timeline, PAUSE_MS);
    }
    return null;
  }

  /** Takes a redirect to heart; false when the reply is none. */
  redirected(partition: number, user: string, home: number, reply: ClientReply): boolean {
    const log = `${partition}/${home}`;
    if (reply.kind === "moved") {
      this.#homes.set(user, { home: reply.home, version: reply.version });
      this.#leaders.delete(log);
      return true;
    }
    if (reply.kind !== "not-leader") return false;
    // A leader that has no replica here (the usurper) cannot be asked: only the log's own region campaigns.
    if (reply.leader !== null && reply.leader < this.#cluster.regions && reply.leader !== home)
      this.#leaders.set(log, reply.leader);
    else this.#leaders.delete(log);
    return true;
  }

  *ask(region: number, partition: number, request: Undated, leftMs: number): Task<CallEnd<ClientReply>> {
    return yield* wait<CallEnd<ClientReply>>((resume) =>
      this.#cluster.ask(this.region, region, partition, request, leftMs, resume),
    );
  }
}

function isRedirect(reply: ClientReply): boolean {
  return ["moved", "ask", "not-leader", "unknown-user", "behind"].includes(reply.kind);
}
