/**
 * Reading several items of several users as one cut: which replicas are asked, and which of them again.
 *
 * All replicas are asked at once, one call for each partition (and, at levels that rely on leaders, for each home region in
 * it). Out of the answers it is seen whether they are a cut (replication/cut.ts); usually they are, and that was all. A
 * part that does not reach far enough is asked again and told what it has to have first; that may take as long as
 * replication does, within the caller's time.
 *
 * There is no bound of our own on calls in flight: there are never more than reads, and where the platform counts calls to
 * objects among its six connections of a request it queues the rest by itself, while a bound would cost a round trip where it
 * does not. Values are bounded: each replica is told its share of what may be on the way to us, and answers sizes alone
 * where its values are more; then the sum decides whether it is asked once more, or whether the answer is too large.
 */
import { lackingOf, neededOf, partOf, type CutPart } from "../replication/cut.ts";
import { leaderOf, type Position, type RegionIndex } from "../replication/position.ts";
import type { ClientReply, LostPosition, ReadLevel, ReadManyRequest } from "../replication/request.ts";
import { Journey, type Outcome } from "./journey.ts";
import { askLeaderOf, type Hop } from "./leader-route.ts";
import { askNear } from "./near-route.ts";
import { isUnled, SESSION_WAIT_MS_MAX, type ReadTerms } from "./read.ts";
import { partFor } from "./session-merge.ts";
import type { Voyage } from "./voyage.ts";

export interface CutRead {
  readonly user: string;
  readonly key: string;
  readonly partition: number;
}

export type ItemsReply = Extract<ClientReply, { kind: "items" }>;

/** What one replica answered, for good. */
export interface CutAnswer {
  /** Indexes into what was asked, in the order of the reply's items. */
  readonly reads: readonly number[];
  readonly partition: number;
  readonly reply: ItemsReply;
  readonly part: CutPart;
  readonly near: boolean;
  readonly bytesMax: number;
}

export interface LostPositions {
  readonly partition: number;
  readonly positions: readonly LostPosition[];
}

export type CutOutcome =
  | {
      readonly kind: "cut";
      readonly answers: readonly CutAnswer[];
      readonly rounds: number;
      readonly stale: boolean;
    }
  | { readonly kind: "lost"; readonly lost: readonly LostPositions[] }
  | { readonly kind: "too-large" }
  | { readonly kind: "failed"; readonly journey: Journey; readonly outcome: Outcome };

interface Group {
  readonly reads: readonly number[];
  readonly partition: number;
  /** Whose leader is asked; undefined: not known, the nearest replica knows the way. */
  readonly origin: RegionIndex | undefined;
  readonly needs: readonly Position[];
  readonly near: boolean;
  /** `origin` is the anchor, whose leader knows for certain who has no home. */
  readonly certain: boolean;
  readonly bytesMax: number;
  readonly hops: number;
}

interface Failed {
  readonly journey: Journey;
  readonly outcome: Outcome;
}

interface Gathered {
  readonly answers: readonly CutAnswer[];
  readonly failed: readonly Failed[];
}

/** Of all values on their way here at once: an isolate has 128 MB, for several requests. */
const IN_FLIGHT_BYTES_MAX = 32 * 1_048_576;
/** Redirects that one group follows: home unknown, anchor, home, and a move on the way. */
const HOPS_MAX = 5;
const NO_LEADER = { kind: "refused", reason: "no-leader" } as const satisfies Outcome;

export class Cut {
  readonly #voyage: Voyage;
  readonly #namespace: string;
  readonly #terms: ReadTerms;
  readonly #reads: readonly CutRead[];
  readonly #bytesMax: number;
  #stale = false;

  constructor(
    voyage: Voyage,
    options: {
      readonly namespace: string;
      readonly terms: ReadTerms;
      /** No two of the same item. */
      readonly reads: readonly CutRead[];
      readonly bytesMax: number;
    },
  ) {
    this.#voyage = voyage;
    this.#namespace = options.namespace;
    this.#terms = options.terms;
    this.#reads = options.reads;
    this.#bytesMax = options.bytesMax;
  }

