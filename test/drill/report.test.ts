/** What somebody who looks at a report once takes away from it. */
import { describe, expect, it } from "vitest";
import { Caller } from "../../src/drill/caller.ts";
import { Random } from "../../src/drill/random.ts";
import { Recorder } from "../../src/drill/recorder.ts";
import { headlineOf } from "../../src/drill/report/headline.ts";
import { pageOf } from "../../src/drill/report/page.ts";
import { reportOf, type Report } from "../../src/drill/report/report.ts";
import { summaryOf } from "../../src/drill/report/summary.ts";
import { refusingIn, resultOf, type Course, type DrillResult } from "../../src/drill/result.ts";
import { parseScenario } from "../../src/drill/scenario.ts";
import { World } from "./evidence.ts";

const SCENARIO = `
name: made-by-hand
about: Nothing befalls <anybody>.
phases: { steady: 1s, fault: 2s }
steps:
  - { do: down, region: leader }
`;

function resultIn(world: World, more: Partial<Course> = {}, scenario = SCENARIO): DrillResult {
  const { members, regions, final, readings } = world.evidence();
  const recorder = Object.assign(new Recorder(), { history: world.history });
  const course: Course = {
    caller: new Caller("http://unused.test", undefined),
    scenario: parseScenario(scenario, "made-by-hand.yaml"),
    recorder,
    random: new Random(1),
    members,
    regions,
    nowMs: () => 0,
    seed: 1,
    rate: 60,
    phases: [
      { name: "steady", fromMs: 0, toMs: 1_000 },
      { name: "fault", fromMs: 1_000, toMs: 3_000 },
    ],
    actions: [],
    faults: [],
    sightings: [],
    final,
    notes: [],
    requests: 1,
    distances: { by: "nobody", ways: [] },
    ...more,
  };
  const steering = { handOffs: 0, moves: 0, wasPlanned: () => false };
  return resultOf(course, { steering, readings, movedInQuiet: [], undone: [], looks: [] });
}

function reported(result: DrillResult): Report {
  return reportOf(result, {
    target: "http://unused.test",
    own: true,
    keptIn: "memory",
    versions: {},
    overridden: {},
    startedAt: "2026-11-26T10:00:00.000Z",
    armed: { afterMs: 4_200, storeAfterMs: 2_500 },
    command: "npm run drill -- made-by-hand --seed 1",
    scenarioText: SCENARIO,
  });
}

function answer(report: Report, asked: string): string {
  return headlineOf(report).find(({ question }) => question === asked)?.answer ?? "";
}

function losing(concern: "local" | "majority"): World {
  const world = World.busy();
  const position = world.nextVersion("alice");
  world.acknowledge({ op: "write", user: "alice", key: "lost", value: 999, concern }, position);
  const write = { user: "alice", key: "lost", op: "put", position, value: 999 } as const;
  world.divergent.push({ id: "d1", state: "kept", ...write });
  return world;
}

describe("the headline", () => {
  it("of a drill in which nothing was lost: nothing to worry about", () => {
    const report = reported(resultIn(World.busy()));
    expect(answer(report, "What was lost")).toBe(
      `Nothing: all ${report.acknowledged} acknowledged writes are there.`,
    );
    expect(answer(report, "To worry about")).toMatch(/^Nothing: all \d+ checks passed/u);
  });

  it("of a lost local write: allowed, where it is, and what to do about it", () => {
    const report = reported(resultIn(losing("local")));
    expect(report.verdict).toBe("passed");
    expect(answer(report, "What was lost")).toMatch(/^1 of \d+ acknowledged writes/u);
    expect(answer(report, "To worry about")).toMatch(/^No promise was broken.*divergent.*`majority`/u);
  });

  it("of a broken promise: yes, and which", () => {
    const report = reported(resultIn(losing("majority")));
    expect(report.verdict).toBe("failed");
    expect(answer(report, "To worry about")).toMatch(/^Yes: the store broke a promise. See durability/u);
  });

  it("of a drill in which too little happened: nothing proved, and nothing broken either", () => {
    const report = reported(resultIn(World.busy(), {}, `${SCENARIO}floors: { takeovers: 1 }\n`));
    expect(report.verdict).toBe("failed");
    expect(answer(report, "To worry about")).toMatch(/proves too little: what happened\./u);
    expect(pageOf(report)).toContain("<h1>Failed, nothing proved: made-by-hand</h1>");
  });
});

