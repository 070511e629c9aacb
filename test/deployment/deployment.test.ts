import { describe, expect, test } from "vitest";
import { oneWaysFrom, partitionOf, readDeployment, regionAt } from "../../src/deployment/deployment.ts";
import { ConfigurationError } from "../../src/deployment/setting.ts";

const SECRET = "0123456789abcdef0123456789abcdef";
const PRODUCTION = {
  NAMESPACES: "default,billing",
  REGIONS: "weur:0,enam:1,apac:2",
  PARTITIONS: "4",
  ANCHORS: "weur,enam,apac,weur",
  AUTH_MODE: "jwt",
  AUTH_SECRET: SECRET,
  SESSION_SECRET: SECRET,
  REGION: { getByName: () => null },
};
const LOCAL = { ...PRODUCTION, AUTH_MODE: "open", AUTH_SECRET: "", SESSION_SECRET: "", LOCAL_DEV: "1" };

test("what the variables say is what the deployment is", () => {
  const deployment = readDeployment({
    ...PRODUCTION,
    LEASE_MS: "10000",
    WRITE_CONCERN: "one,billing:majority",
    CORS_ORIGINS: "https://a.example, https://b.example",
  });
  expect(deployment).toMatchObject({
    namespaces: ["default", "billing"],
    regions: [
      { id: "weur", index: 0, hint: "weur" },
      { id: "enam", index: 1, hint: "enam" },
      { id: "apac", index: 2, hint: "apac" },
    ],
    partitions: 4,
    mapVersion: 1,
    anchors: [0, 1, 2, 0],
    authMode: "jwt",
    authSecret: SECRET,
    jwksUrl: null,
    sessionKeys: [{ id: 0, secret: SECRET }],
    drills: false,
    corsOrigins: ["https://a.example", "https://b.example"],
    localDev: false,
    distances: [],
    writeConcern: "one",
  });
  expect(deployment.timing.leaseMs).toBe(10_000);
  expect(deployment.timing.clockBoundMs).toBe(250);
  expect(deployment.writeConcernOf("default")).toBe("one");
  expect(deployment.writeConcernOf("billing")).toBe("majority");
  expect(regionAt(deployment, 2).id).toBe("apac");
  expect(partitionOf(deployment, "alice")).toBe(1);
});

test("local development comes up without secrets, and answers any origin", () => {
  const deployment = readDeployment(LOCAL);
  expect(deployment.sessionKeys).toHaveLength(1);
  expect(deployment.corsOrigins).toEqual(["*"]);
});

test("session keys can be changed: the first signs, all verify", () => {
  const { SESSION_SECRET: _, ...rest } = PRODUCTION;
  const deployment = readDeployment({ ...rest, SESSION_SECRETS: `2:new-${SECRET},1:${SECRET}` });
  expect(deployment.sessionKeys).toEqual([
    { id: 2, secret: `new-${SECRET}` },
    { id: 1, secret: SECRET },
  ]);
});

test("a leader is missed sooner where no lease has to be waited for", () => {
  expect(readDeployment(PRODUCTION).timing).toMatchObject({ probeMs: 1_000, cooldownMs: 10_000 });
  expect(readDeployment({ ...PRODUCTION, LEASE_MS: "0" }).timing.probeMs).toBe(500);
  const chosen = readDeployment({ ...PRODUCTION, LEASE_MS: "0", PROBE_MS: "300", COOLDOWN_MS: "0" });
  expect(chosen.timing).toMatchObject({ probeMs: 300, cooldownMs: 0 });
});

test("a log that was taken over goes home after a minute, or another time, or never", () => {
  const failbackMs = (change: Record<string, unknown>) =>
    readDeployment({ ...PRODUCTION, ...change }).timing.failbackMs;
  expect(failbackMs({})).toBe(60_000);
  expect(failbackMs({ FAILBACK_MS: "1000" })).toBe(1_000);
  expect(failbackMs({ FAILBACK_MS: "off" })).toBe(0);
});

