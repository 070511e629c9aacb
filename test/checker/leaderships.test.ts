import { describe, expect, it } from "vitest";
import { checkLeaderships } from "../../src/checker/leaderships.ts";
import { Story, v } from "./story.ts";

const ONE_PARTITION = { partitionOf: () => "0" };
const WRITE = { op: "write" } as const;
/** The region weur has index 0, enam 1: epoch 33 is enam's. */
const NEXT = "weur.33.3";

describe("leaderships", () => {
  it("are sound when a later epoch follows, also of writes that were under way meanwhile", () => {
    const story = new Story();
    story.did(WRITE, { version: v(1), leader: "weur" });
    const slow = story.begin(WRITE);
    story.did(WRITE, { version: NEXT, leader: "enam" });
    story.ok(slow, { version: v(2), leader: "weur" });
    const verdict = checkLeaderships(story.operations, {
      ...ONE_PARTITION,
      regionOf: (index) => ["weur", "enam"][index],
    });
    expect(verdict).toMatchObject({ ok: true, counted: { writes: 3, logs: 1, epochs: 2 } });
  });

  it("are broken by whoever acknowledges after a successor did", () => {
    const story = new Story();
    const first = story.did(WRITE, { version: NEXT, leader: "enam" });
    const stale = story.did(WRITE, { version: v(4), leader: "weur" });
    const { violations } = checkLeaderships(story.operations, ONE_PARTITION);
    expect(violations).toMatchObject([{ ops: [first, stale] }]);
    expect(violations[0]?.message).toContain("a deposed leader was not refused in 0/weur");
  });

  it("are not broken in another partition, nor by a repeated key's first answer", () => {
    const story = new Story();
    story.unknown({ ...WRITE, idempotencyKey: "k" });
    story.did({ ...WRITE, user: "bob" }, { version: NEXT, leader: "enam" });
    story.did({ ...WRITE, user: "carol" }, { version: NEXT, leader: "enam" });
    story.did({ ...WRITE, idempotencyKey: "k" }, { version: v(2), leader: "weur" });
    const partitionOf = (user: string): string => (user === "bob" ? "1" : "0");
    expect(checkLeaderships(story.operations, { partitionOf }).ok).toBe(true);
  });

  it("are not broken by whoever tells at another home, or later, what was done under another leader", () => {
    const story = new Story();
    story.did(WRITE, { version: v(1), leader: "weur", position: v(1) });
    story.did(WRITE, { version: v(2), leader: "apac", position: "apac.18.2" });
    story.did(WRITE, { version: NEXT, leader: "enam", position: NEXT });
    story.did(WRITE, { version: v(2), leader: "enam", position: NEXT });
    expect(checkLeaderships(story.operations, ONE_PARTITION)).toMatchObject({
      ok: true,
      counted: { writes: 2 },
    });
  });

  it("are broken by two under one epoch, or by one under another's", () => {
    const story = new Story();
    story.did(WRITE, { version: v(1), leader: "weur" });
    story.did(WRITE, { version: v(2), leader: "enam" });
    const regionOf = (index: number): string | undefined => ["weur", "enam"][index];
    const messages = checkLeaderships(story.operations, { ...ONE_PARTITION, regionOf }).violations.map(
      ({ message }) => message,
    );
    expect(messages).toMatchObject([
      expect.stringContaining("enam acknowledged under an epoch of weur"),
      expect.stringContaining("two leaders of one epoch"),
    ]);
  });
});
