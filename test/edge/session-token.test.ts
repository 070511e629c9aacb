import { describe, expect, it } from "vitest";
import {
  emptyView,
  mergeView,
  partFor,
  shownBy,
  withoutLost,
  type SessionView,
} from "../../src/edge/session-merge.ts";
import { Signer } from "../../durable-objects/signer.ts";
import { SessionTokens } from "../../src/edge/session-token.ts";
import type { SeenPosition } from "../../src/wire/session-codec.ts";
import { facts } from "./support/fake-regions.ts";

const FIRST = { id: 1, secret: "first" };
const SECOND = { id: 2, secret: "second" };
const SIZE = { mapVersion: 1, partitions: 64 };

const tokens = (keys = [FIRST], size = SIZE) => new SessionTokens(new Signer(keys), size);
const seen = (p: number, o: number, e: number, s: number, durable = false): SeenPosition => ({
  p,
  o,
  e,
  s,
  durable,
});
const empty = emptyView("default", 1);
const view = (...positions: SeenPosition[]): SessionView => ({ ...empty, positions });

describe("a session token", () => {
  const whole: SessionView = {
    ...view(seen(3, 0, 16, 7), seen(5, 2, 4_503_599_627_370_498, Number.MAX_SAFE_INTEGER, true)),
    seenAt: 99,
  };

  it("comes back as it was issued", () => {
    const token = tokens().issue(whole, 1_800_000_000_000);
    expect(token).toMatch(/^s1\.1\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]{22}$/);
    expect(tokens().read("default", token)).toEqual({ ...whole, issuedAt: 1_800_000_000_000 });
  });

  it("is read by any of the keys, and signed by the first", () => {
    const old = tokens([FIRST]).issue(whole, 1);
    const both = tokens([SECOND, FIRST]);
    expect(both.read("default", old).positions).toHaveLength(2);
    expect(both.issue(whole, 1)).toMatch(/^s1\.2\./);
  });

  it("is refused when any character of it was changed", () => {
    const token = tokens().issue(whole, 1);
    for (let at = 0; at < token.length; at++) {
      const other = token[at] === "A" ? "B" : "A";
      const changed = token.slice(0, at) + other + token.slice(at + 1);
      expect(() => tokens().read("default", changed), `changed at ${at}`).toThrow(/token/);
    }
  });

  it("is refused when it was cut, prolonged or made up", () => {
    const token = tokens().issue(whole, 1);
    for (const bad of [
      "",
      "s1",
      "s1.1..",
      token.slice(0, -1),
      `${token}A`,
      ` ${token}`,
      token.replace("s1", "c1"),
      "x".repeat(8_193),
    ]) {
      expect(() => tokens().read("default", bad)).toThrow(/token/);
    }
  });

  it("is refused when somebody else signed it, or it is of another place", () => {
    const token = tokens().issue(whole, 1);
    expect(() => tokens([{ id: 1, secret: "another" }]).read("default", token)).toThrow(
      /not signed by this deployment/,
    );
    expect(() => tokens([SECOND]).read("default", token)).toThrow(/not signed by this deployment/);
    expect(() => tokens().read("other", token)).toThrow(/namespace/);
    expect(() => tokens([FIRST], { mapVersion: 2, partitions: 64 }).read("default", token)).toThrow(
      /partitions/,
    );
    expect(() => tokens([FIRST], { mapVersion: 1, partitions: 5 }).read("default", token)).toThrow(
      /partitions/,
    );
  });

  it("fits a header when it covers everything that it may", () => {
    const positions = Array.from({ length: 64 }, (_, p) =>
      Array.from({ length: 5 }, (_, o) => seen(p, o, 16_000 + o, 1_000_000_000 + p, true)),
    ).flat();
    expect(tokens().issue(view(...positions), 1_800_000_000_000).length).toBeLessThan(8_192);
  });
});