  async read(): Promise<CutOutcome> {
    if (!this.#terms.staleIfUnreachable) return this.#rounds();
    const outcome = await this.#voyage.withHalf(() => this.#rounds());
    if (outcome.kind !== "failed" || !isUnled(outcome.outcome)) return outcome;
    this.#stale = true;
    return this.#rounds();
  }

  async #rounds(): Promise<CutOutcome> {
    let { answers, failed } = await this.#ask(this.#firstRound());
    for (let rounds = 1; ; rounds++) {
      const end = endOf(failed);
      if (end !== null) return end;
      if (bytesOf(answers) > this.#bytesMax) return { kind: "too-large" };
      const again = this.#nextRound(answers);
      if (again.size === 0) return { kind: "cut", answers, rounds, stale: this.#stale };
      if (this.#voyage.remainingMs() <= 0) return this.#tooLate(answers);
      const next = await this.#ask([...again.values()]);
      answers = [...answers.filter((answer) => !again.has(answer)), ...next.answers];
      failed = next.failed;
    }
  }

  /** What the parts need of each other did not come within the caller's time. */
  #tooLate([answer]: readonly CutAnswer[]): CutOutcome {
    const { partition = 0, reads = [] } = answer ?? {};
    return {
      kind: "failed",
      journey: this.#journey({ partition, reads }),
      outcome: { kind: "refused", reason: "read-timeout" },
    };
  }

  #firstRound(): Group[] {
    const near = this.#isNear();
    const groups = new Map<string, Group>();
    for (const [n, { user, partition }] of this.#reads.entries()) {
      const origin = near ? undefined : this.#homeOf(user);
      const name = `${partition}/${origin}`;
      const known = groups.get(name);
      groups.set(name, {
        partition,
        origin,
        near,
        needs: [],
        certain: false,
        bytesMax: this.#bytesMax,
        hops: 0,
        reads: [...(known?.reads ?? []), n],
      });
    }
    const share = Math.floor(IN_FLIGHT_BYTES_MAX / Math.max(1, groups.size));
    return [...groups.values()].map((group) => ({ ...group, bytesMax: Math.min(share, this.#bytesMax) }));
  }

  /** Who has to be asked again: who does not reach as far as the others need, and whose values are still to be had. */
  #nextRound(answers: readonly CutAnswer[]): Map<CutAnswer, Group> {
    const parts = answers.map(({ part }) => part);
    const again = new Map<CutAnswer, Group>();
    for (const answer of answers) {
      const lacks = this.#isCut() && lackingOf(answer.part, parts).length > 0;
      if (!lacks && answer.reply.bytes <= answer.bytesMax) continue;
      const { items } = answer.reply;
      const certain = items.some(({ kind }) => kind === "no-user");
      const home = items.flatMap((item) => (item.kind === "item" ? [item.home] : []))[0];
      again.set(answer, {
        reads: answer.reads,
        partition: answer.partition,
        origin: certain ? this.#voyage.edge.deployment.anchors[answer.partition] : home,
        needs: this.#isCut() ? neededOf(answer.partition, parts) : [],
        near: answer.near,
        certain,
        bytesMax: this.#bytesMax,
        hops: 0,
      });
    }
    return again;
  }

  /** Everywhere but where the replica at hand answers whatever it has. */
  #isCut(): boolean {
    return !this.#stale && this.#terms.level.consistency !== "eventual";
  }

  #isNear(): boolean {
    if (this.#stale) return true;
    const { level, session } = this.#terms;
    switch (level.consistency) {
      case "user":
      case "strong":
        return false;
      case "session":
        // A session's first read: without anything to cover, only leaders can say what the user's other devices did.
        return session.view !== null && session.view.positions.length > 0;
      default:
        return true;
    }
  }

  async #ask(groups: readonly Group[]): Promise<Gathered> {
    const gathered = await Promise.all(
      groups.map((group) => (group.near ? this.#askNear(group) : this.#askLeader(group))),
    );
    return {
      answers: gathered.flatMap(({ answers }) => answers),
      failed: gathered.flatMap(({ failed }) => failed),
    };
  }

  async #askNear(group: Group): Promise<Gathered> {
    const journey = this.#journey(group);
    const { consistency } = this.#terms.level;
    const half = Math.max(0, Math.floor(journey.remainingMs() / 2));
    // A bounded read may need the leader's word on the way; a committed one a round.
    const patient = consistency === "bounded" || this.#terms.committed;
    const waitMs = this.#stale ? 0 : patient ? half : Math.min(half, SESSION_WAIT_MS_MAX);
    const level = this.#stale ? "eventual" : (consistency as ReadLevel);
    const deadlineAt = journey.replicaDeadlineAt(journey.remainingMs());
    const request = this.#request(group, level, { deadlineAt }, waitMs);
    const outcome = await askNear(journey, request, waitMs);
    const atHand = level === "prefix" || level === "eventual";
    switch (outcome.kind) {
      case "items":
        return this.#sorted(journey, group, outcome, atHand);
      case "behind":
        return this.#askLeader({ ...group, near: false });
      case "unreached":
        if (outcome.reason !== "overloaded" && !atHand) return this.#askLeader({ ...group, near: false });
        return failedWith(journey, outcome);
      default:
        return failedWith(journey, outcome);
    }
  }

  async #askLeader(group: Group): Promise<Gathered> {
    const journey = this.#journey(group);
    const level = this.#terms.level.consistency === "strong" ? "strong" : "leader";
    const outcome = await askLeaderOf(journey, group.origin, (hop) => this.#request(group, level, hop, 0));
    switch (outcome.kind) {
      case "items":
        return this.#sorted(journey, { ...group, near: false }, outcome, false);
      case "moved":
        if (group.hops >= HOPS_MAX) return failedWith(journey, NO_LEADER);
        return this.#askLeader({ ...group, origin: outcome.home, certain: false, hops: group.hops + 1 });
      default:
        return failedWith(journey, outcome);
    }
  }

  /** Takes what was answered, and asks elsewhere for the rest. */
  async #sorted(journey: Journey, group: Group, reply: ItemsReply, atHand: boolean): Promise<Gathered> {
    const here: number[] = [];
    const elsewhere = new Map<RegionIndex | "anchor", { reads: number[]; needs: Position[] }>();
    const send = (to: RegionIndex | "anchor", read: number, needs: readonly Position[]): void => {
      const known = elsewhere.get(to) ?? { reads: [], needs: [...group.needs] };
      known.reads.push(read);
      known.needs.push(...needs);
      elsewhere.set(to, known);
    };
    for (const [n, outcome] of reply.items.entries()) {
      const read = group.reads[n] ?? 0;
      this.#learn(read, reply, outcome);
      if (outcome.kind === "moved") send(outcome.home, read, [outcome.claim]);
      else if (outcome.kind === "unknown-user" && !atHand) send("anchor", read, []);
      else here.push(n);
    }
    if (elsewhere.size > 0 && group.hops >= HOPS_MAX) return failedWith(journey, NO_LEADER);
    const anchor = this.#voyage.edge.deployment.anchors[group.partition];
    const rest = await this.#ask(
      [...elsewhere].map(([to, { reads, needs }]) => ({
        ...group,
        near: false,
        reads,
        needs,
        origin: to === "anchor" ? anchor : to,
        certain: to === "anchor",
        hops: group.hops + 1,
      })),
    );
    const answer = here.length === 0 ? [] : [answerOf(group, reply, here)];
    return { answers: [...answer, ...rest.answers], failed: rest.failed };
  }

  #request(group: Group, level: ReadLevel, hop: Hop, waitMs: number): ReadManyRequest {
    const { committed, reportLost, level: asked, session } = this.#terms;
    return {
      op: "read-many",
      reads: group.reads.map((n) => {
        const { user = "", key = "" } = this.#reads[n] ?? {};
        return { user, key };
      }),
      level,
      ...(asked.stalenessMsMax === undefined ? {} : { stalenessMsMax: asked.stalenessMsMax }),
      committed,
      session: partFor(session.view, group.partition),
      needs: group.needs,
      waitMs,
      bytesMax: group.bytesMax,
      from: this.#voyage.from,
      ...(group.certain ? { certain: true } : {}),
      ...(this.#stale ? { stale: true } : {}),
      ...(reportLost ? { reportLost } : {}),
      ...hop,
    };
  }

  #journey({ reads, partition }: Pick<Group, "reads" | "partition">): Journey {
    const user = this.#reads[reads[0] ?? 0]?.user ?? "";
    return new Journey(this.#voyage.edge, { namespace: this.#namespace, user, partition }, this.#voyage);
  }

  #homeOf(user: string): RegionIndex | undefined {
    return this.#voyage.edge.homes.homeOf(this.#namespace, user, Date.now());
  }

