/**
 * What a drill has proved. Pure: evidence in, verdicts out, so that planted violations can be tried on it.
 *
 * Authority is the change feed as the longest whole reading of it has it, with the divergent writes beside it. Every checker is
 * the simulator's own. What is checked here besides are the claims about divergent writes, that nothing moves when nobody asks
 * anything, that a minority refuses writes, and the floors: an empty run proves nothing, and fails.
 */
import { checkAccumulation } from "../checker/accumulation.ts";
import { checkAllOrNothing } from "../checker/all-or-nothing.ts";
import { attribute } from "../checker/attribution.ts";
import { Authority, type LogEntry } from "../checker/authority.ts";
import { checkCausality } from "../checker/causality.ts";
import { checkConvergence } from "../checker/convergence.ts";
import { checkCrossDevice } from "../checker/cross-device.ts";
import { checkCuts } from "../checker/cuts.ts";
import { checkDurability, type LostWrite } from "../checker/durability.ts";
import { checkExactlyOnce } from "../checker/exactly-once.ts";
import { checkFeeds, type FeedReading } from "../checker/feed.ts";
import { checkLeaderships } from "../checker/leaderships.ts";
import { checkLinearizability } from "../checker/linearizability.ts";
import type { Operation } from "../checker/operation.ts";
import { checkSessions } from "../checker/sessions.ts";
import { showOperation } from "../checker/sentence.ts";
import { acknowledgedWrites, readsOf } from "../checker/touch.ts";
import { checkTransfers } from "../checker/transfers.ts";
import {
  combineVerdicts,
  requireAtLeast,
  verdictOf,
  type CombinedVerdict,
  type Verdict,
  type Violation,
} from "../checker/verdict.ts";
import type { Member } from "./cohort.ts";
import type { FinalReading } from "./final-reading.ts";
import type { Floor, Scenario } from "./scenario.ts";
import { ACCOUNTS } from "./workload/transfer.ts";

export interface Evidence {
  readonly operations: readonly Operation[];
  readonly members: readonly Member[];
  readonly regions: readonly string[];
  readonly final: FinalReading;
  /** Of readers who followed during the drill. */
  readonly readings: readonly FeedReading[];
  /** What was seen to move while nothing was asked of the store. */
  readonly movedInQuiet: readonly string[];
  readonly handOffs: number;
  readonly moves: number;
  readonly takeovers: number;
  /** What the drill meant to do to the deployment and could not. */
  readonly undone: readonly string[];
  /** In which no write may be acknowledged, on the operations' clock. */
  readonly refusing: { readonly from: number; readonly to: number } | undefined;
}

export interface Judgement extends CombinedVerdict {
  readonly lost: readonly LostWrite[];
  /** Acknowledged writes that a failover took and the divergent list has. */
  readonly divergent: number | "not known";
}

export function judge(evidence: Evidence, scenario: Pick<Scenario, "clocks" | "floors">): Judgement {
  const { operations, members, final, regions } = evidence;
  const kept = attribute(final.entries, operations);
  const listed = final.divergent.known ? attribute(final.divergent.writes, operations) : [];
  const authority = new Authority(kept, [...listed, ...gone(operations, kept, listed)]);
  const strict = new Authority(kept, listed);
  const durability = checkDurability(operations, strict, {
    voters: regions.length,
    someStillDown: !final.divergent.known,
  });
  const partitions = new Map(members.map(({ user, partition }) => [user, String(partition)]));
  const verdicts: Verdict[] = [
    durability,
    divergentAccounted(evidence, durability.lost),
    checkConvergence(final.replicas, strict),
    completelyRead(evidence),
    checkFeeds([...final.feeds, ...evidence.readings], strict),
    checkTransfers(operations, final.replicas, ACCOUNTS),
    checkAllOrNothing(operations, authority),
    ...(scenario.clocks === "kept"
      ? [
          checkLinearizability(operations, { levels: ["strong", "user"], authority }),
          checkSessions(operations, authority),
          checkCrossDevice(operations, authority),
          checkCausality(operations, authority),
          checkCuts(operations, authority),
          checkExactlyOnce(operations, authority),
          checkAccumulation(operations, authority, final.replicas),
          checkLeaderships(operations, { partitionOf: (user) => partitions.get(user) }),
        ]
      : [checkLinearizability(operations, { levels: ["strong"], authority })]),
    verdictOf(
      "silence",
      evidence.movedInQuiet.map((message): Violation => ({ message, ops: [] })),
      {
        logs: new Set(final.entries.map(({ user }) => partitions.get(user))).size,
      },
    ),
    verdictOf(
      "the drill itself",
      evidence.undone.map((message): Violation => ({ message, ops: [] })),
      {},
    ),
    ...(evidence.refusing === undefined ? [] : [refusesWrites(operations, evidence.refusing)]),
    happened(evidence, scenario.floors),
  ];
  const divergent = final.divergent.known
    ? durability.lost.filter(({ state }) => state === "divergent").length
    : "not known";
  return { ...combineVerdicts(verdicts), lost: durability.lost, divergent };
}

