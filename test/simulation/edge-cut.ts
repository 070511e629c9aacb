/**
 * A simulated edge that reads a cut: the rounds of src/edge/cut.ts in simulated time. What has to be asked again, and with what, is
 * the same rule of the core in both.
 */
import { isLostIn, neededOf, partOf, type CutPart } from "../../src/replication/cut.ts";
import type { Position } from "../../src/replication/position.ts";
import type { ClientReply, ManyFacts, ReadManyRequest, SessionPart } from "../../src/replication/request.ts";
import type { Cluster } from "./cluster.ts";
import { NEAR_WAIT_MS, PAUSE_MS, type Edge } from "./edge.ts";
import type { Undated } from "./host.ts";
import { all, sleep, type Task } from "./task.ts";

export interface CutRead {
  readonly user: string;
  readonly key: string;
  readonly partition: number;
}

type ItemsReply = Extract<ClientReply, { kind: "items" }>;

export interface CutAnswer {
  readonly partition: number;
  /** In the order of the reply's items; those that were asked elsewhere are not among them. */
  readonly reads: readonly CutRead[];
  readonly reply: ItemsReply;
  readonly part: CutPart;
  readonly near: boolean;
}

export type CutOutcome =
  | { readonly kind: "cut"; readonly answers: readonly CutAnswer[]; readonly rounds: number }
  | { readonly kind: "lost"; readonly partition: number; readonly lost: readonly Position[] }
  | { readonly kind: "failed"; readonly reason: string };

export interface CutQuestion extends Pick<
  ReadManyRequest,
  "level" | "committed" | "stalenessMsMax" | "reportLost"
> {
  readonly reads: readonly CutRead[];
  readonly session: (partition: number) => SessionPart;
  readonly hasToken: boolean;
}

interface Group {
  readonly partition: number;
  readonly reads: readonly CutRead[];
  readonly near: boolean;
  /** `anchor`: whoever leads the anchor's log, who knows for certain who has no home. */
  readonly home: number | "anchor";
  readonly needs: readonly Position[];
}

interface Gathered {
  readonly answers: readonly CutAnswer[];
  readonly failed: readonly Exclude<CutOutcome, { kind: "cut" }>[];
}

const BYTES_MAX = 1_000_000;
const NEAR_LEVELS: readonly string[] = ["prefix", "eventual", "bounded"];

export class CutReader {
  readonly #cluster: Cluster;
  readonly #edge: Edge;
  readonly #question: CutQuestion;
  readonly #deadline: number;

  constructor(cluster: Cluster, edge: Edge, question: CutQuestion, budgetMs: number) {
    this.#cluster = cluster;
    this.#edge = edge;
    this.#question = question;
    this.#deadline = cluster.timeline.now + budgetMs;
  }

  *read(): Task<CutOutcome> {
    const { level, hasToken } = this.#question;
    const near = NEAR_LEVELS.includes(level) || (level === "session" && hasToken);
    let { answers, failed } = yield* this.#ask(this.#groups(this.#question.reads, near, []));
    for (let rounds = 1; ; rounds++) {
      const [first] = failed;
      if (first !== undefined) return first;
      const parts = answers.map(({ part }) => part);
      const again =
        level === "eventual"
          ? []
          : answers.filter(({ part }) => this.#cluster.rules.lacking(part, parts).length > 0);
      if (again.length === 0) return { kind: "cut", answers, rounds };
      if (this.#left() < 10) return { kind: "failed", reason: "read-timeout" };
      const next = yield* this.#ask(
        again.flatMap((answer) => this.#groups(answer.reads, answer.near, neededOf(answer.partition, parts))),
      );
      answers = [...answers.filter((answer) => !again.includes(answer)), ...next.answers];
      failed = next.failed;
    }
  }

  #left(): number {
    return this.#deadline - this.#cluster.timeline.now;
  }

  #groups(reads: readonly CutRead[], near: boolean, needs: readonly Position[]): Group[] {
    const groups = new Map<string, Group>();
    for (const read of reads) {
      const home = near ? "anchor" : (this.#edge.knownHome(read.user) ?? "anchor");
      const name = `${read.partition}/${home}`;
      const known = groups.get(name)?.reads ?? [];
      groups.set(name, { partition: read.partition, home, near, needs, reads: [...known, read] });
    }
    return [...groups.values()];
  }

  *#ask(groups: readonly Group[]): Task<Gathered> {
    const gathered = yield* all(
      groups.map((group) => (group.near ? this.#askNear(group) : this.#askLeader(group))),
    );
    return {
      answers: gathered.flatMap(({ answers }) => answers),
      failed: gathered.flatMap(({ failed }) => failed),
    };
  }

  *#askNear(group: Group): Task<Gathered> {
    const { level, committed } = this.#question;
    const patient = level === "bounded" || committed;
    const waitMs = patient ? this.#left() / 2 : Math.min(NEAR_WAIT_MS, this.#left() / 2);
    const request = this.#request(group, level, waitMs);
    const end = yield* this.#edge.ask(this.#edge.region, group.partition, request, waitMs + NEAR_WAIT_MS);
    const atHand = level === "prefix" || level === "eventual";
    const reply = end.end === "answer" ? end.answer : null;
    if (reply?.kind === "items") return yield* this.#sorted(group, reply, atHand);
    if (reply?.kind === "items-lost")
      return failedWith({ kind: "lost", partition: group.partition, lost: reply.lost });
    if (reply === null && atHand) return failedWith({ kind: "failed", reason: "no answer" });
    return yield* this.#ask(this.#groups(group.reads, false, group.needs));
  }

  *#askLeader(group: Group): Task<Gathered> {
    const level = this.#question.level === "strong" ? "strong" : "leader";
    const request = this.#request(group, level, 0);
    const reply = yield* this.#leaderSays(group, request);
    if (reply?.kind === "items") return yield* this.#sorted({ ...group, near: false }, reply, false);
    if (reply?.kind === "items-lost")
      return failedWith({ kind: "lost", partition: group.partition, lost: reply.lost });
    // Moved, all of them: the homes that were known are not theirs.
    if (reply?.kind === "moved" && this.#left() >= 10) {
      for (const { user } of group.reads) this.#edge.forgetHome(user);
      yield* sleep(this.#cluster.timeline, PAUSE_MS);
      return yield* this.#ask(this.#groups(group.reads, false, group.needs));
    }
    return failedWith({ kind: "failed", reason: "no-leader" });
  }

  *#leaderSays(group: Group, request: Undated<ReadManyRequest>): Task<ClientReply | null> {
    const { partition, home } = group;
    if (home === "anchor")
      return yield* this.#edge.anchorSays(partition, { ...request, certain: true }, this.#deadline);
    return yield* this.#edge.leaderSays(partition, home, request, this.#deadline);
  }

