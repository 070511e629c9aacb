/**
 * All invariants that are judged after each turn, by name of function, and what runs them.
 *
 * Judged elsewhere: I12 (nothing acknowledged vanishes), I14, I23, I25, I28, I29 at the end and now and then (state-check.ts,
 * verdict.ts); I17 and whole sessions by the checkers; L1, L4 in liveness.ts.
 *
 * I23, I24: moves.ts. Not applicable yet: I30 (voters with amnesia: detected by the core, not simulated), I31 (activation of
 * entry kinds; there is one version), forced epochs.
 */
import type { Effect, Event } from "../../src/replication/effect.ts";
import { EntryKind } from "../../src/replication/entry.ts";
import { erasuresBefore, firstVersion } from "../../src/replication/home.ts";
import type { PeerRequest } from "../../src/replication/message.ts";
import type { Position } from "../../src/replication/position.ts";
import type { Cluster, Observer } from "./cluster.ts";
import { describeEvent } from "./describe.ts";
import type { Ghost } from "./ghost.ts";
import type { Host, Undated } from "./host.ts";
import {
  acknowledgementsAreHeld,
  actsOnlyWhoLeads,
  dependenciesComeFirst,
  nothingIsReadFromHalfAnImage,
  oneLeaderAtATime,
  tokensAreCovered,
  writesFollowReads,
} from "./invariants-answers.ts";
import {
  nothingExpiredIsShown,
  onlyTheExpiredIsReclaimed,
  timesAreTold,
  writesJudgeAtTheirOwnTime,
} from "./invariants-expiry.ts";
import {
  boundedReadsAreFresh,
  compactionWaitsForFollowers,
  doorbellsAreAnswered,
  exposureIsBounded,
  pinsAreKept,
} from "./invariants-time.ts";
import { erasuresWaitForAMajority } from "./erasures.ts";
import {
  chainsHash,
  commitsAreValid,
  countsAcknowledgements,
  entriesAreWhatTheirWriterWrote,
  leadersAreComplete,
  logsAreContiguous,
  nothingCommittedIsCut,
  nothingStaleIsAccepted,
  onlyTheStoredIsSent,
  promisesNeverDecrease,
} from "./invariants-log.ts";
import { takeoversHaveAReason } from "./invariants-takeover.ts";
import { HandOffWatch, heirsAreTold } from "./hand-offs.ts";
import { MoveWatch } from "./moves.ts";
import { SinkWatch } from "./sinks.ts";
import { stateIsWhatWasApplied } from "./state-check.ts";
import type { Answered, Turn } from "./turn.ts";

type Invariant = (turn: Turn) => void;

/** In this order: later ones rely on what earlier ones noted in the ghost. */
const INVARIANTS: readonly Invariant[] = [
  entriesAreWhatTheirWriterWrote,
  chainsHash,
  erasuresWaitForAMajority,
  logsAreContiguous,
  promisesNeverDecrease,
  nothingStaleIsAccepted,
  leadersAreComplete,
  nothingCommittedIsCut,
  countsAcknowledgements,
  commitsAreValid,
  onlyTheStoredIsSent,
  dependenciesComeFirst,
  acknowledgementsAreHeld,
  oneLeaderAtATime,
  actsOnlyWhoLeads,
  nothingIsReadFromHalfAnImage,
  tokensAreCovered,
  writesFollowReads,
  boundedReadsAreFresh,
  nothingExpiredIsShown,
  writesJudgeAtTheirOwnTime,
  onlyTheExpiredIsReclaimed,
  timesAreTold,
  exposureIsBounded,
  doorbellsAreAnswered,
  compactionWaitsForFollowers,
  pinsAreKept,
];

/** Whole tables are compared once in so many turns of a replica. */
const STATE_EVERY = 150;
/** I22: how long after its deadline a request may stand open; clocks jump and storage stalls. */
const DEADLINE_SLACK_MS = 6_000;

interface Open {
  readonly request: Undated;
  readonly askedAt: number;
  readonly generation: number;
  readonly overdueAt: number;
  lowestNow: number;
}