/** Acknowledged writes that are in no list: lost as far as everybody who saw them is concerned, whatever the lists say. */
function gone(
  operations: readonly Operation[],
  kept: readonly LogEntry[],
  listed: readonly LogEntry[],
): LogEntry[] {
  const known = new Set([...kept, ...listed].map(({ user, position }) => `${user} ${position}`));
  return operations
    .flatMap(acknowledgedWrites)
    .flatMap(({ op, user, key, kind, version, input, output }): LogEntry[] => {
      if (typeof version !== "string" || known.has(`${user} ${version}`)) return [];
      const { idempotencyKey, concern } = op;
      const how = kind === "delete" || kind === "remove" ? "delete" : kind === "add" ? "add" : "put";
      return [{ user, position: version, key, op: how, value: output ?? input, idempotencyKey, concern }];
    });
}

/** acknowledged = present + divergent. Where the list is not to be had, any lost write leaves the question open. */
function divergentAccounted({ final }: Evidence, lost: readonly LostWrite[]): Verdict {
  const { divergent } = final;
  if (!divergent.known) {
    return verdictOf("divergent writes", [], { lost: lost.length }, lost.length);
  }
  const kept = new Set(final.entries.map(({ user, position }) => `${user} ${position}`));
  const both = divergent.writes.filter(({ user, position }) => kept.has(`${user} ${position}`));
  const violations = [
    ...both.map(({ user, position, id }) => `${id}, ${position} of ${user}, is divergent and in the log`),
    ...divergent.disagreements,
    ...lost
      .filter(({ state }) => state === "missing")
      .map(({ op, position }) => `${position} is neither present nor divergent: ${showOperation(op)}`),
  ];
  return verdictOf(
    "divergent writes",
    violations.map((message): Violation => ({ message, ops: [] })),
    {
      listed: divergent.writes.length,
      lost: lost.length,
    },
  );
}

function completelyRead({ final, members, regions }: Evidence): Verdict {
  const violations = final.unread.map((what): Violation => ({
    message: `could not be read in the end: ${what}`,
    ops: [],
  }));
  const counted = { replicas: final.replicas.length, feeds: final.feeds.length };
  const partitions = new Set(members.map(({ partition }) => partition)).size;
  return requireAtLeast(verdictOf("final reading", violations, counted), {
    replicas: partitions * regions.length,
    feeds: members.length * regions.length,
  });
}

function refusesWrites(
  operations: readonly Operation[],
  { from, to }: { from: number; to: number },
): Verdict {
  const within = operations.filter((op) => op.start >= from && op.end <= to);
  const taken = within.filter((op) => acknowledgedWrites(op).length > 0);
  const refused = within.filter((op) => op.outcome !== "ok" && op.concern !== undefined);
  const violations = taken.map((op): Violation => {
    return { message: `acknowledged without a majority: ${showOperation(op)}`, ops: [op.id] };
  });
  return requireAtLeast(verdictOf("refuses writes", violations, { refused: refused.length }), { refused: 1 });
}

/** What has to have happened at least. */
function happened(evidence: Evidence, floors: Readonly<Partial<Record<Floor, number>>>): Verdict {
  const { operations, members, readings } = evidence;
  const homes = new Map(members.map(({ user, home }) => [user, home]));
  const reads = operations.filter((op) => readsOf(op).length > 0);
  const counted: Record<Floor, number> = {
    acknowledged: operations.filter((op) => acknowledgedWrites(op).length > 0).length,
    reads: reads.length,
    readsAway: reads.filter((op) => op.region !== homes.get(op.user)).length,
    changesTold: readings.reduce((sum, { told }) => sum + told.length, 0),
    unknown: operations.filter((op) => op.outcome === "unknown").length,
    refused: operations.filter((op) => op.outcome === "failed" || op.applied === false).length,
    takeovers: evidence.takeovers,
    handOffs: evidence.handOffs,
    moves: evidence.moves,
  };
  return requireAtLeast(verdictOf("what happened", [], counted), { ...ALWAYS, ...floors });
}

/** Whatever a scenario says: less than this vouches for nothing. */
const ALWAYS = { acknowledged: 20, reads: 20, readsAway: 10, changesTold: 10 } as const;
