/**
 * What a deployment was told: its namespaces, regions, partitions, timing and modes, parsed from the variables of
 * wrangler.toml once and handed around as a value. Pure, so that the Worker, the objects, the tests and the start
 * script read the same text the same way.
 */
import { distancesOf, NoDistance, type Distance } from "../api/distance.ts";
import { DEFAULT_LIMITS, DEFAULT_TIMING, type Limits, type Timing } from "../replication/config.ts";
import { CONCERNS, type Concern } from "../replication/entry.ts";
import { EPOCH_REGIONS, type RegionIndex } from "../replication/position.ts";
import { readSecrets, type Secrets } from "./secrets.ts";
import {
  ConfigurationError,
  flag,
  integer,
  integerOr,
  list,
  oneOf,
  requiredText,
  text,
  type Environment,
} from "./setting.ts";
import { readSinks, type SinkSetting } from "./sink-setting.ts";
import { partitionOfSlot, SLOT_MAP_VERSION, slotOf } from "./slot.ts";

export interface Deployment extends Secrets {
  readonly namespaces: readonly string[];
  /** In the order of configuration; find one by its index, never by its place. */
  readonly regions: readonly Region[];
  readonly partitions: number;
  readonly mapVersion: number;
  /** By partition: the origin in whose log homes are claimed. */
  readonly anchors: readonly RegionIndex[];
  readonly timing: Timing;
  readonly limits: Limits;
  /** Faults may be injected. */
  readonly drills: boolean;
  readonly corsOrigins: readonly string[];
  readonly localDev: boolean;
  /** Between the regions of a store on one machine, which are to be as far apart as in the world; empty: as near as they run. */
  readonly distances: readonly Distance[];
  readonly sinks: readonly SinkSetting[];
  /** For namespaces that say nothing else. */
  readonly writeConcern: Concern;
  writeConcernOf(namespace: string): Concern;
}

export interface Region {
  readonly id: string;
  readonly index: RegionIndex;
  /** Location hint of the platform. */
  readonly hint: string;
}

/** Location hints of the platform. Some have no place of their own and fall back to a near one. */
const HINTS = [
  "wnam",
  "enam",
  "sam",
  "weur",
  "eeur",
  "apac",
  "apac-ne",
  "apac-se",
  "oc",
  "afr",
  "me",
] as const;

/** Tokens hold one position for each partition touched; more would not fit a header. */
const PARTITIONS_MAX = 64;

/** Assumptions about clocks are made for intervals up to a minute. */
const LEASE_MS_MAX = 60_000;

/** A week of changes: what is kept longer costs storage in every region. */
const LOG_RETAIN_MS_MAX = 7 * 24 * 3_600_000;

/** What is to stay where it is for longer is switched off. */
const FAILBACK_MS_MAX = 7 * 24 * 3_600_000;

export function readDeployment(env: Environment): Deployment {
  const namespaces = readNamespaces(env);
  const regions = readRegions(env);
  const partitions = integer("PARTITIONS", requiredText(env, "PARTITIONS"), 1, PARTITIONS_MAX);
  const concerns = readConcerns(env, namespaces);
  return {
    ...readSecrets(env),
    namespaces,
    regions,
    partitions,
    mapVersion: SLOT_MAP_VERSION,
    anchors: readAnchors(env, regions, partitions),
    timing: readTiming(env),
    limits: readLimits(env),
    drills: flag(env, "DRILLS"),
    corsOrigins: readOrigins(env),
    localDev: flag(env, "LOCAL_DEV"),
    distances: readDistances(env, regions),
    sinks: readSinks(env, {
      namespaces,
      regions: regions.map(({ id }) => id),
      localDev: flag(env, "LOCAL_DEV"),
    }),
    writeConcern: concerns.fallback,
    writeConcernOf: (namespace) => concerns.byNamespace.get(namespace) ?? concerns.fallback,
  };
}

const deployments = new WeakMap<object, Deployment>();

