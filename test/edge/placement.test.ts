import { describe, expect, it } from "vitest";
import { placeClient } from "../../src/edge/placement.ts";
import { RegionTable } from "../../src/edge/region-table.ts";
import { deployment } from "./support/deployment.ts";

const regions = new RegionTable(deployment().regions);
const five = new RegionTable(
  ["weur", "enam", "apac", "oc", "sam"].map((id, index) => ({ id, index: index + 3, hint: id })),
);

describe("a client is placed", () => {
  it("where its header says", () => {
    expect(placeClient(regions, "apac", { continent: "EU" })).toBe(2);
    expect(() => placeClient(regions, "mars", undefined)).toThrow(/Ithaca-Region/);
    expect(() => placeClient(regions, "", undefined)).toThrow(/Ithaca-Region/);
  });

  it.each([
    ["Frankfurt", { continent: "EU", latitude: "50.11", longitude: "8.68" }, 0],
    ["Austin", { continent: "NA", latitude: "30.27", longitude: "-97.74" }, 1],
    ["Seoul", { continent: "AS", latitude: "37.56", longitude: "126.99" }, 2],
    ["somewhere in South America", { continent: "SA" }, 1],
    ["somewhere in Oceania", { continent: "OC", latitude: "", longitude: "" }, 2],
    ["nobody knows where", { continent: "T1" }, 0],
    ["nowhere", undefined, 0],
  ])("by what the platform saw: %s", (_, sighting, region) => {
    expect(placeClient(regions, null, sighting)).toBe(region);
  });

  it("by index, which is not the place in the list", () => {
    expect(placeClient(five, null, { continent: "OC" })).toBe(6);
    expect(five.nearTo(6)).toEqual([6, 5, 4, 3, 7]);
  });
});
