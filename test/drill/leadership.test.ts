import { describe, expect, it } from "vitest";
import { History } from "../../src/checker/history.ts";
import type { Concern } from "../../src/checker/operation.ts";
import type { ArmedFault } from "../../src/drill/fault-board.ts";
import { storiesOf, takeoversIn } from "../../src/drill/leadership.ts";
import { measure } from "../../src/drill/measures.ts";
import type { Sighting } from "../../src/drill/watch.ts";

const MEMBERS = [{ user: "alice", home: "weur", partition: 3 }];
const FAULT: ArmedFault = {
  id: "f1",
  action: { action: "fault", atMs: 0, kind: "down", region: "weur", forMs: 9_000 },
  atMs: 1_000,
  armingMs: 100,
  endingMs: 10_000,
  endedMs: 10_000,
};

/** Instants in milliseconds. */
function wrote(
  history: History,
  [from, to]: [number, number],
  epoch: number,
  concern: Concern = "local",
): void {
  const leader = epoch === 16 ? "weur" : "enam";
  const id = history.invoke(
    { process: 1, op: "write", user: "alice", key: "a", region: "weur", concern },
    from * 1e6,
  );
  history.ok(id, { version: `weur.${epoch}.${from}`, leader }, to * 1e6);
}

function sighting(atMs: number, state: string, epoch = "16"): Sighting {
  const log = { partition: 3, origin: "weur", epoch, head: "9", applied: "9", lagMs: 0, state };
  const leader = epoch === "16" ? "weur" : "enam";
  return {
    atMs,
    askedMs: atMs,
    from: "apac",
    regions: [{ region: "apac", reachable: true, logs: [{ ...log, leader }], costs: [] }],
  };
}

function aDrill(): { history: History; sightings: Sighting[] } {
  const history = new History();
  wrote(history, [500, 510], 16);
  wrote(history, [1_200, 5_000], 33);
  wrote(history, [1_300, 5_400], 33, "majority");
  wrote(history, [7_000, 7_010], 33, "one");
  return {
    history,
    sightings: [sighting(900, "following"), sighting(2_100, "pre-vote"), sighting(6_000, "following", "33")],
  };
}

describe("a takeover", () => {
  it("is told from the fault on: noticed, taken, written, at each concern that somebody waited for", () => {
    const { history, sightings } = aDrill();
    const operations = history.operations();
    const stories = storiesOf(operations, sightings, MEMBERS);
    expect(stories).toMatchObject([
      { log: "3/weur", leaderships: [{ leader: "weur" }, { leader: "enam", sinceMs: 5_000 }] },
    ]);
    const takeovers = takeoversIn(stories, operations, sightings, [FAULT], MEMBERS);
    expect(takeovers).toMatchObject([
      {
        from: "weur",
        to: "enam",
        fault: FAULT,
        detectedMs: 1_100,
        takenMs: 4_000,
        firstWriteMs: 4_000,
        // The write at `one` began when the new leader had long been there.
        firstWriteAtMs: { local: 4_000, majority: 4_400 },
      },
    ]);
  });

  it("without a fault of the drill's is not measured as if it had one", () => {
    const { history, sightings } = aDrill();
    const operations = history.operations();
    const stories = storiesOf(operations, sightings, MEMBERS);
    const elsewhere = { ...FAULT, action: { ...FAULT.action, region: "apac" } };
    const takeovers = takeoversIn(stories, operations, sightings, [elsewhere], MEMBERS);
    expect(takeovers).toMatchObject([{ fault: undefined }]);
    const measures = measure({
      operations,
      phases: [{ name: "fault", fromMs: 0, toMs: 10_000 }],
      takeovers,
      sightings,
      lost: [],
      faultsEndedMs: undefined,
      regions: ["weur", "enam", "apac"],
      partitions: new Set([3]),
    });
    expect(measures).toMatchObject({ detection: null, firstWrite: null, rto: {}, rpo: { writes: 0, ms: 0 } });
    expect(measures.longestGapMs["weur"]).toBe(4_490);
  });

  it("says how far back the lost writes reach", () => {
    const { history, sightings } = aDrill();
    const operations = history.operations();
    const takeovers = takeoversIn(
      storiesOf(operations, sightings, MEMBERS),
      operations,
      sightings,
      [FAULT],
      MEMBERS,
    );
    const lost = {
      op: operations[0]!,
      position: "weur.16.500",
      concern: "local",
      state: "divergent",
    } as const;
    const { rpo } = measure({
      operations,
      phases: [],
      takeovers,
      sightings,
      lost: [lost],
      faultsEndedMs: 10_000,
      regions: ["apac"],
      partitions: new Set([3]),
    });
    expect(rpo).toStrictEqual({ writes: 1, ms: 4_490 });
  });
});