/** `readDeployment`, once for an environment that stays as it is. */
export function deploymentOf(env: Environment): Deployment {
  let deployment = deployments.get(env);
  if (deployment === undefined) {
    deployment = readDeployment(env);
    deployments.set(env, deployment);
  }
  return deployment;
}

export function partitionOf(deployment: Deployment, user: string): number {
  return partitionOfSlot(slotOf(user), deployment.partitions);
}

export function regionAt(deployment: Deployment, index: RegionIndex): Region {
  const region = deployment.regions.find((candidate) => candidate.index === index);
  if (region === undefined) throw new Error(`no region has index ${index}`);
  return region;
}

/** How far apart two regions are to be; 0: as near as they run. */
export function roundTripMs(deployment: Deployment, one: RegionIndex, other: RegionIndex): number {
  const { distances } = deployment;
  if (distances.length === 0 || one === other) return 0;
  const ids = [regionAt(deployment, one).id, regionAt(deployment, other).id];
  return distances.find(({ between }) => between.every((id) => ids.includes(id)))?.roundTripMs ?? 0;
}

/** Milliseconds from here to the regions that are to be away: half a round trip. */
export function oneWaysFrom(deployment: Deployment, index: RegionIndex): Map<RegionIndex, number> {
  return new Map(
    deployment.regions
      .map((region) => [region.index, Math.ceil(roundTripMs(deployment, index, region.index) / 2)] as const)
      .filter(([, ms]) => ms > 0),
  );
}

function readNamespaces(env: Environment): string[] {
  const names = list(env, "NAMESPACES");
  if (names.length === 0) throw new ConfigurationError("NAMESPACES", "is not set");
  for (const name of names) {
    // It is part of an object's name and of a path.
    if (!/^[a-z0-9][a-z0-9-]{0,62}$/.test(name)) {
      throw new ConfigurationError("NAMESPACES", `"${name}" has to be lower-case letters, digits and dashes`);
    }
  }
  return distinct("NAMESPACES", names);
}

function readRegions(env: Environment): Region[] {
  const regions = list(env, "REGIONS").map((part) => {
    const [id = "", index = ""] = part.split(":");
    const hint = oneOf("REGIONS", id, HINTS);
    return { id, index: integer("REGIONS", index, 0, EPOCH_REGIONS - 1), hint };
  });
  if (regions.length !== 3 && regions.length !== 5) {
    throw new ConfigurationError("REGIONS", "has to name three or five regions: a majority decides");
  }
  distinct(
    "REGIONS",
    regions.map((region) => region.id),
  );
  distinct(
    "REGIONS",
    regions.map((region) => String(region.index)),
  );
  return regions;
}

/** `LATENCY=real` adds what a machine of one's own does not have. Elsewhere regions have their own distance. */
function readDistances(env: Environment, regions: readonly Region[]): Distance[] {
  const latency = oneOf("LATENCY", text(env, "LATENCY") ?? "none", ["none", "real"]);
  if (latency === "none") return [];
  if (!flag(env, "LOCAL_DEV"))
    throw new ConfigurationError("LATENCY", `"real" is for local development only (LOCAL_DEV=1)`);
  try {
    return distancesOf(regions.map(({ id }) => id));
  } catch (error) {
    if (error instanceof NoDistance) throw new ConfigurationError("LATENCY", error.message);
    throw error;
  }
}

function readAnchors(env: Environment, regions: readonly Region[], partitions: number): RegionIndex[] {
  const ids = list(env, "ANCHORS");
  if (ids.length !== partitions) {
    throw new ConfigurationError("ANCHORS", `has to name ${partitions} regions, one for each partition`);
  }
  return ids.map((id) => {
    const region = regions.find((candidate) => candidate.id === id);
    if (region === undefined) throw new ConfigurationError("ANCHORS", `"${id}" is not in REGIONS`);
    return region.index;
  });
}

/** Without leases nothing else has to be waited for: the probe is most of a failover. Still longer than a long round trip. */
const UNLEASED_PROBE_MS = 500;

