/**
 * A simulated edge: finds the user's home and its leader, follows redirects, and asks near or far as the level says.
 *
 * As the real one it decides nothing about data. What it has to get right is honesty: whether an attempt may have taken effect.
 */
import type { CallEnd } from "./network.ts";
import type {
  ChangesRequest,
  DivergentRequest,
  ClaimRequest,
  ClientReply,
  HeardClaim,
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

interface KnownHome {
  readonly home: number;
  readonly version: number;
}

const HOPS_MAX = 40;
/** An attempt has a slice of the caller's time, so that there is time to go elsewhere. */
const SLICE_MS_MIN = 250;

/** Whom to ask for a log's leader, and whom to tell it is missed. */
interface Aim {
  readonly target: number;
  readonly suspects?: number;
}
export const PAUSE_MS = 120;
export const NEAR_WAIT_MS = 300;

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
    asIs: Omit<Undated<WriteRequest>, "op" | "from" | "claim" | "suspects">,
    budgetMs: number,
  ): Task<EdgeAnswer> {
    // A client without a key gets one for the time of this request, so that the network may repeat it.
    const request = asIs.idempotency === undefined ? { ...asIs, idempotency: this.#ownKey() } : asIs;
    const deadline = this.#cluster.timeline.now + budgetMs;
    let claim: HeardClaim | undefined;
    let asking = false;
    let unsure = false;
    let aim: Aim | null = null;
    /** A write that is durable and waits for its concern: whatever comes after, this is known. */
    let durable: ClientReply | null = null;
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
      aim ??= this.#aim(partition, known.home);
      const asked: Undated<WriteRequest> = {
        ...request,
        op: "write",
        from: this.region,
        ...(claim === undefined ? {} : { claim }),
        ...(asking ? { asking } : {}),
        ...suspicion(aim),
      };
      const end = yield* this.ask(aim.target, partition, asked, slice(left));
      if (end.end === "failed") {
        aim = this.#elsewhere(partition, known.home, aim);
        unsure = true;
        yield* sleep(this.#cluster.timeline, PAUSE_MS);
        continue;
      }
      const reply: ClientReply = end.answer;
      if (reply.kind === "outcome-unknown") return { reply: null, unsure: true };
      if (reply.kind === "moved") claim = reply.claim;
      if (reply.kind === "ask") {
        asking = true;
        this.#cluster.tally.add("writes asked for at an earlier home");
        aim = this.#aim(partition, reply.to);
        continue;
      }
      if (reply.kind === "concern-timeout") {
        durable = reply;
        // Whoever leads next may refuse what this one has logged, and it may yet be seen here.
        unsure = true;
      }
      // In the log, and for whoever leads next to answer.
      if ((reply.kind === "moved" || reply.kind === "not-leader") && reply.logged === true) unsure = true;
      if (reply.kind === "unknown-user") this.#homes.delete(request.user);
      else if (isUnable(reply)) aim = this.#elsewhere(partition, known.home, aim);
      else if (isRedirect(reply)) aim = this.#redirected(partition, request.user, known.home, reply, aim);
      else if (!isNotYet(reply)) return { reply, unsure };
      else if (left < 2 * SLICE_MS_MIN) return { reply: durable ?? reply, unsure };
      yield* sleep(this.#cluster.timeline, PAUSE_MS);
    }
    return { reply: durable ?? (unsure ? null : { kind: "refused", reason: "no-leader" }), unsure };
  }

  *read(
    partition: number,
    request: Omit<Undated<ReadRequest>, "op" | "from" | "waitMs" | "claim" | "suspects">,
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
    let aim: Aim | null = null;
    let claim: HeardClaim | undefined;
    for (let hop = 0; hop < HOPS_MAX; hop++) {
      const left = deadline - this.#cluster.timeline.now;
      if (left < 10) break;
      const known: KnownHome | "nobody" | null =
        this.#homes.get(request.user) ?? (yield* this.#findHome(partition, request.user, deadline));
      if (known === "nobody") return { reply: { kind: "refused", reason: "no-user" }, unsure: false };
      if (known === null) break;
      aim ??= this.#aim(partition, known.home);
      const asked: Undated<ReadRequest> = {
        ...request,
        level,
        op: "read",
        from: this.region,
        waitMs: 0,
        ...(claim === undefined ? {} : { claim }),
        ...suspicion(aim),
      };
      const end = yield* this.ask(aim.target, partition, asked, slice(left));
      if (end.end === "answer") {
        const reply: ClientReply = end.answer;
        if (reply.kind === "moved") claim = reply.claim;
        if (reply.kind === "unknown-user") this.#homes.delete(request.user);
        else if (isUnable(reply)) aim = this.#elsewhere(partition, known.home, aim);
        else if (isRedirect(reply)) aim = this.#redirected(partition, request.user, known.home, reply, aim);
        else if (!isNotYet(reply) || left < 2 * SLICE_MS_MIN) return { reply, unsure: false };
      } else aim = this.#elsewhere(partition, known.home, aim);
      yield* sleep(this.#cluster.timeline, PAUSE_MS);
    }
    return { reply: null, unsure: false };
  }

  *erase(partition: number, user: string, id: Uint8Array, budgetMs: number): Task<EdgeAnswer> {
    const deadline = this.#cluster.timeline.now + budgetMs;
    let aim: Aim | null = null;
    for (let hop = 0; hop < HOPS_MAX; hop++) {
      const left = deadline - this.#cluster.timeline.now;
      if (left < 10) break;
      const known: KnownHome | "nobody" | null =
        this.#homes.get(user) ?? (yield* this.#findHome(partition, user, deadline));
      if (known === "nobody") return { reply: { kind: "refused", reason: "no-user" }, unsure: false };
      if (known === null) break;
      aim ??= this.#aim(partition, known.home);
      const asked: Undated = { op: "erase", user, id, from: this.region, ...suspicion(aim) };
      const end = yield* this.ask(aim.target, partition, asked, slice(left));
      if (end.end === "answer") {
        const reply: ClientReply = end.answer;
        if (reply.kind === "unknown-user") this.#homes.delete(user);
        else if (isUnable(reply)) aim = this.#elsewhere(partition, known.home, aim);
        else if (isRedirect(reply)) aim = this.#redirected(partition, user, known.home, reply, aim);
        else if (!isNotYet(reply) || left < 2 * SLICE_MS_MIN) return { reply, unsure: false };
      } else aim = this.#elsewhere(partition, known.home, aim);
      yield* sleep(this.#cluster.timeline, PAUSE_MS);
    }
    return { reply: null, unsure: true };
  }

  /** A move is continued by whoever asks again. */
  *move(partition: number, user: string, to: number, budgetMs: number): Task<EdgeAnswer> {
    const deadline = this.#cluster.timeline.now + budgetMs;
    let aim: Aim | null = null;
    let claim: HeardClaim | undefined;
    let unsure = false;
    for (let hop = 0; hop < HOPS_MAX; hop++) {
      const left = deadline - this.#cluster.timeline.now;
      if (left < 10) break;
      const known: KnownHome | "nobody" | null =
        this.#homes.get(user) ?? (yield* this.#findHome(partition, user, deadline));
      if (known === "nobody") return { reply: { kind: "refused", reason: "no-user" }, unsure };
      if (known === null) break;
      aim ??= this.#aim(partition, known.home);
      const asked: Undated = {
        op: "move",
        user,
        to,
        principal: user,
        from: this.region,
        ...(claim === undefined ? {} : { claim }),
        ...suspicion(aim),
      };
      const end = yield* this.ask(aim.target, partition, asked, slice(left));
      if (end.end === "answer") {
        const reply: ClientReply = end.answer;
        if (reply.kind === "moved") claim = reply.claim;
        if (reply.kind === "home") this.#homes.set(user, { home: reply.home, version: reply.version });
        if (reply.kind === "unknown-user") this.#homes.delete(user);
        else if (isUnable(reply)) aim = this.#elsewhere(partition, known.home, aim);
        else if (isRedirect(reply)) aim = this.#redirected(partition, user, known.home, reply, aim);
        else if (!isNotYet(reply) || left < 2 * SLICE_MS_MIN) return { reply, unsure };
        else unsure = true;
      } else {
        unsure = true;
        aim = this.#elsewhere(partition, known.home, aim);
      }
      yield* sleep(this.#cluster.timeline, PAUSE_MS);
    }
    return { reply: null, unsure };
  }

  *receipt(
    partition: number,
    request: Omit<Undated<ReceiptRequest>, "op" | "from">,
    budgetMs: number,
  ): Task<EdgeAnswer> {
    const deadline = this.#cluster.timeline.now + budgetMs;
    const o = request.position.o;
    let aim = this.#aim(partition, o);
    for (let hop = 0; hop < HOPS_MAX; hop++) {
      const left = deadline - this.#cluster.timeline.now;
      if (left < 10) break;
      const asked: Undated<ReceiptRequest> = {
        ...request,
        op: "receipt",
        from: this.region,
        ...suspicion(aim),
      };
      const end = yield* this.ask(aim.target, partition, asked, slice(left));
      if (end.end === "failed" || isUnable(end.answer)) aim = this.#elsewhere(partition, o, aim);
      else if (isRedirect(end.answer)) aim = this.#redirected(partition, "", o, end.answer, aim);
      else if (!isNotYet(end.answer) || left < 2 * SLICE_MS_MIN) return { reply: end.answer, unsure: false };
      yield* sleep(this.#cluster.timeline, PAUSE_MS);
    }
    return { reply: null, unsure: false };
  }

  /** What the region at hand has of a user's lost writes. */
  *divergent(
    partition: number,
    page: Pick<DivergentRequest, "user" | "session" | "limit" | "bytesMax">,
    budgetMs: number,
  ): Task<ClientReply | null> {
    const asked: Undated<DivergentRequest> = {
      ...page,
      op: "divergent",
      level: "eventual",
      committed: false,
      waitMs: 0,
      from: this.region,
    };
    const end = yield* this.ask(this.region, partition, asked, budgetMs);
    return end.end === "answer" ? end.answer : null;
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
  *#claim(partition: number, user: string, principal: string, deadline: number): Task<HeardClaim | null> {
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
    const committed = reply.position.o === this.#cluster.anchorOf(partition);
    return { ...reply.position, committed };
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

  anchorSays(partition: number, request: Undated, deadline: number): Task<ClientReply | null> {
    return this.leaderSays(partition, this.#cluster.anchorOf(partition), request, deadline);
  }

  /** What whoever leads a log says, or that the user is at home elsewhere. */
  *leaderSays(partition: number, o: number, request: Undated, deadline: number): Task<ClientReply | null> {
    const user = "user" in request ? request.user : "";
    let aim = this.#aim(partition, o);
    for (let hop = 0; hop < HOPS_MAX; hop++) {
      const left = deadline - this.#cluster.timeline.now;
      if (left < 10) return null;
      const end = yield* this.ask(aim.target, partition, { ...request, ...suspicion(aim) }, slice(left));
      if (end.end === "failed" || isUnable(end.answer)) aim = this.#elsewhere(partition, o, aim);
      else if (end.answer.kind === "moved" && end.answer.home !== o) return end.answer;
      else if (isRedirect(end.answer)) aim = this.#redirected(partition, user, o, end.answer, aim);
      else if (!isNotYet(end.answer) || left < 2 * SLICE_MS_MIN) return end.answer;
      yield* sleep(this.#cluster.timeline, PAUSE_MS);
    }
    return null;
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

  /** Whoever leads the log as far as is known. */
  #aim(partition: number, o: number): Aim {
    return { target: this.#leaders.get(`${partition}/${o}`) ?? o };
  }

  /** Nobody answered: another region is asked, and told who is missed. */
  #elsewhere(partition: number, o: number, { target, suspects = target }: Aim): Aim {
    this.#leaders.delete(`${partition}/${o}`);
    const { regions } = this.#cluster;
    let next = target === this.region ? target + 1 : suspects === target ? this.region : target + 1;
    while (next % regions === suspects || next % regions === target) next += 1;
    return { target: next % regions, suspects };
  }

  /** Follows where the answer points. */
  #redirected(
    partition: number,
    user: string,
    o: number,
    reply: ClientReply,
    { target, suspects }: Aim,
  ): Aim {
    if (reply.kind === "moved") {
      if (user !== "") this.#homes.set(user, { home: reply.home, version: reply.version });
      if (reply.home !== o) return this.#aim(partition, reply.home);
    }
    if (reply.kind !== "moved" && reply.kind !== "not-leader") return { target };
    const leader = reply.leader ?? o;
    // A leader that has no replica here (the usurper) cannot be asked.
    if (leader >= this.#cluster.regions || leader === target) return { target, suspects: leader };
    this.#leaders.set(`${partition}/${o}`, leader);
    if (leader === suspects) this.#cluster.tally.add("suspicions refuted");
    return { target: leader };
  }

  *ask(region: number, partition: number, request: Undated, leftMs: number): Task<CallEnd<ClientReply>> {
    return yield* wait<CallEnd<ClientReply>>((resume) =>
      this.#cluster.ask(this.region, region, partition, request, leftMs, resume),
    );
  }
}

function slice(leftMs: number): number {
  return Math.min(leftMs, Math.max(SLICE_MS_MIN, leftMs / 3));
}

function suspicion({ suspects }: Aim): { suspects?: number } {
  return suspects === undefined ? {} : { suspects };
}

/** Whoever said this was asked for less time than the caller has, and may say otherwise when asked again. */
function isNotYet(reply: ClientReply): boolean {
  if (reply.kind === "concern-timeout") return true;
  if (reply.kind === "refused" && reply.reason === "not-there") return reply.soon === true;
  return reply.kind === "refused" && (reply.reason === "no-leader" || reply.reason === "read-timeout");
}

/** It takes a snapshot over: for who needs a leader it is as good as lost. */
function isUnable(reply: ClientReply): boolean {
  return reply.kind === "refused" && reply.reason === "not-ready";
}

function isRedirect(reply: ClientReply): boolean {
  return ["moved", "ask", "not-leader", "unknown-user", "behind"].includes(reply.kind);
}
