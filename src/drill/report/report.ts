/**
 * What a drill leaves behind, as data: `report.json` is this, and the terminal and the page show nothing that is not in it.
 * Every number has its unit in its name; what is not known says so, and never stands as zero.
 */
import { LATENCY_SOURCE } from "../../api/distance.ts";
import { showOperation } from "../../checker/sentence.ts";
import { acknowledgedWrites } from "../../checker/touch.ts";
import type { DrillResult } from "../result.ts";
import type { Phase, PhaseName } from "../measures.ts";
import { WORKLOADS } from "../scenario.ts";
import { showAction } from "../plan.ts";
import { promiseOf } from "./promises.ts";
import { seriesOf, worstLag } from "./series.ts";

export interface Circumstances {
  readonly target: string;
  /** The store was started for the drill alone. */
  readonly own: boolean;
  /** Where that store kept its data: a disk takes part in every figure. */
  readonly keptIn: "memory" | "disk" | "not known";
  readonly versions: Readonly<Record<string, string>>;
  /** Settings that differ from the deployment's configuration; of a store elsewhere nobody knows. */
  readonly overridden: Readonly<Record<string, string>> | "not known";
  readonly startedAt: string;
  /** From the command to the first operation; of that, until the drill's own store served (null: it was there already). */
  readonly armed: { readonly afterMs: number; readonly storeAfterMs: number | null };
  readonly command: string;
  readonly scenarioText: string;
}

export type Report = ReturnType<typeof reportOf>;

const INJECTION =
  "Faults are injected at Ithaca's own layer: its replicas and its calls between regions refuse, wait or fall silent as they would if a region, " +
  "a link or a machine were lost. The platform below (Cloudflare's network, Durable Objects, Queues, or the local runtime) was well all the time, " +
  "and this drill says nothing about how it fails.";

const NOT_TOLD = {
  objectRequests: "not known",
  rowsRead: "not known",
  rowsWritten: "not known",
  queueOperations: "not known",
} as const;

const LOST_NAMED_MAX = 100;
const VIOLATIONS_NAMED_MAX = 50;

export function reportOf(result: DrillResult, circumstances: Circumstances) {
  const series = seriesOf(
    result.recorder.history.operations(),
    result.sightings,
    result.regions,
    result.members,
    result.final.entries,
    result.phases.at(-1)?.toMs ?? 0,
  );
  const phase = (name: PhaseName): Phase | undefined => result.phases.find((each) => each.name === name);
  const { scenario, judgement, measures, recorder, final, takeovers } = result;
  const operations = recorder.history.operations();
  const { divergent } = final;
  return {
    verdict: judgement.ok ? "passed" : "failed",
    scenario: scenario.name,
    about: scenario.about,
    ...circumstances,
    seed: result.seed,
    ratePerS: result.rate,
    injection: INJECTION,
    checks: judgement.verdicts.map(({ checker, ok, violations, counted, short = 0 }) => ({
      checker,
      promise: promiseOf(checker),
      ok,
      /** It failed, and only because too little was seen. */
      onlyShort: short > 0 && short === violations.length,
      counted,
      violations: violations.slice(0, VIOLATIONS_NAMED_MAX),
      violationsCount: violations.length,
    })),
    regions: result.regions,
    users: result.members,
    /** Added between regions, and by whom; the source says who measured them. */
    distances: result.distances.ways,
    distancesAddedBy: result.distances.by,
    distancesSource: result.distances.by === "nobody" ? null : LATENCY_SOURCE,
    phases: result.phases,
    plan: result.actions.map((action) => ({ ...action, text: showAction(action) })),
    faults: result.faults.map(({ action, id, atMs, armingMs, endedMs }) => {
      return {
        id,
        text: showAction(action),
        kind: action.kind,
        region: action.region,
        peer: action.peer,
        atMs,
        armingMs,
        endedMs,
      };
    }),
    takeovers: takeovers.map(({ fault, ...takeover }) => {
      return { ...takeover, fault: fault === undefined ? null : showAction(fault.action) };
    }),
    leaders: result.stories.map(({ log, leaderships }) => ({
      log,
      leaderships: leaderships.map(({ epoch, leader, sinceMs }) => ({
        epoch: String(epoch),
        leader,
        sinceMs,
      })),
    })),
    detectionMs: measures.detection,
    takeoverMs: measures.takeover,
    firstWriteMs: measures.firstWrite,
    rtoMs: measures.rto,
    rpo: measures.rpo,
    requests: {
      sent: result.requests,
      operations: measures.operations,
      failed: measures.failed,
      unknown: measures.unknown,
      failedShare: measures.failedShare,
      failedShareIn: measures.failedShareIn,
      problems: measures.problems,
    },
    acknowledged: operations.filter((op) => acknowledgedWrites(op).length > 0).length,
    lostWrites: judgement.lost.slice(0, LOST_NAMED_MAX).map(({ op, position, concern, state }) => {
      return {
        user: op.user,
        key: op.key,
        position,
        concern,
        state: divergent.known ? state : "not known",
        operation: showOperation(op),
      };
    }),
    divergentWrites: divergent.known
      ? {
          count: divergent.writes.length,
          acknowledged: judgement.divergent,
          entries: divergent.writes.slice(0, LOST_NAMED_MAX).map(({ id, user, position, key, op, state }) => {
            return {
              id,
              user,
              position,
              key,
              op,
              state,
              readAt: `/v1/users/${encodeURIComponent(user)}/divergent`,
            };
          }),
        }
      : { count: "not known", reason: divergent.reason },
    /** Writes that a deposed leader had taken and was not let acknowledge: divergent, and nobody was told that they were done. */
    refusedStaleWrites: divergent.known ? divergent.writes.length - Number(judgement.divergent) : "not known",
    latency: measures.latencies,
    longestGapMs: measures.longestGapMs,
    /** In the fault phase, and while what was silent came back. */
    lag: worstLag(series, phase("fault")?.fromMs ?? 0, phase("heal")?.toMs ?? 0),
    catchUpMs: measures.catchUpMs,
    /** How exact the instants are that come from looking at the regions: the longest time between two looks in the fault phase. */
    lookedEveryMs: measures.lookedEveryMs,
    convergedMs: final.convergedMs ?? null,
    /** Of the whole store, whoever else used it. */
    cost: { requests: result.requests, ...(result.cost ?? NOT_TOLD) },
    series,
    workloads: scenario.workloads ?? Object.fromEntries(WORKLOADS.map((name) => [name, 1])),
    notes: result.notes,
  };
}