  #learn(read: number, { many }: ItemsReply, outcome: ItemsReply["items"][number]): void {
    if (outcome.kind !== "item" && outcome.kind !== "moved") return;
    const { home, version } = outcome;
    const { user, partition } = this.#reads[read] ?? { user: "", partition: 0 };
    const { homes } = this.#voyage.edge;
    const now = Date.now();
    homes.learnHome(this.#namespace, user, home, version, now);
    const epoch = many.reach.find(({ o }) => o === home)?.epochs.at(-1)?.e ?? 0;
    if (epoch === 0) return;
    homes.learnLeader(this.#namespace, partition, home, { leader: leaderOf(epoch), epoch }, now);
  }
}

/** How a round ended, where it did not end well for everybody; a session that lost something is told so first. */
function endOf(failed: readonly Failed[]): CutOutcome | null {
  const lost = failed.flatMap(({ journey, outcome }) =>
    outcome.kind === "items-lost" ? [{ partition: journey.subject.partition, positions: outcome.lost }] : [],
  );
  if (lost.length > 0) return { kind: "lost", lost };
  const [first] = failed;
  return first === undefined ? null : { kind: "failed", ...first };
}

function failedWith(journey: Journey, outcome: Outcome): Gathered {
  return { answers: [], failed: [{ journey, outcome }] };
}

function bytesOf(answers: readonly CutAnswer[]): number {
  return answers.reduce((sum, { reply }) => sum + reply.bytes, 0);
}

/** What of a reply is an answer; the rest was asked elsewhere. */
function answerOf(group: Group, reply: ItemsReply, here: readonly number[]): CutAnswer {
  return {
    reads: here.map((n) => group.reads[n] ?? 0),
    partition: group.partition,
    reply: { ...reply, items: here.flatMap((n) => reply.items[n] ?? []) },
    near: group.near,
    bytesMax: group.bytesMax,
    part: partOf(group.partition, reply.many, group.needs),
  };
}
