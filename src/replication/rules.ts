/**
 * The protocol's rules as pure decisions, each in one place. The rest of the core asks them and does the work. A test
 * breaks one at a time (a mutant) and the simulator has to notice.
 *
 * R1 promise, R2 append, R3 open, R4 commit, R5 lease, R6 deferred acknowledgements, R7 incarnation, R8 amnesia.
 */
import { guardMs, type Timing } from "./config.ts";
import { lackingOf, type CutPart } from "./cut.ts";
import { OpKind, type Concern, type Op } from "./entry.ts";
import { judge, type Judgement, type LogKnowledge } from "./epoch-table.ts";
import type { Promise_ } from "./message.ts";
import {
  compareTails,
  leaderOf,
  samePosition,
  type Epoch,
  type Position,
  type RegionIndex,
  type Tail,
} from "./position.ts";
import type { Moving } from "./state-row.ts";
import type { ExpiredItem, GrantRow } from "./storage.ts";

/** What a leader knows of itself when it asks whether it may acknowledge. */
export interface Standing {
  /** It has promised nobody else, and its OPEN is on a majority. */
  readonly leads: boolean;
  readonly ackAfter: number;
  readonly leaseUntil: number;
}

/** What is known of one entry when its concern is judged. */
export interface Holding {
  readonly s: number;
  readonly commit: number;
  /** matchS of the other voters. */
  readonly matches: readonly number[];
  /** Every dependency is committed or lost here. */
  readonly depsSettled: boolean;
}

/** What a voter knows when it is asked whether a log should have another leader. */
export interface Evidence {
  /** The present leader answered the voter's own probe. */
  readonly reachable: boolean;
  /** What is left of the lease that the voter granted to it. */
  readonly leaseRemainingMs: number;
  /** What is left of the pause after the last takeover. */
  readonly coolingMs: number;
  /** Somebody else has just been promised something: a campaign is under way. */
  readonly rival: boolean;
  /** The voter knows of a later epoch than the one whose leader is missed. */
  readonly superseded: boolean;
}

/** What a voter says of itself. */
export interface Word {
  /** Empty: it knows that it has forgotten. */
  readonly storeId: string;
  readonly inc: number;
  /** The end of a log there, of which nothing is ever cut but for a greater epoch. */
  readonly tail: Tail;
}