describe("the time in which nothing may be acknowledged", () => {
  const scenario = parseScenario(`${SCENARIO}writesRefusedAfter: 1s\n`, "made-by-hand.yaml");
  const phases = [{ name: "fault", fromMs: 1_000, toMs: 9_000 }] as const;
  const fault = (atMs: number, endingMs: number) => {
    const action = { action: "fault", atMs: 0, kind: "down", region: "weur", forMs: 7_000 } as const;
    return { id: "f", action, atMs, armingMs: 1, endingMs, endedMs: endingMs + 900 };
  };

  it("begins later when the faults stood later, and is over when the first of them is being ended", () => {
    const faults = [fault(1_200, 8_400), fault(1_700, 8_000)];
    expect(refusingIn({ scenario, phases, faults })).toStrictEqual({ from: 2_700e6, to: 8_000e6 });
  });

  it("is none where no fault stood, or the scenario asks for none", () => {
    expect(refusingIn({ scenario, phases, faults: [] })).toBeUndefined();
    const asksNone = parseScenario(SCENARIO, "made-by-hand.yaml");
    expect(refusingIn({ scenario: asksNone, phases, faults: [fault(1_200, 8_000)] })).toBeUndefined();
  });
});

describe("the report", () => {
  it.each([SCENARIO, `${SCENARIO}clocks: broken\n`])(
    "says of every check what it is there for",
    (scenario) => {
      const { checks } = reported(resultIn(World.busy(), {}, scenario));
      expect(checks.filter(({ promise }) => promise === "").map(({ checker }) => checker)).toStrictEqual([]);
    },
  );

  it("tells how long it took to be armed, in all its forms", () => {
    const report = reported(resultIn(World.busy()));
    const armed = "4.2 s after the command; its store served after 2.5 s";
    expect(report.armed).toStrictEqual({ afterMs: 4_200, storeAfterMs: 2_500 });
    expect(pageOf(report)).toContain(armed);
    expect(summaryOf(report, [])).toContain(armed);
  });

  it("is a page that shows what it was given as text, and asks for nothing", () => {
    const page = pageOf(reported(resultIn(World.busy())));
    expect(page).toContain("Nothing befalls &lt;anybody&gt;.");
    expect(page).not.toMatch(/<script|<link|<img|<iframe|\bsrc=|\bhref=|url\(|@import/u);
  });

  it("is below 500 KB after an hour with a fault every five seconds, and hides no peak", () => {
    const report = reported(resultIn(World.busy()));
    const seconds = Array.from({ length: 3_600 }, (_, n) => n);
    const lag = seconds.map((n) => ({ atMs: n * 1_000, entries: n === 1_801 ? 7_777 : 0, ms: 0 }));
    const counts = { ok: seconds, failed: seconds, unknown: seconds };
    const action = { action: "fault", atMs: 0, kind: "stall", region: "weur", forMs: 100 } as const;
    const faults = seconds
      .filter((n) => n % 5 === 0)
      .map((n) => ({
        id: `f${n}`,
        text: "stall weur",
        kind: action.kind,
        region: "weur",
        peer: undefined,
        armingMs: 1,
        atMs: n * 1_000,
        endedMs: n * 1_000 + 2_000,
      }));
    const series = {
      bucketMs: 1_000,
      lengthMs: 3_600_000,
      regions: report.regions.map((region) => ({ region, ...counts })),
      lag: report.regions.map((region) => ({ region, points: lag })),
    };
    const page = pageOf({ ...report, faults, series });
    expect(Buffer.byteLength(page)).toBeLessThan(500_000);
    expect(page).toContain(">8000</text>");
  });

  it("counts faults by kind where there are many", () => {
    const faults = Array.from({ length: 9 }, (_, n) => {
      const kind = n < 6 ? ("stall" as const) : ("down" as const);
      const action = { action: "fault", atMs: 0, kind, region: "weur", forMs: 100 } as const;
      return { id: `f${n}`, action, atMs: 1_000 + n, armingMs: 1, endingMs: 1_100 + n, endedMs: 1_100 + n };
    });
    expect(answer(reported(resultIn(World.busy(), { faults })), "What happened")).toContain(
      "9: stall 6, down 3",
    );
  });
});
