import { expect, it } from "vitest";
import { distancesOf, NoDistance } from "../../src/api/distance.ts";

it("knows every way between the three regions of a deployment, in whatever order they come", () => {
  expect(distancesOf(["apac", "weur", "enam"])).toStrictEqual([
    { between: ["apac", "weur"], roundTripMs: 242 },
    { between: ["apac", "enam"], roundTripMs: 166 },
    { between: ["weur", "enam"], roundTripMs: 76 },
  ]);
});

it("refuses to guess", () => {
  expect(() => distancesOf(["weur", "afr"])).toThrow(NoDistance);
});