export interface Rules {
  /** How many voters decide: any two such sets have one in common. */
  majority(voters: number): number;
  /** May a takeover begin, as far as this voter can tell? It promises nothing by saying so. */
  willing(evidence: Evidence, timing: Timing): boolean;
  /** May it begin, with so many of the voters willing? */
  mayCampaign(willing: number, voters: number): boolean;
  /** R1: a promise is given to a greater ballot only, and so never twice to the same. */
  acceptsPrepare(b: Epoch, promised: Epoch): boolean;
  /** R1: what is left of the longest grant to anybody but the candidate and this voter itself. */
  leaseRemainingMs(
    grants: readonly GrantRow[],
    o: RegionIndex,
    candidate: RegionIndex,
    self: RegionIndex,
    now: number,
  ): number;
  /**
   * R5: of what this voter granted, what still binds. A leader that gives up epoch `gaveUp` (0: none did) acts on no lease of it
   * or of an earlier one any more; a voter that has taken nothing of a later epoch has granted that leader none of a later one.
   */
  bindingGrants(grants: readonly GrantRow[], gaveUp: Epoch, leaderE: Epoch): readonly GrantRow[];
  /** A leader that hands its log over leads no more, from the turn on in which it says so. */
  stepsDown(): boolean;
  /** R2: nothing of an epoch below the promise enters the log. */
  acceptsAppend(e: Epoch, promised: Epoch): boolean;
  /** R7: an older instance of the leader's object cannot add to an epoch that a younger one leads. */
  acceptsIncarnation(inc: number, seen: number): boolean;
  /**
   * R8: does what a voter says of itself show that its storage is another one than before, or has gone back in time? `proves`: it
   * had to write to say so, after what is known was said. `whole`: its tail is all that it has of the log.
   */
  hasForgotten(
    known: Word,
    said: Word,
    hearing: { readonly proves: boolean; readonly whole: boolean },
  ): boolean;
  /** R8: does a leader tell its followers by what names it knows the voters? Who never led has heard none of them. */
  introduces(): boolean;
  /** R8: of the other voters so many have said what a voter that has forgotten must know. One that is left out may be the one that it promised. */
  mayReturn(answered: number, others: number): boolean;
  /** R8: does one voter remember another as somebody else than the one that speaks, or as one that was restarted since? */
  contradicts(known: Omit<Word, "tail">, said: Omit<Word, "tail">): boolean;
  /** R8: does its log reach as far as the furthest that it heard of? */
  hasCaughtUp(last: Tail, furthest: Tail): boolean;
  /** R8: what it has to hold as promised from then on. */
  promisedAgain(promised: Epoch, heard: readonly Epoch[]): Epoch;
  /** R3: the log to adopt is the greatest one among a majority's. */
  bestPromise<P extends { readonly last: Tail }>(promises: readonly P[]): P;
  /** R4: the greatest seq on a majority, if it is of the leader's own epoch; else the old commit position. */
  commitPosition(matches: readonly number[], majority: number, start: number, commit: number): number;
  /** R4: a follower believes a commit position only as far as its log is verified to be the leader's. */
  followerCommit(said: number, verified: number, commit: number): number;
  /** R5: until when a voter that grants at `now` reports the lease. */
  grantUntil(now: number, timing: Timing): number;
  /** R5: until when a leader whose round was sent at `sentAt` may act on it. */
  leaseUntil(sentAt: number, timing: Timing): number;
  /** R6: when the longest lease that any promise reported has surely ended. */
  ackAfter(
    promises: readonly { readonly receivedAt: number; readonly promise: Promise_ }[],
    timing: Timing,
  ): number;
  /** May an answer that relies on being the only leader be given on the lease alone (R5, R6)? */
  leaseValid(standing: Standing, now: number): boolean;
  /** Is a row written with an answer that relies on leading, which a replaced instance of the object could not get confirmed? */
  fences(): boolean;
  /** Without leases: does a voter write a row with each word that a leader counts? Else a replaced instance would say it from memory. */
  votersFence(): boolean;
  /** How old what a leader shows under its lease may be, should this instance have been replaced and not know it. */
  leaseAgeMs(timing: Timing): number;
  /**
   * Up to which reading of the follower's clock a leader may say that its log is complete: of those it has `received`, the
   * last one that came before it wrote something. What is sent after a write leaves only when that is confirmed.
   */
  echo(received: number, proven: number): number;
  /** When is what was asked for on enough voters? (Sections 1.6 and 2.8; dependencies: decision 16.) */
  concernMet(concern: Concern, standing: Standing, holding: Holding, now: number): boolean;
  /** The oldest entry without a majority is older than it may be: nothing more is acknowledged at `local` (I32). */
  exposesTooMuch(oldestMs: number, timing: Timing): boolean;
  /** The fate of a position (section 4.2 of the protocol). */
  judge(log: LogKnowledge, e: Epoch, s: number): Judgement;
  /**
   * A lost dependency counts as satisfied: it must not block other logs for ever. It stands for what came before it in its epoch too, which
   * later entries do not name again (write-entry.ts): so what was not lost of that has to be `there`.
   */
  dependencySatisfied(judgement: Judgement, there: boolean): boolean;
  /** May entries through `s` be dropped? */
  mayCompact(
    s: number,
    bounds: {
      readonly commit: number;
      readonly applied: number;
      readonly pinned: number;
      readonly matches: readonly number[];
      /** What follows is still to be delivered to a sink. */
      readonly held: number;
    },
  ): boolean;
  /** Is a snapshot's image whole: is everything it may show committed? */
  imageWhole(until: readonly Position[], commitOf: (o: RegionIndex) => number): boolean;
  /** What a part of a cut is not known to have, of all that the other parts rest on. */
  lacking(part: CutPart, parts: readonly CutPart[]): Position[];
  /** Does a user's log take nothing more from them, because they are on their way to another? */
  holdsStill(moving: Moving | undefined): moving is Moving;
  /** May the other log take a user in, or refuse them? `commit`: of the log that they come from. */
  mayAnswer(moving: Moving, commit: number): boolean;
  /** May the log that they come from go on with them? `commit`: of the log that refused them. */
  mayResume(moving: Moving, commit: number): boolean;
  /**
   * May a home act on the claim that made it one, at `s` of a log? `commit`: of that log. What is not committed may be cut off, and another
   * home be claimed; or none, and what is lost would be nobody's.
   */
  mayLiveBy(s: number, commit: number): boolean;
  /** May the new home act on having taken a user in, at `s` of its log? */
  hasArrived(s: number, commit: number): boolean;
  /** Is a request that was repeated across a move looked for where the user was before? */
  looksBack(): boolean;
  /** How far may the change feed show a log? What is not committed may be cut off, what is not applied has not happened here. */
  feedThrough(log: { readonly commit: number; readonly applied: number }): number;
  /** Is something after the reader's place no longer in the log? */
  feedExpired(place: number, base: number): boolean;
  /** Does a replay of a known idempotency key get the first answer? */
  remembersKeys(): boolean;
  /** Is an item that was imported still known as that when it is written again? */
  carriesMarks(): boolean;
  /** An erasure cannot be taken back: it is applied when a majority holds it. */
  mayErase(s: number, commit: number): boolean;
  /** Do entries of erased users go from the logs? */
  redacts(): boolean;
  /** Does truncation restore what the entry replaced? */
  undoes(): boolean;
  /** Is an entry kept that was cut off? */
  keepsCut(worthKeeping: boolean): boolean;
  /** Does a leader log that an entry is lost? Once. */
  recordsCut(recorded: boolean): boolean;
  /** May the copy go that is kept where an entry was cut off? `recorded`: where it is recorded in the log; null: not there. */
  mayForgetCut(recorded: Tail | null, commit: number): boolean;
  /** Is a lost write known as done where the same request came again? */
  knowsRetries(): boolean;
  /** May what is said of a lost write rest on an entry of another log? `commit`: of that log. */
  mayRestOn(s: number, commit: number): boolean;
  /** Does an entry settle the lost write that it says it does? */
  settles(): boolean;
  /** What a lost op does when it is run again; null: nothing, it was no user's. */
  runsAgain(op: Op): "put" | "delete" | "merge" | "add" | null;
  /** Does an item stand at the version that a transaction wants? Null: there is none. */
  checkHolds(wanted: Position | null, present: Position | null): boolean;
  /** Which ops of an entry are applied: all or nothing. */
  opsApplied(ops: readonly Op[]): readonly Op[];
  /** How far a log may be delivered to sinks: a change that was told can never be taken back. */
  sinkLimit(log: { readonly commit: number; readonly applied: number; readonly head: number }): number;
  /** Does a sink's place move on before the receiver has taken the batch? */
  deliveredWhenSent(): boolean;
  /** What expires at this instant or before may be reclaimed by an entry written at `now`: the entry's own time is no earlier. */
  reclaimsThrough(now: number): number;
  /** Of what a log's leader finds expired, what its entry names: all, since it was looked up in the turn that writes the entry. */
  reclaims(found: readonly ExpiredItem[]): readonly ExpiredItem[];
  /** At which instant a reader judges what is expired: never before one that its session has seen pass. */
  readsAt(now: number, seenAt: number): number;
  /** Does an answer that shows a tombstone tell the time at which the item was gone? */
  tellsTime(): boolean;
}

