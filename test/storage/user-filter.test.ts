import fc from "fast-check";
import { expect, test } from "vitest";
import { filterOf, mayHold } from "../../src/storage/user-filter.ts";

test("a filter knows everybody who is in it", () => {
  fc.assert(
    fc.property(fc.array(fc.string({ unit: "grapheme" }), { maxLength: 300 }), (users) => {
      const filter = filterOf(users);
      expect(users.every((user) => mayHold(filter, user))).toBe(true);
    }),
  );
});

test("and hardly anybody else", () => {
  const filter = filterOf(Array.from({ length: 256 }, (_, n) => `user-${n}`));
  expect(filter.length).toBe(320);
  const taken = Array.from({ length: 10_000 }, (_, n) => `stranger-${n}`).filter((user) =>
    mayHold(filter, user),
  );
  expect(taken.length / 10_000).toBeLessThan(0.02);
  expect(mayHold(filterOf([]), "somebody")).toBe(false);
});

test("its bits are stored, and so never change", () => {
  expect(Buffer.from(filterOf(["alice", "bob", "日本"])).toString("hex")).toMatchInlineSnapshot(`"412c6c4b"`);
});
