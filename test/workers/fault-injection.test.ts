import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, test, vi } from "vitest";
import { FaultGate } from "../../durable-objects/fault-gate.ts";
import { RegionUnavailable } from "../../durable-objects/region-unavailable.ts";
import { RoundTrip } from "../../durable-objects/round-trip.ts";
import { ObjectTransport } from "../../durable-objects/transport.ts";
import { encodePeerRequest } from "../../src/wire/peer-codec.ts";
import {
  APAC,
  ask,
  claim,
  deployment,
  ENAM,
  eventually,
  get,
  put,
  putFault,
  putFaultEverywhere,
  replica,
  textOf,
  transport,
  WEUR,
} from "./asking.ts";

async function failureOf(call: Promise<unknown>): Promise<RegionUnavailable> {
  const error = await call.then(
    () => null,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(RegionUnavailable);
  return error as RegionUnavailable;
}

describe("faults at the object", () => {
  // The first call of all waits until everything is loaded: on a busy machine longer than any call may take.
  beforeAll(async () => {
    await eventually(
      () => ask(replica(0, WEUR), { op: "status" }).catch(() => null),
      (reply) => reply !== null,
      50_000,
    );
  });

  test("down refuses at once, and says that nothing was done", async () => {
    const to = replica(0, WEUR);
    const id = await putFault(to, { kind: "down", region: WEUR });
    expect(await failureOf(ask(to, { op: "status" }))).toMatchObject({ reason: "refused", sent: false });
    expect(await transport.listFaults(to)).toMatchObject([{ id, kind: "down" }]);
    await transport.endFault(to, id);
    await expect(ask(to, { op: "status" })).resolves.toMatchObject({ kind: "status" });
  });

  test("stall answers nothing until the fault ends, or the caller gives up", async () => {
    const to = replica(1, WEUR);
    await putFault(to, { kind: "stall", region: WEUR, endsAt: Date.now() + 1_500 });
    expect(await failureOf(ask(to, { op: "status" }, { timeoutMs: 100 }))).toMatchObject({
      reason: "timeout",
      sent: true,
    });
    expect(await failureOf(ask(to, { op: "status" }))).toMatchObject({ reason: "refused", sent: true });
    await expect(ask(to, { op: "status" })).resolves.toMatchObject({ kind: "status" });
  });

  test("isolate lets the region's own clients in, and nobody else's", async () => {
    const to = replica(2, WEUR);
    await putFault(to, { kind: "isolate", region: WEUR });
    await expect(ask(to, { op: "status" })).resolves.toMatchObject({ kind: "status" });
    expect(await failureOf(ask(to, { op: "status" }, { from: ENAM, timeoutMs: 100 }))).toMatchObject({
      reason: "timeout",
    });
  });

  test("a one-way cut carries a write out and loses its answer", async () => {
    const to = replica(3, WEUR);
    await claim(to, "ann", WEUR);
    await putFault(to, { kind: "one-way", region: WEUR, peer: ENAM });
    const lost = await failureOf(put(to, "ann", "k", "done", { from: ENAM, timeoutMs: 300 }));
    expect(lost).toMatchObject({ reason: "timeout", sent: true });
    expect(textOf(await get(to, "ann", "k", "leader"))).toBe("done");
  });

  test("delay takes its time both ways", async () => {
    const to = replica(4, WEUR);
    await ask(to, { op: "status" });
    await putFault(to, { kind: "delay", region: WEUR, ms: 120 });
    const before = Date.now();
    await ask(to, { op: "status" }, { from: APAC });
    expect(Date.now() - before).toBeGreaterThanOrEqual(230);
  });

  test("what comes by a queue, or goes out unasked, is half a round trip on its way between regions that are away", async () => {
    const gate = new FaultGate(null, WEUR, new Map([[APAC, 60]]));
    const took = async (crossing: () => Promise<unknown>): Promise<number> => {
      const before = Date.now();
      await crossing();
      return Date.now() - before;
    };
    expect(await took(() => gate.outward(APAC))).toBeGreaterThanOrEqual(59);
    const message = { body: new Uint8Array(), attempts: 1 };
    expect(await took(() => gate.queued([message, message], [WEUR, APAC]))).toBeGreaterThanOrEqual(59);
    expect(await gate.queued([message], [APAC])).toEqual(["pass"]);
    expect(gate.isQuiet).toBe(false);
    expect(gate.isCut(APAC)).toBe(false);
  });

  test("calls take the round trip between regions that are away, once what their sender wrote is confirmed", async () => {
    const to = replica(10, WEUR);
    await ask(to, { op: "status" });
    const sent: string[] = [];
    const namespace = {
      getByName: (...args: Parameters<typeof env.REGION.getByName>) => {
        sent.push("arrived");
        return env.REGION.getByName(...args);
      },
    } as typeof env.REGION;
    const apart = new ObjectTransport(
      { ...deployment, distances: [{ between: ["apac", "weur"], roundTripMs: 121 }] },
      namespace,
      async () => void sent.push("confirmed"),
    );
    const took = async (from: number): Promise<number> => {
      const before = Date.now();
      const deadlineAt = before + 5_000;
      await expect(apart.ask(to, { op: "status", from, deadlineAt }, 5_000)).resolves.toMatchObject({
        kind: "status",
      });
      return Date.now() - before;
    };
    expect(await took(APAC)).toBeGreaterThanOrEqual(120);
    expect(sent).toEqual(["confirmed", "arrived"]);
    await took(ENAM);
    await took(WEUR);
    expect(sent).toEqual(["confirmed", "arrived", "arrived", "arrived"]);
    const envelope = { namespace: "default", partition: 10, from: APAC, to: WEUR, pv: 1 };
    const before = Date.now();
    await apart.peer(to, encodePeerRequest(envelope, { type: "probe", o: WEUR }), 5_000);
    expect(Date.now() - before).toBeGreaterThanOrEqual(120);
    const down = await putFault(to, { kind: "down", region: WEUR });
    const asked = Date.now();
    const refused = apart.ask(to, { op: "status", from: APAC, deadlineAt: asked + 5_000 }, 5_000);
    expect(await failureOf(refused)).toMatchObject({ reason: "refused" });
    expect(Date.now() - asked).toBeGreaterThanOrEqual(120);
    await transport.endFault(to, down);
  });

  test("a call between regions takes its round trip, and by what it was late on its way there it is earlier back", async () => {
    const leftAt = Date.now();
    const trip = new RoundTrip(41);
    await trip.there();
    const arrivedAt = Date.now();
    await trip.back();
    expect(arrivedAt - leftAt).toBeGreaterThanOrEqual(21);
    expect(Date.now() - leftAt).toBeGreaterThanOrEqual(41);
    const clock = vi.spyOn(Date, "now");
    try {
      let now = leftAt;
      clock.mockImplementation(() => now);
      const late = new RoundTrip(41);
      const there = late.there();
      now += 21 + 20;
      await there;
      let isBack = false;
      void late.back().then(() => (isBack = true));
      await Promise.resolve();
      await Promise.resolve();
      // It has been away for all of it already, and waits for no timer.
      expect(isBack).toBe(true);
    } finally {
      clock.mockRestore();
    }
  });

  test("a fault outlives a restart of the object, and ends by itself", async () => {
    const to = replica(5, WEUR);
    await ask(to, { op: "status" });
    const endsAt = Date.now() + 2_000;
    await putFault(to, { kind: "down", region: WEUR, endsAt });
    await putFault(to, { kind: "restart", region: WEUR, endsAt });
    expect(await failureOf(ask(to, { op: "status" }))).toMatchObject({ reason: "refused", sent: false });
    expect(await transport.listFaults(to)).toHaveLength(2);
    const status = await eventually(
      () => ask(to, { op: "status" }).catch(() => null),
      (reply) => reply !== null,
    );
    expect(status).toMatchObject({ kind: "status", status: { incarnation: 2 } });
    expect(await transport.listFaults(to)).toHaveLength(0);
  });

  test("restart leaves the replicas of other regions alone", async () => {
    const to = replica(6, ENAM);
    await ask(to, { op: "status" });
    await putFault(to, { kind: "restart", region: WEUR });
    await expect(ask(to, { op: "status" })).resolves.toMatchObject({ status: { incarnation: 1 } });
  });

  test("skew moves the replica's clock, and the caller's deadline with it", async () => {
    const to = replica(7, ENAM);
    await claim(to, "cy", ENAM);
    await putFaultEverywhere(7, { kind: "skew", region: ENAM, ms: 60_000 });
    const reply = await put(to, "cy", "k", "later");
    expect(reply).toMatchObject({ kind: "written" });
    if (reply.kind === "written") expect(reply.receipt.at - Date.now()).toBeGreaterThan(50_000);
  });

  test("a partition between replicas stops their calls; the log goes on when it has healed", async () => {
    const home = replica(9, WEUR);
    const far = replica(9, ENAM);
    await claim(home, "dee", WEUR);
    await putFaultEverywhere(9, { kind: "isolate", region: ENAM });
    await put(home, "dee", "k", "behind the cut");
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(textOf(await get(far, "dee", "k", "eventual"))).toBeNull();
    for (const region of [WEUR, ENAM, APAC]) await transport.endFault(replica(9, region), null);
    const healed = await eventually(
      () => get(far, "dee", "k", "eventual"),
      (reply) => textOf(reply) === "behind the cut",
    );
    expect(textOf(healed)).toBe("behind the cut");
  });
});