describe("merging", () => {
  it("takes the greater seq within an epoch, with its durability", () => {
    const before = view(seen(1, 0, 16, 7, true));
    expect(mergeView(before, [seen(1, 0, 16, 9)], 0).positions).toEqual([seen(1, 0, 16, 9)]);
    expect(mergeView(before, [seen(1, 0, 16, 5)], 0)).toBe(before);
    expect(mergeView(view(seen(1, 0, 16, 7)), [seen(1, 0, 16, 7, true)], 0).positions).toEqual([
      seen(1, 0, 16, 7, true),
    ]);
    expect(mergeView(before, [seen(1, 0, 16, 7)], 0)).toBe(before);
  });

  it("keeps different epochs, origins and partitions beside each other", () => {
    const additions = [seen(1, 0, 33, 9), seen(1, 1, 16, 9), seen(2, 0, 16, 9)];
    expect(mergeView(view(seen(1, 0, 16, 7)), additions, 0).positions).toEqual([
      seen(1, 0, 16, 7),
      ...additions,
    ]);
  });

  it("keeps eight epochs of one log, the newest", () => {
    const epochs = Array.from({ length: 9 }, (_, n) => seen(1, 0, 16 * (n + 1), n + 1));
    expect(mergeView(empty, epochs, 0).positions).toEqual(epochs.slice(1));
  });

  it("keeps the latest expiry that was seen", () => {
    expect(mergeView({ ...empty, seenAt: 5 }, [], 9).seenAt).toBe(9);
    expect(mergeView({ ...empty, seenAt: 5 }, [], 3).seenAt).toBe(5);
  });

  it("does not count what was never written", () => {
    expect(mergeView(empty, [seen(1, 0, 0, 0)], 0)).toBe(empty);
  });

  it("is the same in any order", () => {
    const additions = [seen(1, 0, 16, 3), seen(1, 0, 16, 9), seen(1, 0, 33, 4), seen(1, 0, 16, 9, true)];
    const forth = mergeView(empty, additions, 0).positions;
    const back = mergeView(empty, additions.toReversed(), 0).positions;
    expect(back).toEqual(expect.arrayContaining([...forth]));
    expect(back).toHaveLength(forth.length);
  });
});

it("a replica is given its own partition's positions, and of the others where they stand", () => {
  const part = partFor({ ...view(seen(1, 0, 16, 7, true), seen(2, 1, 17, 3)), seenAt: 4 }, 1);
  expect(part).toEqual({
    positions: [{ o: 0, e: 16, s: 7, durable: true }],
    others: [{ p: 2, o: 1, e: 17, s: 3 }],
    seenAt: 4,
  });
  expect(partFor(null, 1)).toEqual({ positions: [], others: [], seenAt: 0 });
});

it("losing drops exactly what was lost", () => {
  const before = view(seen(1, 0, 16, 7), seen(1, 0, 33, 9), seen(2, 0, 16, 7));
  expect(withoutLost(before, 1, [{ o: 0, e: 16, s: 7 }]).positions).toEqual([
    seen(1, 0, 33, 9),
    seen(2, 0, 16, 7),
  ]);
  expect(withoutLost(before, 1, [{ o: 0, e: 16, s: 8 }])).toBe(before);
  // What came before it in that epoch was seen too, and is not lost.
  expect(withoutLost(before, 1, [{ o: 0, e: 16, s: 7, from: 6, rest: 5 }]).positions).toEqual([
    seen(1, 0, 16, 5, true),
    seen(1, 0, 33, 9),
    seen(2, 0, 16, 7),
  ]);
});

it("what was shown lies in the partition that showed it", () => {
  const shown = shownBy(
    facts({ shown: [{ o: 0, e: 16, s: 7, durable: true }], shownOthers: [{ p: 9, o: 1, e: 17, s: 2 }] }),
    4,
  );
  expect(shown).toEqual([seen(4, 0, 16, 7, true), seen(9, 1, 17, 2)]);
});