export class Invariants implements Observer {
  readonly #cluster: Cluster;
  readonly #ghost: Ghost;
  readonly #clocksKept: boolean;
  readonly #open = new Map<Host, Map<number, Open>>();
  readonly #restoring = new Set<Host>();
  /** Requests of other replicas that were not answered yet, by number. */
  readonly #requests = new Map<Host, Map<number, PeerRequest>>();
  readonly #turns = new Map<Host, number>();
  /** What a replica did in its last turn, if it is something that a restart must not undo. */
  readonly #delicate = new Map<Host, "a promise" | "an OPEN">();
  readonly sinks = new SinkWatch();
  readonly #handOffs = new HandOffWatch();
  readonly #moves: MoveWatch;

  constructor(cluster: Cluster, ghost: Ghost, clocksKept: boolean) {
    this.#cluster = cluster;
    this.#ghost = ghost;
    this.#clocksKept = clocksKept;
    this.#moves = new MoveWatch(ghost, (host) => cluster.aimAt(host));
  }

  /** Called before the request's turn. */
  asked(host: Host, id: number, request: Undated, leftMs: number): void {
    const { now } = this.#cluster.timeline;
    let open = this.#open.get(host);
    if (open === undefined) this.#open.set(host, (open = new Map()));
    open.set(id, {
      request,
      askedAt: now,
      generation: host.generation,
      overdueAt: now + leftMs + DEADLINE_SLACK_MS + 2 * this.#cluster.faults.clock.jumpMsMax,
      lowestNow: host.now(),
    });
  }

