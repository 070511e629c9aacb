import { describe, expect, it } from "vitest";
import type { EpochTable } from "../../src/replication/message.ts";
import type { Tail } from "../../src/replication/position.ts";
import type { LogEnd, LogStatus } from "../../src/replication/request.ts";
import { previewOf } from "../../src/edge/failover-preview.ts";
import { bench, problemOf } from "./support/deployment.ts";
import { APAC, unavailable, WEUR, type Answerer } from "./support/fake-regions.ts";

const ONE: EpochTable = [{ e: 16, start: 1 }];
const end = (last: Tail, more: Partial<LogEnd> = {}): LogEnd => ({
  last,
  base: { e: 0, s: 0 },
  epochs: ONE,
  known: last,
  exposedMs: null,
  ...more,
});
const log = (epoch: number, ended: LogEnd | undefined): LogStatus => ({
  origin: WEUR,
  leader: epoch % 16,
  epoch,
  head: ended?.last.s ?? 0,
  applied: 0,
  committed: 5,
  base: 0,
  lagMs: null,
  state: "following",
  peers: [],
  ...(ended === undefined ? {} : { end: ended }),
});
const seen = (region: number, ended: LogEnd | null, epoch = 16) => ({
  region,
  reachable: true,
  log: ended === null ? null : log(epoch, ended),
  end: ended,
});
const gone = (region: number) => ({ region, reachable: false, log: null, end: null });
const led = (s: number, more: Partial<LogEnd> = {}) => end({ e: 16, s }, { exposedMs: 120, ...more });

describe("what a takeover would lose", () => {
  it("is what the leader has beyond the longest log that would promise", () => {
    const preview = previewOf([
      seen(0, led(12)),
      seen(1, end({ e: 16, s: 9 })),
      seen(2, end({ e: 16, s: 7 })),
    ]);
    const lost = { count: 3, from: { e: 16, s: 10 }, to: { e: 16, s: 12 } };
    expect(preview).toMatchObject({ leader: 0, exact: true, head: { s: 12 }, committed: 5, exposedMs: 120 });
    // With three regions the two that are left are the majority: whoever campaigns, both logs are looked at.
    expect(preview?.candidates).toEqual([
      { region: 1, reachable: true, head: { e: 16, s: 9 }, lost, lostAtWorst: lost },
      { region: 2, reachable: true, head: { e: 16, s: 7 }, lost, lostAtWorst: lost },
    ]);
  });

  it("is nothing where somebody has it all, and not to be had where no majority is left", () => {
    const preview = previewOf([seen(0, led(12)), seen(1, end({ e: 16, s: 12 })), gone(2)]);
    expect(preview?.candidates).toMatchObject([
      { region: 1, lost: null, lostAtWorst: null },
      { region: 2, reachable: false, head: null, lost: null },
    ]);
    const whole = previewOf([seen(0, led(12)), seen(1, end({ e: 16, s: 12 })), seen(2, null)]);
    expect(whole?.candidates).toMatchObject([
      { lost: "nothing" },
      { region: 2, head: { e: 0, s: 0 }, lost: "nothing" },
    ]);
  });

  it("takes the leader's word for regions that do not answer here, which may be cut off together", () => {
    const lead = seen(0, led(12));
    const peers = [
      { region: 1, match: 10, state: "unreachable" },
      { region: 2, match: 8, state: "unreachable" },
    ];
    const preview = previewOf([{ ...lead, log: { ...lead.log!, peers } }, gone(1), gone(2)]);
    expect(preview?.candidates).toMatchObject([
      { region: 1, reachable: false, head: { e: 16, s: 10 }, lost: { count: 2 } },
      { region: 2, reachable: false, head: { e: 16, s: 8 }, lost: { count: 2 } },
    ]);
    // One that does not answer is not counted on for one that does.
    const one = previewOf([
      { ...lead, log: { ...lead.log!, peers } },
      gone(1),
      seen(2, end({ e: 16, s: 8 })),
    ]);
    expect(one?.candidates).toMatchObject([{ lost: { count: 2 } }, { reachable: true, lost: null }]);
  });

  it("differs by candidate, and by who takes part, with five regions", () => {
    const at = (region: number, s: number) => seen(region, end({ e: 16, s }));
    const preview = previewOf([seen(0, led(12)), at(1, 11), at(2, 9), at(3, 8), at(4, 4)]);
    expect(
      preview?.candidates.map(({ lost, lostAtWorst }) =>
        [lost, lostAtWorst].map((each) => each !== null && each !== "nothing" && each.count),
      ),
    ).toEqual([
      [1, 1],
      [1, 3],
      [1, 3],
      [1, 3],
    ]);
    const fewer = previewOf([seen(0, led(12)), at(1, 11), at(2, 9), at(3, 8), gone(4)]);
    expect(fewer?.candidates.map(({ lostAtWorst }) => lostAtWorst)).toMatchObject([
      { count: 1 },
      { count: 1 },
      { count: 1 },
      null,
    ] as object);
  });

  it("is measured without the leader against the furthest that anybody heard of", () => {
    const preview = previewOf([
      gone(0),
      seen(1, end({ e: 16, s: 9 }, { known: { e: 16, s: 11 } })),
      seen(2, end({ e: 16, s: 10 })),
    ]);
    expect(preview).toMatchObject({ exact: false, head: { e: 16, s: 11 }, exposedMs: null });
    expect(preview?.candidates[0]?.lost).toEqual({ count: 1, from: { e: 16, s: 11 }, to: { e: 16, s: 11 } });
    // Heard of in an epoch that nobody has: where the two part is not known.
    const later = previewOf([
      gone(0),
      seen(1, end({ e: 16, s: 9 }, { known: { e: 32, s: 11 } }), 32),
      seen(2, end({ e: 16, s: 10 })),
    ]);
    expect(later?.candidates.map(({ lost }) => lost)).toEqual([null, null]);
  });

  it("begins where the logs part, when a leader is new", () => {
    const epochs = [...ONE, { e: 32, start: 8 }];
    const preview = previewOf([
      seen(0, led(10, { last: { e: 32, s: 10 }, epochs }), 32),
      seen(1, end({ e: 16, s: 9 })),
      seen(2, end({ e: 16, s: 6 })),
    ]);
    expect(preview?.candidates[0]?.lost).toEqual({ count: 3, from: { e: 32, s: 8 }, to: { e: 32, s: 10 } });
  });

  it("does not take the word of a leader that is none any more", () => {
    const preview = previewOf([
      seen(0, led(12)),
      seen(1, end({ e: 33, s: 9 }, { epochs: [...ONE, { e: 33, start: 9 }], exposedMs: 0 }), 33),
      seen(2, end({ e: 16, s: 8 })),
    ]);
    expect(preview).toMatchObject({ leader: 1, epoch: 33, exact: true });
    expect(preview?.candidates.map(({ region }) => region)).toEqual([0, 2]);
  });

  it("cannot be said of replicas of older code, nor of a log that nobody opened", () => {
    expect(previewOf([seen(0, null), seen(1, null), seen(2, null)])).toBeNull();
    const older = { region: 0, reachable: true, log: log(16, undefined), end: null };
    expect(previewOf([older, seen(1, end({ e: 16, s: 3 })), seen(2, end({ e: 16, s: 2 }))])).toMatchObject({
      exact: false,
    });
  });
});

