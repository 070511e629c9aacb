/**
 * One request's way to the replicas: its deadline, every attempt and how it ended.
 *
 * It remembers the one thing that honesty depends on: whether an attempt at the effect was sent and never answered. As long as that
 * holds, no refusal that comes later may claim that nothing was done.
 */
import type { ReplicaName } from "../../durable-objects/replica-name.ts";
import { RegionUnavailable } from "../../durable-objects/region-unavailable.ts";
import type { RegionIndex } from "../replication/position.ts";
import type { ChangesRequest, ClientReply, ClientRequest, Facts } from "../replication/request.ts";
import type { Edge } from "./edge.ts";
import { Voyage, type Step } from "./voyage.ts";
import type { Opened } from "./seam.ts";

export interface Unreached {
  readonly kind: "unreached";
  /** `expired`: the caller's time was over before anything was sent. */
  readonly reason: "timeout" | "refused" | "overloaded" | "expired";
}

export type Outcome = ClientReply | Unreached;

/** What a journey is about. */
export interface Subject {
  readonly namespace: string;
  readonly user: string;
  readonly partition: number;
}

/** Attempts at a leader wait within these bounds: the longest round trip between regions is about 340 ms, a cold start some hundred. */
const ATTEMPT_MS_MIN = 800;
const ATTEMPT_MS_MAX = 2_500;
/** The way back from the farthest region, with room to spare. */
const RETURN_MS_MAX = 250;

export interface JourneyOptions {
  readonly from: RegionIndex;
  readonly startedAt: number;
  readonly budgetMs: number;
  readonly effect: "write" | "move" | "erase" | null;
}

export class Journey {
  readonly subject: Subject;
  readonly #voyage: Voyage;
  /** The op that has an effect: only its attempts can leave something undecided. */
  readonly #effect: ClientRequest["op"] | null;
  #redirects = 0;
  #answeredBy: RegionIndex | null = null;

  constructor(edge: Edge, subject: Subject, options: JourneyOptions | Voyage) {
    this.subject = subject;
    this.#voyage =
      options instanceof Voyage
        ? options
        : new Voyage(edge, { ...options, isWrite: options.effect !== null });
    this.#effect = options instanceof Voyage ? null : options.effect;
  }

  get edge(): Edge {
    return this.#voyage.edge;
  }

  get from(): RegionIndex {
    return this.#voyage.from;
  }

  get startedAt(): number {
    return this.#voyage.startedAt;
  }

  get steps(): readonly Step[] {
    return this.#voyage.steps;
  }

  get unanswered(): boolean {
    return this.#voyage.unanswered;
  }

  get isWrite(): boolean {
    return this.#voyage.isWrite;
  }

  /** Region of the last answer. */
  get answeredBy(): RegionIndex | null {
    return this.#answeredBy;
  }

  get routeMs(): number {
    return this.#voyage.routeMs;
  }

  /**
   * What a replica is told of an attempt that we wait `timeoutMs` for: a little less, so that its answer still finds us
   * waiting, and a write that we have given up on is refused instead of done late.
   */
  replicaDeadlineAt(timeoutMs: number): number {
    const waitMs = Math.max(0, Math.min(timeoutMs, this.remainingMs()));
    return Date.now() + waitMs - Math.min(RETURN_MS_MAX, Math.floor(waitMs / 5));
  }

  remainingMs(): number {
    return this.#voyage.remainingMs();
  }

  withHalf<T>(part: () => Promise<T>): Promise<T> {
    return this.#voyage.withHalf(part);
  }

  attemptMs(): number {
    return Math.min(ATTEMPT_MS_MAX, Math.max(ATTEMPT_MS_MIN, Math.floor(this.remainingMs() / 4)));
  }

  /** False when there were too many: the hints that we follow go in circles. */
  redirected(): boolean {
    return ++this.#redirects <= REDIRECTS_MAX;
  }

  /** Time has passed since the last hint: what is known now may be something else. */
  rested(): void {
    this.#redirects = 0;
  }

  /** The reply says that it may have been done although it was refused. */
  leftOpen(): void {
    this.#voyage.unanswered = true;
  }

  ask(to: RegionIndex, request: ClientRequest, timeoutMs: number): Promise<Outcome> {
    const { transport } = this.edge;
    return this.#attempt(to, request, timeoutMs, (name, limitMs) => transport.ask(name, request, limitMs));
  }

  /** Opens a live feed there. */
  open(to: RegionIndex, request: ChangesRequest, timeoutMs: number): Promise<Outcome | Opened> {
    const { transport } = this.edge;
    return this.#attempt(to, request, timeoutMs, (name, limitMs) => transport.live(name, request, limitMs));
  }

  async #attempt<T extends ClientReply | Opened>(
    to: RegionIndex,
    request: ClientRequest,
    timeoutMs: number,
    call: (name: ReplicaName, limitMs: number) => Promise<T>,
  ): Promise<T | Unreached> {
    const sentAt = Date.now();
    const limitMs = Math.min(timeoutMs, this.remainingMs());
    if (limitMs <= 0) return { kind: "unreached", reason: "expired" };
    this.#voyage.sent(sentAt);
    const { namespace, partition } = this.subject;
    try {
      const reply = await call({ namespace, partition, region: to }, limitMs);
      this.#answeredBy = to;
      this.edge.health.answered(this.from, to);
      this.#note(to, request, reply.kind === "refused" ? reply.reason : reply.kind, sentAt);
      if (reply.kind !== "opened") this.#learn(reply);
      return reply;
    } catch (error) {
      // An error that is not the transport's own says nothing of delivery: the worst is assumed.
      const { reason, sent } =
        error instanceof RegionUnavailable ? error : { reason: "refused" as const, sent: true };
      if (sent && request.op === this.#effect) this.#voyage.unanswered = true;
      if (reason !== "overloaded") this.edge.health.failed(this.from, to, Date.now());
      this.#note(to, request, reason, sentAt);
      return { kind: "unreached", reason };
    }
  }

  #note(to: RegionIndex, { op }: ClientRequest, outcome: string, sentAt: number): void {
    const region = this.edge.regions.idOf(to);
    this.edge.metrics.attempt(region, op, outcome);
    this.#voyage.steps.push({ region, op, outcome, ms: Date.now() - sentAt });
  }

  #learn(reply: ClientReply): void {
    const { namespace, user, partition } = this.subject;
    const { homes } = this.edge;
    const now = Date.now();
    const facts = factsOf(reply);
    if (facts !== null) {
      homes.learnHome(namespace, user, facts.home, facts.homeVersion, now);
      homes.learnLeader(namespace, partition, facts.home, facts, now);
    } else if (reply.kind === "home") {
      homes.learnHome(namespace, user, reply.home, reply.version, now);
      homes.learnLeader(namespace, partition, reply.home, reply, now);
    } else if (reply.kind === "moved") {
      homes.learnHome(namespace, user, reply.home, reply.version, now);
      const { leader, epoch = 0 } = reply;
      if (leader !== undefined) homes.learnLeader(namespace, partition, reply.home, { leader, epoch }, now);
    }
  }
}

const REDIRECTS_MAX = 3;

export function factsOf(outcome: Outcome): Facts | null {
  return "facts" in outcome ? outcome.facts : null;
}

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}
