/** How far apart a drill keeps regions: as far as they are, and not twice as far. */
import { describe, expect, it } from "vitest";
import { distancesOf } from "../../src/api/distance.ts";
import { Geography } from "../../src/drill/geography.ts";
import { played } from "./played.ts";

const REGIONS = ["weur", "enam", "apac"];

function accepting() {
  let ids = 0;
  return played((line) => ({ status: 200, body: line.startsWith("PUT") ? { id: `f${ids++}` } : {} }));
}

describe("distances between regions", () => {
  it("are delays of half a round trip each way, and end with the drill", async () => {
    const { board, asked, bodies } = await accepting();
    const geography = new Geography(board);
    await geography.begin(REGIONS, [], true);
    expect(bodies).toMatchObject([
      { kind: "delay", region: "weur", peer: "enam", ms: 38 },
      { kind: "delay", region: "weur", peer: "apac", ms: 121 },
      { kind: "delay", region: "enam", peer: "apac", ms: 83 },
    ]);
    expect(geography.kept.by).toBe("the drill");
    expect(await geography.end()).toStrictEqual([]);
    expect(asked.filter((line) => line.startsWith("DELETE"))).toHaveLength(3);
  });

  it.each([true, false])(
    "that the store keeps up itself are not added to (asked for: %s)",
    async (wanted) => {
      const { board, asked } = await accepting();
      const geography = new Geography(board);
      const told = distancesOf(REGIONS);
      await geography.begin(REGIONS, told, wanted);
      expect(asked).toStrictEqual([]);
      expect(geography.kept).toStrictEqual({ by: "the store", ways: told });
    },
  );

  it("are added by nobody unless asked for", async () => {
    const { board, asked } = await accepting();
    const geography = new Geography(board);
    await geography.begin(REGIONS, [], false);
    expect(asked).toStrictEqual([]);
    expect(geography.kept).toStrictEqual({ by: "nobody", ways: [] });
  });
});
