import { describe, expect, it } from "vitest";
import { planOf, PlanError } from "../../src/drill/plan.ts";
import { Random } from "../../src/drill/random.ts";
import { loadScenario, scenarioNames } from "../../src/drill/scenario-library.ts";
import { parseScenario, ScenarioError } from "../../src/drill/scenario.ts";

const REGIONS = ["weur", "enam", "apac"];

const MINIMAL = `
name: mine
about: The leader hangs.
phases: { fault: 15s }
steps:
  - { do: stall, region: leader, for: 10s }
`;

function problemsOf(text: string): string {
  try {
    parseScenario(text, "mine.yaml");
  } catch (error) {
    if (error instanceof ScenarioError) return error.message;
    throw error;
  }
  return "none";
}

describe("a scenario of one's own", () => {
  it("takes six lines, and the rest is as usual", () => {
    const scenario = parseScenario(MINIMAL, "mine.yaml");
    expect(scenario.phases).toStrictEqual({
      steady: 10_000,
      fault: 15_000,
      heal: 10_000,
      settle: 60_000,
      quiet: 3_000,
    });
    expect(scenario).toMatchObject({ clocks: "kept", floors: {}, users: 9 });
  });

  it.each([
    ["a typo", MINIMAL.replace("stall", "stal"), /mine\.yaml:\d+: steps\.0.*one of down, stall, isolate/u],
    ["no duration", MINIMAL.replace("15s", "15"), /mine\.yaml:4: phases\.fault/u],
    ["an unknown member", `${MINIMAL}speed: 3\n`, /mine\.yaml.*speed/u],
    ["no step", MINIMAL.replace(/steps:[^]*/u, "steps: []\n"), /without a step proves nothing/u],
    ["a partition from nobody", MINIMAL.replace("stall", "partition"), /steps\.0\.peer: partition needs it/u],
    ["a delay of nothing", MINIMAL.replace("stall", "delay"), /steps\.0\.ms: delay needs it/u],
    ["a step too late", MINIMAL.replace("for: 10s", "at: 20s"), /steps\.0\.at: the fault phase is over/u],
    ["an unknown floor", `${MINIMAL}floors: { luck: 1 }\n`, /mine\.yaml:\d+: floors/u],
    ["no YAML", "name: [", /mine\.yaml: /u],
  ])("with %s is refused in words", (_what, text, message) => {
    expect(problemsOf(text)).toMatch(message);
  });
});

describe("the scenarios that come along", () => {
  it.each(scenarioNames())("%s is one, named like its file, and fits three regions", (name) => {
    const { scenario } = loadScenario(name);
    expect(scenario.name).toBe(name);
    expect(planOf(scenario, REGIONS, new Random(1)).length).toBeGreaterThan(0);
  });

  it("are named to whoever asks for another one", () => {
    expect(() => loadScenario("lose-regoin")).toThrow(/there are .*lose-region/u);
  });
});

describe("a plan", () => {
  it("knows places by their part, and the end of the phase", () => {
    const scenario = parseScenario(MINIMAL.replace("for: 10s", "at: 5s"), "mine.yaml");
    const [action] = planOf(scenario, ["apac", "weur", "enam"], new Random(1));
    expect(action).toMatchObject({
      action: "fault",
      kind: "stall",
      region: "apac",
      atMs: 5_000,
      forMs: 10_000,
    });
  });

  it("is refused where a place is none", () => {
    const scenario = parseScenario(MINIMAL.replace("region: leader", "region: mars"), "mine.yaml");
    expect(() => planOf(scenario, REGIONS, new Random(1))).toThrow(PlanError);
  });

  it("is the same for the same seed, and stays within the phase", () => {
    const swarm = MINIMAL.replace(
      /- \{.*\}/u,
      "- { do: swarm, kinds: [stall, delay, partition, drop], every: 1s, for: [1s, 3s] }",
    );
    const scenario = parseScenario(swarm, "mine.yaml");
    const plan = planOf(scenario, REGIONS, new Random(7));
    expect(planOf(scenario, REGIONS, new Random(7))).toStrictEqual(plan);
    expect(planOf(scenario, REGIONS, new Random(8))).not.toStrictEqual(plan);
    expect(plan.length).toBeGreaterThan(5);
    for (const action of plan) {
      if (action.action !== "fault") throw new Error("a swarm is made of faults");
      expect(action.atMs + action.forMs).toBeLessThanOrEqual(15_000);
      expect(action.kind === "partition").toBe(action.peer !== undefined);
      expect(action.kind === "delay").toBe(action.ms !== undefined);
      expect(action.kind === "drop").toBe(action.probability !== undefined);
    }
  });
});