test("regions of a machine of one's own can be as far apart as in the world, in the objects' eyes too", () => {
  const WEUR = 0;
  const apart = readDeployment({
    ...LOCAL,
    REGIONS: "weur:0,oc:5,apac:2",
    ANCHORS: "weur,oc,apac,weur",
    LATENCY: "real",
  });
  expect(apart.distances).toContainEqual({ between: ["oc", "apac"], roundTripMs: 115 });
  expect([...oneWaysFrom(apart, WEUR)]).toEqual([
    [5, 131],
    [2, 121],
  ]);
  expect(oneWaysFrom(apart, 2).get(5)).toBe(58);
  expect(oneWaysFrom(readDeployment({ ...LOCAL, LATENCY: "none" }), WEUR).size).toBe(0);
});

describe("a bad value is refused by the name of its variable", () => {
  test.each<[string, Record<string, unknown>]>([
    ["NAMESPACES", { NAMESPACES: "" }],
    ["NAMESPACES", { NAMESPACES: "Default" }],
    ["NAMESPACES", { NAMESPACES: "a,a" }],
    ["REGIONS", { REGIONS: "weur:0,enam:1" }],
    ["REGIONS", { REGIONS: "weur:0,enam:1,mars:2" }],
    ["REGIONS", { REGIONS: "weur:0,enam:1,apac:1" }],
    ["REGIONS", { REGIONS: "weur:0,enam:1,apac:16" }],
    ["REGIONS", { REGIONS: "weur,enam:1,apac:2" }],
    ["PARTITIONS", { PARTITIONS: "0" }],
    ["PARTITIONS", { PARTITIONS: "65" }],
    ["PARTITIONS", { PARTITIONS: "4.0" }],
    ["ANCHORS", { ANCHORS: "weur" }],
    ["ANCHORS", { ANCHORS: "weur,enam,apac,oc" }],
    ["LEASE_MS", { LEASE_MS: "-1" }],
    ["LEASE_MS", { LEASE_MS: "200" }],
    ["CLOCK_BOUND_MS", { CLOCK_BOUND_MS: "soon" }],
    ["PROBE_MS", { PROBE_MS: "49" }],
    ["COOLDOWN_MS", { COOLDOWN_MS: "3600001" }],
    ["FAILBACK_MS", { FAILBACK_MS: "999" }],
    ["FAILBACK_MS", { FAILBACK_MS: "604800001" }],
    ["FAILBACK_MS", { FAILBACK_MS: "never" }],
    ["WRITE_CONCERN", { WRITE_CONCERN: "most" }],
    ["WRITE_CONCERN", { WRITE_CONCERN: "other:all" }],
    ["AUTH_MODE", { AUTH_MODE: "none" }],
    ["AUTH_MODE", { AUTH_MODE: "open" }],
    ["AUTH_SECRET", { AUTH_SECRET: undefined }],
    ["AUTH_SECRET", { AUTH_SECRET: "short" }],
    ["JWKS_URL", { JWKS_URL: "keys.example" }],
    ["SESSION_SECRET", { SESSION_SECRET: undefined }],
    ["SESSION_SECRET", { SESSION_SECRETS: `1:${SECRET}` }],
    ["SESSION_SECRETS", { SESSION_SECRET: "", SESSION_SECRETS: `1:${SECRET},1:${SECRET}` }],
    ["SESSION_SECRETS", { SESSION_SECRET: "", SESSION_SECRETS: SECRET }],
    ["CORS_ORIGINS", { CORS_ORIGINS: "a.example" }],
    ["DRILLS", { DRILLS: "maybe" }],
    ["LOCAL_DEV", { LOCAL_DEV: {} }],
    ["LATENCY", { LATENCY: "real" }],
    ["LATENCY", { LATENCY: "200", LOCAL_DEV: "1" }],
    [
      "LATENCY",
      { LATENCY: "real", LOCAL_DEV: "1", REGIONS: "weur:0,enam:1,afr:2", ANCHORS: "weur,enam,afr,weur" },
    ],
  ])("%s %j", (variable, change) => {
    const read = (): unknown => readDeployment({ ...PRODUCTION, ...change });
    expect(read).toThrow(ConfigurationError);
    expect(read).toThrow(expect.objectContaining({ variable }));
  });
});
