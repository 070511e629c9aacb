import { describe, expect, it } from "vitest";
import { entityTag, matches, parseTags } from "../../src/edge/entity-tag.ts";
import { parsePosition, positionText } from "../../src/edge/position-text.ts";
import { RegionTable } from "../../src/edge/region-table.ts";
import { deployment } from "./support/deployment.ts";

const regions = new RegionTable(deployment().regions);
const parse = (value: string) => parseTags(regions, "If-Match", value);

describe("entity tags", () => {
  it.each([
    ['"weur.16.7"', [{ o: 0, e: 16, s: 7 }]],
    ['W/"weur.16.7"', [{ o: 0, e: 16, s: 7 }]],
    [
      '"weur.16.7", W/"apac.18.2"',
      [
        { o: 0, e: 16, s: 7 },
        { o: 2, e: 18, s: 2 },
      ],
    ],
    ['"else"', []],
    ['"mars.1.1", ""', []],
    ['"weur.9007199254740993.1"', []],
  ])("of %s", (value, versions) => {
    expect(parse(value)).toEqual(versions);
  });

  it("may be any", () => {
    expect(parse("*")).toBe("any");
  });

  it.each(["", "weur.16.7", '"weur.16.7', 'w/"a"', '"a" "b"', "*, *", '"a",*', 'W/ "a"'])(
    "may not be %j",
    (value) => {
      expect(() => parse(value)).toThrow(/If-Match/);
    },
  );

  it("match by version", () => {
    const version = { o: 0, e: 16, s: 7 };
    expect(matches(parse(entityTag(regions, version)), version)).toBe(true);
    expect(matches("any", version)).toBe(true);
    expect(matches(parse('"weur.16.8"'), version)).toBe(false);
  });
});

describe("positions", () => {
  it("are text outside", () => {
    expect(positionText(regions, { o: 2, e: 4_503_599_627_370_498, s: Number.MAX_SAFE_INTEGER })).toBe(
      "apac.4503599627370498.9007199254740991",
    );
    expect(parsePosition(regions, "apac.18.9007199254740991")).toEqual({
      o: 2,
      e: 18,
      s: Number.MAX_SAFE_INTEGER,
    });
  });

  it.each([
    ["apac.18.9007199254740992", "unknown"],
    ["mars.1.1", "unknown"],
    ["apac.18", "malformed"],
    ["apac.018.1", "malformed"],
    ["apac.18.-1", "malformed"],
    ["apac.18.1.1", "malformed"],
    ["", "malformed"],
  ])("%s is %s", (text, what) => {
    expect(parsePosition(regions, text)).toBe(what);
  });
});
