import { describe, expect, it } from "vitest";
import type { ClientReply, ReceiptRequest } from "../../src/replication/request.ts";
import { bench, problemOf } from "./support/deployment.ts";
import { ENAM, facts, receipt } from "./support/fake-regions.ts";

const PATH = "/v1/users/alice/receipts";
const reply: ClientReply = {
  kind: "receipt",
  receipt: receipt({ durableIn: [0, 2], committed: true }),
  state: "committed",
  met: true,
  facts: facts(),
};

describe("a receipt", () => {
  it("is told as it stands, by the leader of its log", async () => {
    const { send, regions } = bench(({ to }) =>
      to.region === ENAM ? reply : { kind: "not-leader", leader: ENAM },
    );
    const response = await send("GET", `${PATH}/weur.16.10`);
    expect(response.status).toBe(200);
    expect(response.headers.get("Cache-Control")).toBe("private, no-cache, no-transform");
    expect(await response.json()).toMatchObject({
      position: "weur.16.10",
      durableIn: ["weur", "apac"],
      committed: true,
      state: "committed",
    });
    expect(regions.route).toBe("receipt@0 receipt@1");
    expect(regions.asked[0]?.request).not.toHaveProperty("concern");
  });

  it("waits when it is asked to, a slice at a time", async () => {
    const unmet: ClientReply = { ...reply, state: "pending", met: false };
    const { send, regions } = bench(() => (regions.asked.length < 3 ? unmet : reply));
    const response = await send("GET", `${PATH}/enam.17.1?waitMs=25000&concern=all`);
    expect(await response.json()).toMatchObject({ state: "committed" });
    expect(regions.route).toBe("receipt@1 receipt@1 receipt@1");
    expect(regions.asked[2]?.request).toMatchObject({ concern: "all", position: { o: ENAM, e: 17, s: 1 } });
  });

  it("waits for a majority unless told otherwise, and no longer than it may", async () => {
    const unmet: ClientReply = { ...reply, state: "pending", met: false };
    const { send, regions } = bench(() => unmet);
    const startedAt = Date.now();
    const response = await send("GET", `${PATH}/enam.17.1?waitMs=120`);
    expect(await response.json()).toMatchObject({ state: "pending" });
    expect(Date.now() - startedAt).toBeLessThan(1_000);
    const { concern, deadlineAt } = regions.asked[0]!.request as ReceiptRequest;
    expect(concern).toBe("majority");
    expect(deadlineAt - startedAt).toBeLessThan(200);
    await send("GET", `${PATH}/enam.17.1?waitMs=0&concern=all`);
    expect(regions.asked.at(-1)?.request).not.toHaveProperty("concern");
  });

  it.each([
    ["weur.16.10", { kind: "refused", reason: "no-receipt" } as const],
    ["weur.16.10", { kind: "unknown-user" } as const],
    ["mars.16.10", reply],
    ["weur.16.9007199254740993", reply],
  ])("of %s that was never issued is not there", async (position, answer) => {
    const response = await bench(() => answer).send("GET", `${PATH}/${position}`);
    expect(response.status).toBe(404);
    expect(await problemOf(response)).toMatchObject({ type: "/problems/not-found" });
  });
});
