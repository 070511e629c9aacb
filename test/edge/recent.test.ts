import { expect, it } from "vitest";
import { Recent } from "../../src/edge/recent.ts";

it("keeps what is used and forgets the rest", () => {
  const recent = new Recent<number, string>(4);
  recent.set(0, "kept");
  for (let n = 1; n < 100; n++) {
    recent.set(n, "new");
    expect(recent.get(0)).toBe("kept");
    expect(recent.get(n)).toBe("new");
  }
  expect(recent.get(1)).toBeUndefined();
  expect(
    Array.from({ length: 100 }, (_, n) => recent.get(n)).filter((each) => each !== undefined).length,
  ).toBeLessThan(5);
});

it("replaces", () => {
  const recent = new Recent<string, number>(2);
  recent.set("a", 1);
  recent.set("a", 2);
  expect(recent.get("a")).toBe(2);
});