  *#sorted(group: Group, reply: ItemsReply, atHand: boolean): Task<Gathered> {
    const here: number[] = [];
    const elsewhere: CutRead[] = [];
    const claims: Position[] = [];
    for (const [n, outcome] of reply.items.entries()) {
      const read = group.reads[n] as CutRead;
      if (outcome.kind === "item" || outcome.kind === "moved")
        this.#edge.learnHome(read.user, outcome.home, outcome.version);
      if (outcome.kind === "moved") claims.push(outcome.claim);
      if (outcome.kind === "unknown-user") this.#edge.forgetHome(read.user);
      if (outcome.kind === "moved" || (outcome.kind === "unknown-user" && !atHand)) elsewhere.push(read);
      else here.push(n);
    }
    if (elsewhere.length > 0) yield* sleep(this.#cluster.timeline, 1);
    const rest: Gathered =
      this.#left() < 10 && elsewhere.length > 0
        ? failedWith({ kind: "failed", reason: "read-timeout" })
        : yield* this.#ask(this.#groups(elsewhere, false, [...group.needs, ...claims]));
    const answer = here.length === 0 ? [] : [answerOf(group, reply, here)];
    return { answers: [...answer, ...rest.answers], failed: rest.failed };
  }

  #request(group: Group, level: ReadManyRequest["level"], waitMs: number): Undated<ReadManyRequest> {
    const { committed, stalenessMsMax, reportLost, session } = this.#question;
    return {
      op: "read-many",
      reads: group.reads.map(({ user, key }) => ({ user, key })),
      level,
      committed,
      ...(stalenessMsMax === undefined ? {} : { stalenessMsMax }),
      ...(reportLost === undefined ? {} : { reportLost }),
      session: session(group.partition),
      needs: group.needs,
      waitMs,
      bytesMax: BYTES_MAX,
      from: this.#edge.region,
    };
  }
}

/** What a session takes out of one answer: of other partitions not what the cut found to be lost. */
export function seenIn({ reply }: CutAnswer, answers: readonly CutAnswer[]): ManyFacts {
  const { many } = reply;
  const parts = answers.map(({ part }) => part);
  const shownOthers = many.shownOthers.filter((position) => !isLostIn(parts, position.p, position));
  return { ...many, shownOthers };
}

function failedWith(failure: Gathered["failed"][number]): Gathered {
  return { answers: [], failed: [failure] };
}

function answerOf(group: Group, reply: ItemsReply, here: readonly number[]): CutAnswer {
  return {
    partition: group.partition,
    reads: here.map((n) => group.reads[n] as CutRead),
    reply: { ...reply, items: here.flatMap((n) => reply.items[n] ?? []) },
    near: group.near,
    part: partOf(group.partition, reply.many, group.needs),
  };
}