  turned(host: Host, event: Event, effects: readonly Effect[], now: number): void {
    if (this.#ghost.problems.length > 0) return;
    const { timeline, tally } = this.#cluster;
    const requests = this.#requestsOf(host);
    for (const open of this.#open.get(host)?.values() ?? []) open.lowestNow = Math.min(open.lowestNow, now);
    if (event.type === "peer") requests.set(event.id, event.message);
    const before = this.#delicate.get(host);
    if (event.type === "start" && before !== undefined) tally.add(`rare: restart right after ${before}`);
    this.#delicate.delete(host);
    const dirty = host.driver.takeDirty();
    const deltas = this.#ghost.mirrors(host).map((mirror) => mirror.sync(host.driver, dirty));
    for (const { o, appended, removed, baseBefore, baseAfter } of deltas) {
      if (removed.length > 0) tally.add("entries cut off", removed.length);
      const opened = appended.find((row) => row.prevE !== row.e && row.e % 16 === host.region);
      if (opened !== undefined) tally.add("elections");
      if (opened !== undefined && (opened.prevE === 0 ? o : opened.prevE % 16) !== host.region)
        tally.add("takeovers by replicas");
      for (const { e, s } of removed) {
        const log = this.#ghost.log(host.partition, o);
        if (log.known(e, s)?.entry.kind === EntryKind.open && !log.isCommitted(e, s))
          tally.add("rare: uncommitted OPEN cut off");
      }
      if (opened !== undefined) {
        this.#delicate.set(host, "an OPEN");
        this.#cluster.aimAt(host);
      }
      if (appended.length > 0 && event.type === "answer" && event.message.type === "pull-ok")
        tally.add("gaps repaired by pull");
      if (appended.length > 0 && event.type === "batch") tally.add("entries by queue", appended.length);
      if (baseAfter.s > baseBefore.s)
        tally.add(dirty.has("restore") ? "snapshots taken over" : "compactions");
      void o;
    }
    if (effects.some((effect) => effect.type === "reply" && effect.message.type === "promise"))
      this.#delicate.set(host, "a promise");
    const turn: Turn = {
      host,
      event,
      effects,
      now,
      at: timeline.now,
      deltas,
      answered: this.#answered(host, effects),
      requestOf: (id) => requests.get(id),
      ghost: this.#ghost,
      restoring: this.#isRestoring(host, dirty),
      peers: this.#cluster.hosts[host.partition] ?? [],
      clocksKept: this.#clocksKept,
      timing: this.#cluster.timing,
      limits: this.#cluster.limits,
      tally,
      fail: (invariant, what) => this.#ghost.fail(invariant, what),
    };
    for (const invariant of INVARIANTS) invariant(turn);
    this.#handOffs.watch(turn);
    heirsAreTold(turn, this.#handOffs);
    this.#moves.watch(turn);
    takeoversHaveAReason(turn, this.#cluster.network);
    this.sinks.watch(turn, dirty);
    for (const effect of effects) if (effect.type === "reply") requests.delete(effect.id);
    const turns = (this.#turns.get(host) ?? 0) + 1;
    this.#turns.set(host, turns);
    if (turns % STATE_EVERY === 0) this.checkState(host);
    this.#judgeDeadlines(host);
  }

  died(host: Host): void {
    this.#moves.died(host, this.#cluster.tally);
  }

  haunted(host: Host, what: string): void {
    this.#ghost.fail("a replaced instance does not lead", `${host.name} ${what}`);
  }

  /** What it has counted is committed (I7), and others may say so after it, though no present instance has counted it. */
  toldByReplaced(host: Host, event: Event, effects: readonly Effect[]): void {
    const spoken = effects.flatMap((effect): Position[] => {
      if (effect.type === "call" && effect.message.type === "append") {
        const { o, e, commit } = effect.message;
        return [{ o, e, s: commit }];
      }
      // Whoever only asks for what is at hand is answered at once: this one asked the anchor's leader, of a claim.
      const home = effect.type === "respond" && effect.reply.kind === "home" && event.type !== "client";
      return home && isClaimed(effect.reply.version) ? [effect.reply.position] : [];
    });
    for (const { o, e, s } of spoken) {
      const log = this.#ghost.log(host.partition, o);
      if (s > log.commit && log.known(e, s) !== undefined)
        this.#ghost.claim(host.partition, o, s, e, `${host.name}, which was replaced,`);
    }
  }

  threw(host: Host, event: Event, error: unknown): void {
    const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
    this.#ghost.fail("a replica never throws", `${host.name} at ${describeEvent(event)}: ${stack}`);
  }

  /** I14, I23, I28, I29. */
  checkState(host: Host): void {
    this.#cluster.tally.add("states compared");
    for (const problem of stateIsWhatWasApplied(this.#ghost, host))
      this.#ghost.fail("I14 state is what was applied", problem);
  }

  #isRestoring(host: Host, dirty: ReadonlySet<string>): boolean {
    if (dirty.has("restore")) {
      if (host.driver.rows(`SELECT 1 FROM restore LIMIT 1`).length > 0) this.#restoring.add(host);
      else this.#restoring.delete(host);
    }
    return this.#restoring.has(host);
  }

  #requestsOf(host: Host): Map<number, PeerRequest> {
    let requests = this.#requests.get(host);
    if (requests === undefined) this.#requests.set(host, (requests = new Map()));
    return requests;
  }

  #answered(host: Host, effects: readonly Effect[]): Answered[] {
    const open = this.#open.get(host);
    return effects.flatMap((effect): Answered[] => {
      if (effect.type !== "respond") return [];
      const asked = open?.get(effect.id);
      if (asked === undefined) return [];
      open?.delete(effect.id);
      const { request, askedAt, lowestNow } = asked;
      return [{ request, reply: effect.reply, askedAt, lowestNow }];
    });
  }

  /** I22: no request stays open past its deadline, at an instance that lives. */
  #judgeDeadlines(host: Host): void {
    const now = this.#cluster.timeline.now;
    for (const [id, open] of this.#open.get(host) ?? []) {
      if (open.generation !== host.generation) this.#open.get(host)?.delete(id);
      else if (now > open.overdueAt) {
        this.#ghost.fail(
          "I22 no request hangs",
          `${host.name} has not answered ${open.request.op} of ${open.askedAt.toFixed(0)}`,
        );
        return;
      }
    }
  }
}

/** Is it the home that a claim has made, and no move? */
function isClaimed(version: number): boolean {
  return version === firstVersion(erasuresBefore(version));
}
