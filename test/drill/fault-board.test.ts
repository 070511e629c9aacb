/** Faults against a deployment that is played: which are taken, and that all that were are taken away. */
import { describe, expect, it } from "vitest";
import { FaultsRefused } from "../../src/drill/fault-board.ts";
import type { FaultAction } from "../../src/drill/plan.ts";
import { played } from "./played.ts";

const DOWN: FaultAction = { action: "fault", atMs: 0, kind: "down", region: "weur", forMs: 1_000 };

describe("whether a drill may begin", () => {
  it.each([
    [200, { faults: [] }, undefined],
    [200, { faults: [{ id: "x" }] }, "1 faults are in force there already"],
    [404, {}, "DRILLS=on"],
    [401, {}, "scope admin"],
    [403, {}, "scope admin"],
    [500, {}, "GET /v1/faults: 500"],
  ])("%d %j: %s", async (status, body, said) => {
    const { board } = await played(() => ({ status, body }));
    const refusal = await board.refusal();
    if (said === undefined) expect(refusal).toBeUndefined();
    else expect(refusal).toContain(said);
  });
});

describe("faults of a drill", () => {
  it("are ended by their ids, also one that was still on its way", async () => {
    const { board, asked } = await played((line) => {
      return line.startsWith("PUT") ? { status: 200, body: { id: "f1" }, afterMs: 100 } : { status: 200 };
    });
    const arming = board.arm(DOWN);
    expect(await board.endAll()).toStrictEqual([]);
    expect((await arming).endedMs).toBeDefined();
    expect(asked).toStrictEqual(["PUT /v1/faults", "DELETE /v1/faults/f1"]);
  });

  it("count as ended when they ended by themselves", async () => {
    const { board } = await played((line) => {
      return line.startsWith("PUT") ? { status: 200, body: { id: "f1" } } : { status: 404 };
    });
    await board.arm(DOWN);
    expect(await board.endAll()).toStrictEqual([]);
  });

  it("that are not taken are no faults", async () => {
    const { board } = await played(() => ({ status: 503, body: { detail: "not every replica" } }));
    await expect(board.arm(DOWN)).rejects.toThrow(FaultsRefused);
    expect(board.armed).toStrictEqual([]);
  });
});