export const RULES: Rules = {
  majority: (voters) => Math.floor(voters / 2) + 1,

  willing: (evidence, timing) =>
    !evidence.reachable &&
    !evidence.superseded &&
    !evidence.rival &&
    evidence.coolingMs === 0 &&
    evidence.leaseRemainingMs <= timing.leaseGraceMs,

  mayCampaign(willing, voters) {
    return willing >= this.majority(voters);
  },

  acceptsPrepare: (b, promised) => b > promised,

  leaseRemainingMs: (grants, o, candidate, self, now) =>
    grants
      .filter((grant) => grant.o === o && grant.grantee !== candidate && grant.grantee !== self)
      .reduce((longest, grant) => Math.max(longest, grant.until - now), 0),

  bindingGrants: (grants, gaveUp, leaderE) =>
    gaveUp === 0 || leaderE > gaveUp ? grants : grants.filter(({ grantee }) => grantee !== leaderOf(gaveUp)),

  stepsDown: () => true,

  acceptsAppend: (e, promised) => e >= promised,

  acceptsIncarnation: (inc, seen) => inc >= seen,

  hasForgotten: (known, said, { proves, whole }) =>
    said.storeId === "" ||
    (known.storeId !== "" &&
      (said.storeId !== known.storeId ||
        (proves && said.inc < known.inc) ||
        (proves && whole && compareTails(said.tail, known.tail) < 0))),

  introduces: () => true,

  mayReturn: (answered, others) => answered >= others,

  contradicts: (known, said) => known.storeId !== said.storeId || known.inc > said.inc,

  hasCaughtUp: (last, furthest) => compareTails(last, furthest) >= 0,

  promisedAgain: (promised, heard) => Math.max(promised, ...heard),

  bestPromise: (promises) =>
    promises.reduce((best, next) => (compareTails(next.last, best.last) > 0 ? next : best)),

  commitPosition: (matches, majority, start, commit) => {
    const held = matches.toSorted((a, b) => b - a)[majority - 1] ?? 0;
    return held >= start ? Math.max(commit, held) : commit;
  },

  followerCommit: (said, verified, commit) => Math.max(commit, Math.min(said, verified)),

  grantUntil: (now, timing) => now + timing.leaseMs + guardMs(timing),

  leaseUntil: (sentAt, timing) => sentAt + timing.leaseMs,

  ackAfter: (promises, timing) =>
    promises.reduce(
      (latest, { receivedAt, promise }) =>
        Math.max(latest, receivedAt + Math.ceil(promise.leaseRemainingMs * (1 + timing.clockDrift))),
      0,
    ),

  leaseValid: (standing, now) => standing.leads && now >= standing.ackAfter && now < standing.leaseUntil,

  fences: () => true,

  votersFence: () => true,

  leaseAgeMs: (timing) => timing.leaseMs + timing.clockBoundMs,

  echo: (_received, proven) => proven,

  concernMet(concern, standing, holding, now) {
    const committed = standing.leads && holding.commit >= holding.s && now >= standing.ackAfter;
    const local = this.leaseValid(standing, now) || committed;
    const held = holding.matches.filter((match) => match >= holding.s).length;
    switch (concern) {
      case "local":
        return local;
      case "one":
        return local && held >= 1;
      case "majority":
        return committed && holding.depsSettled;
      case "all":
        return committed && holding.depsSettled && held === holding.matches.length;
    }
  },

  exposesTooMuch: (oldestMs, { rpoMsMax }) => rpoMsMax > 0 && oldestMs > rpoMsMax,

  judge: (log, e, s) => judge(log, e, s, (openCommitted) => openCommitted),

  dependencySatisfied: (judgement, there) => judgement === "contained" || (judgement === "lost" && there),

  mayCompact: (s, bounds) =>
    s <= bounds.commit &&
    s <= bounds.applied &&
    s <= bounds.pinned &&
    s <= bounds.held &&
    bounds.matches.every((match) => s <= match),

  imageWhole: (until, commitOf) => until.every((position) => commitOf(position.o) >= position.s),

  lacking: lackingOf,

  holdsStill: (moving): moving is Moving => moving !== undefined,

  mayAnswer: (moving, commit) => moving.refused === undefined && moving.s <= commit,

  mayResume: (moving, commit) => moving.refused !== undefined && moving.refused.s <= commit,

  mayLiveBy: (s, commit) => s <= commit,

  hasArrived: (s, commit) => s <= commit,

  looksBack: () => true,

  feedThrough: (log) => Math.min(log.commit, log.applied),

  feedExpired: (place, base) => place < base,

  remembersKeys: () => true,

  carriesMarks: () => true,

  mayErase: (s, commit) => s <= commit,

  redacts: () => true,

  undoes: () => true,

  keepsCut: (worthKeeping) => worthKeeping,

  recordsCut: (recorded) => !recorded,

  mayForgetCut: (recorded, commit) => recorded !== null && recorded.s <= commit,

  knowsRetries: () => true,

  mayRestOn: (s, commit) => s <= commit,

  settles: () => true,

  runsAgain: ({ kind, command }) => {
    switch (kind) {
      case OpKind.put:
        return "put";
      case OpKind.delete:
        return "delete";
      case OpKind.merge:
        return command === undefined ? "put" : "merge";
      case OpKind.add:
        return "add";
      default:
        return null;
    }
  },

  checkHolds: (wanted, present) =>
    wanted === null || present === null ? wanted === present : samePosition(wanted, present),

  opsApplied: (ops) => ops,

  sinkLimit: (log) => Math.min(log.commit, log.applied),

  deliveredWhenSent: () => false,

  reclaimsThrough: (now) => now,

  reclaims: (found) => found,

  readsAt: (now, seenAt) => Math.max(now, seenAt),

  tellsTime: () => true,
};