function readTiming(env: Environment): Timing {
  const clockBoundMs = integerOr(env, "CLOCK_BOUND_MS", DEFAULT_TIMING.clockBoundMs, 0, 10_000);
  const leaseMs = integerOr(env, "LEASE_MS", DEFAULT_TIMING.leaseMs, 0, LEASE_MS_MAX);
  if (leaseMs !== 0 && leaseMs <= clockBoundMs) {
    throw new ConfigurationError(
      "LEASE_MS",
      `has to be 0 (no leases) or more than CLOCK_BOUND_MS (${clockBoundMs})`,
    );
  }
  return {
    ...DEFAULT_TIMING,
    leaseMs,
    clockBoundMs,
    callTimeoutMs: integerOr(env, "CALL_TIMEOUT_MS", DEFAULT_TIMING.callTimeoutMs, 50, 60_000),
    retainMs: integerOr(env, "LOG_RETAIN_MS", DEFAULT_TIMING.retainMs, 1_000, LOG_RETAIN_MS_MAX),
    queueAfterMs: integerOr(env, "QUEUE_AFTER_MS", DEFAULT_TIMING.queueAfterMs, 0, 60_000),
    rpoMsMax: integerOr(env, "RPO_MS_MAX", DEFAULT_TIMING.rpoMsMax, 0, 3_600_000),
    probeMs: integerOr(
      env,
      "PROBE_MS",
      leaseMs === 0 ? UNLEASED_PROBE_MS : DEFAULT_TIMING.probeMs,
      50,
      10_000,
    ),
    cooldownMs: integerOr(env, "COOLDOWN_MS", DEFAULT_TIMING.cooldownMs, 0, 3_600_000),
    failbackMs: readFailback(env),
  };
}

/** Milliseconds, or `off`. */
function readFailback(env: Environment): number {
  if (text(env, "FAILBACK_MS") === "off") return 0;
  return integerOr(env, "FAILBACK_MS", DEFAULT_TIMING.failbackMs, 1_000, FAILBACK_MS_MAX);
}

function readLimits(env: Environment): Limits {
  const { pendingRequestsMax } = DEFAULT_LIMITS;
  return {
    ...DEFAULT_LIMITS,
    pendingRequestsMax: integerOr(env, "PENDING_REQUESTS_MAX", pendingRequestsMax, 1, 100_000),
  };
}

/** `local`, or with namespaces of their own mind: `local,billing:majority`. */
function readConcerns(
  env: Environment,
  namespaces: readonly string[],
): { fallback: Concern; byNamespace: Map<string, Concern> } {
  let fallback: Concern = "local";
  const byNamespace = new Map<string, Concern>();
  for (const part of list(env, "WRITE_CONCERN")) {
    const [first = "", second] = part.split(":");
    if (second === undefined) {
      fallback = oneOf("WRITE_CONCERN", first, CONCERNS);
      continue;
    }
    if (!namespaces.includes(first))
      throw new ConfigurationError("WRITE_CONCERN", `"${first}" is not in NAMESPACES`);
    byNamespace.set(first, oneOf("WRITE_CONCERN", second, CONCERNS));
  }
  return { fallback, byNamespace };
}

/** Any origin in local open mode (`*`), none elsewhere unless named. */
function readOrigins(env: Environment): string[] {
  const origins = list(env, "CORS_ORIGINS");
  if (origins.length === 0) return flag(env, "LOCAL_DEV") && text(env, "AUTH_MODE") === "open" ? ["*"] : [];
  for (const origin of origins) {
    if (origin !== "*" && !/^https?:\/\/[^/\s]+$/.test(origin)) {
      throw new ConfigurationError(
        "CORS_ORIGINS",
        `"${origin}" has to be an origin, like https://app.example`,
      );
    }
  }
  return origins;
}

function distinct(variable: string, values: string[]): string[] {
  const twice = values.find((value, at) => values.indexOf(value) !== at);
  if (twice !== undefined) throw new ConfigurationError(variable, `names "${twice}" twice`);
  return values;
}