describe("GET /v1/regions/{origin}/failover-preview", () => {
  const answer: Answerer = ({ to: { region, partition } }) => {
    if (region === APAC && partition === 1) return unavailable("timeout", true);
    const ends = [led(12), end({ e: 16, s: 10 }), end({ e: 16, s: 8 })];
    const logs = partition > 1 ? [] : [log(16, ends[region])];
    const about = { region, partition, storeId: "s", incarnation: 1, restoring: false };
    return { kind: "status", status: { ...about, logs } };
  };

  it("tells it log by log, in sums by candidate, and who did not answer", async () => {
    const { send, regions } = bench(answer, { namespaces: ["default"] });
    const response = await send("GET", "/v1/regions/weur/failover-preview");
    const lost = { count: "2", from: "weur.16.11", to: "weur.16.12" };
    const body = (await response.json()) as { logs: unknown[] };
    expect(body).toMatchObject({
      origin: "weur",
      candidates: [
        { region: "weur", logs: 0, lost: "0", unknown: 0 },
        { region: "enam", logs: 2, lost: "2", lostAtWorst: "2", unknown: 1 },
        { region: "apac", logs: 2, lost: "2", unknown: 1 },
      ],
      unreachable: [{ namespace: "default", partition: 1, region: "apac" }],
    });
    expect(body.logs).toHaveLength(2);
    expect(body.logs[0]).toEqual({
      namespace: "default",
      partition: 0,
      leader: "weur",
      epoch: "16",
      exact: true,
      head: "weur.16.12",
      committed: "5",
      exposedMs: 120,
      candidates: [
        { region: "enam", reachable: true, head: "weur.16.10", lost, lostAtWorst: lost },
        { region: "apac", reachable: true, head: "weur.16.8", lost, lostAtWorst: lost },
      ],
    });
    expect(
      regions.asked.every(
        ({ timeoutMs, request }) => timeoutMs <= 1_500 && request.op === "status" && request.endOf === WEUR,
      ),
    ).toBe(true);
    const asked = regions.asked.length;
    await send("GET", "/v1/regions/weur/failover-preview");
    expect(regions.asked).toHaveLength(asked);
    await send("GET", "/v1/regions/enam/failover-preview");
    expect(regions.asked).toHaveLength(2 * asked);
  });

  it("is of a region that there is", async () => {
    const { send } = bench(answer);
    const response = await send("GET", "/v1/regions/mars/failover-preview");
    expect(response.status).toBe(404);
    expect(await problemOf(response)).toMatchObject({ type: "/problems/not-found" });
  });
});
