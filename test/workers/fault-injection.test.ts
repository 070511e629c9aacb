import { beforeAll, describe, expect, test } from "vitest";
import { FaultGate } from "../../durable-objects/fault-gate.ts";
import { RegionUnavailable } from "../../durable-objects/region-unavailable.ts";
import {
  APAC,
  ask,
  claim,
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

  test("regions that are away are half a round trip away each way, for queues and sockets too, and no fault", async () => {
    const gate = new FaultGate(null, WEUR, new Map([[APAC, 60]]));
    const took = async (crossing: () => Promise<unknown>): Promise<number> => {
      const before = Date.now();
      await crossing();
      return Date.now() - before;
    };
    expect(await took(() => gate.through(APAC, "edge", async () => "done"))).toBeGreaterThanOrEqual(118);
    expect(await took(() => gate.through(APAC, "replica", async () => "done"))).toBeGreaterThanOrEqual(118);
    expect(await took(() => gate.outward(APAC))).toBeGreaterThanOrEqual(59);
    const message = { body: new Uint8Array(), attempts: 1 };
    expect(await took(() => gate.queued([message, message], [WEUR, APAC]))).toBeGreaterThanOrEqual(59);
    expect(await gate.queued([message], [APAC])).toEqual(["pass"]);
    expect(gate.isQuiet).toBe(false);
    expect(gate.isCut(APAC)).toBe(false);
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
