import { describe, expect, test } from "vitest";
import { judge, judgeQueued, skewOf, type Crossing, type FaultRecord } from "../../durable-objects/faults.ts";
import { APAC, ENAM, WEUR } from "./asking.ts";

const NOW = 1_000_000;

function fault(kind: FaultRecord["kind"], rest: Partial<FaultRecord> = {}): FaultRecord {
  return {
    id: kind,
    kind,
    region: WEUR,
    peer: null,
    ms: null,
    probability: null,
    endsAt: NOW + 1_000,
    ...rest,
  };
}

function crossing(from: number, to: number, sender: Crossing["sender"] = "replica"): Crossing {
  return { from, to, sender, receiver: "replica" };
}

function outcome(faults: FaultRecord[], from: number, to: number, sender?: Crossing["sender"]): string {
  const verdict = judge(faults, crossing(from, to, sender), NOW);
  if (verdict.kind === "pass") return verdict.delayMs === 0 ? "pass" : `+${verdict.delayMs}`;
  if (verdict.kind === "refuse") return "refuse";
  return verdict.until === null ? "lost" : `silent ${verdict.until - NOW}`;
}

describe("what becomes of a message", () => {
  // Columns: fault, from, to, sender, outcome. WEUR is the region of every fault.
  const apart = fault("partition", { peer: ENAM });
  const oneWay = fault("one-way", { peer: ENAM });
  test.each<[FaultRecord, number, number, Crossing["sender"], string]>([
    [fault("down"), WEUR, WEUR, "edge", "refuse"],
    [fault("down"), ENAM, WEUR, "replica", "refuse"],
    [fault("down"), WEUR, ENAM, "replica", "lost"],
    [fault("down"), WEUR, ENAM, "edge", "pass"],
    [fault("down"), ENAM, APAC, "replica", "pass"],
    [fault("stall"), WEUR, WEUR, "edge", "silent 1000"],
    [fault("stall"), ENAM, WEUR, "replica", "silent 1000"],
    [fault("stall"), WEUR, ENAM, "replica", "lost"],
    [fault("stall"), WEUR, ENAM, "edge", "pass"],
    [fault("isolate"), WEUR, WEUR, "edge", "pass"],
    [fault("isolate"), ENAM, WEUR, "edge", "lost"],
    [fault("isolate"), WEUR, ENAM, "edge", "lost"],
    [fault("isolate"), WEUR, ENAM, "replica", "lost"],
    [fault("isolate"), ENAM, APAC, "replica", "pass"],
    [apart, WEUR, ENAM, "replica", "lost"],
    [apart, ENAM, WEUR, "replica", "lost"],
    [apart, ENAM, WEUR, "edge", "lost"],
    [apart, WEUR, APAC, "replica", "pass"],
    [apart, WEUR, WEUR, "edge", "pass"],
    [oneWay, WEUR, ENAM, "replica", "lost"],
    [oneWay, ENAM, WEUR, "replica", "pass"],
    [oneWay, WEUR, APAC, "replica", "pass"],
    [fault("delay", { ms: 70 }), WEUR, APAC, "replica", "+70"],
    [fault("delay", { ms: 70 }), APAC, WEUR, "edge", "+70"],
    [fault("delay", { ms: 70 }), WEUR, WEUR, "edge", "pass"],
    [fault("delay", { ms: 70 }), ENAM, APAC, "replica", "pass"],
    [fault("delay", { ms: 70, peer: ENAM }), WEUR, APAC, "replica", "pass"],
    [fault("delay", { ms: 70, peer: ENAM }), ENAM, WEUR, "replica", "+70"],
    [fault("restart"), ENAM, WEUR, "replica", "pass"],
    [fault("skew", { ms: 500 }), ENAM, WEUR, "replica", "pass"],
    [fault("drop"), ENAM, WEUR, "replica", "pass"],
  ])("$kind: from %i to %i by %s: %s", (active, from, to, sender, expected) => {
    expect(outcome([active], from, to, sender)).toBe(expected);
  });

  test("a fault that has ended does nothing", () => {
    expect(outcome([fault("down", { endsAt: NOW })], ENAM, WEUR)).toBe("pass");
  });

  test("an answer reaches the edge in a region whose replicas are down or hang, unless the network is cut", () => {
    const answer = { ...crossing(ENAM, WEUR), receiver: "edge" } as const;
    expect(judge([fault("down"), fault("stall")], answer, NOW)).toEqual({ kind: "pass", delayMs: 0 });
    expect(judge([fault("isolate")], answer, NOW)).toEqual({ kind: "silent", until: null });
  });

  test("what cannot arrive is not refused; delays add up", () => {
    expect(outcome([fault("down"), fault("partition", { peer: ENAM })], ENAM, WEUR)).toBe("lost");
    expect(outcome([fault("delay", { ms: 30 }), fault("delay", { ms: 40 })], ENAM, WEUR)).toBe("+70");
  });
});

describe("what becomes of a queue message", () => {
  const queued = (active: FaultRecord, from: number, draw = 0.5, attempts = 1): string =>
    judgeQueued([active], crossing(from, WEUR), attempts, NOW, () => draw);

  test("the queue keeps it while the regions are cut off from each other", () => {
    for (const active of [
      fault("down"),
      fault("stall"),
      fault("isolate"),
      fault("partition", { peer: ENAM }),
    ]) {
      expect(queued(active, ENAM)).toBe("hold");
    }
    expect(queued(fault("one-way", { region: ENAM, peer: WEUR }), ENAM)).toBe("hold");
    expect(queued(fault("one-way", { peer: ENAM }), ENAM)).toBe("pass");
  });

  test("drop, duplicate and reorder strike with their probability, and only at their region", () => {
    expect(queued(fault("drop", { probability: 0.6 }), ENAM)).toBe("drop");
    expect(queued(fault("drop", { probability: 0.4 }), ENAM)).toBe("pass");
    expect(queued(fault("drop", { probability: 1, region: APAC }), ENAM)).toBe("pass");
    expect(queued(fault("duplicate", { probability: 1 }), ENAM)).toBe("twice");
    expect(queued(fault("reorder", { probability: 1 }), ENAM)).toBe("later");
    expect(queued(fault("reorder", { probability: 1 }), ENAM, 0.5, 2)).toBe("pass");
  });
});

test("skews of a region add up, and are only its own", () => {
  const faults = [
    fault("skew", { ms: -200 }),
    fault("skew", { ms: 50 }),
    fault("skew", { ms: 9, region: ENAM }),
  ];
  expect(skewOf(faults, WEUR, NOW)).toBe(-150);
  expect(skewOf(faults, APAC, NOW)).toBe(0);
  expect(skewOf(faults, WEUR, NOW + 1_000)).toBe(0);
});
