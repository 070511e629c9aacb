import { describe, expect, it } from "vitest";
import {
  parseConcern,
  parseConsistency,
  parseExpiresInS,
  parseIdempotencyKey,
  parseTimeoutMs,
  parseWord,
} from "../../src/edge/request-header.ts";

describe("Ithaca-Consistency", () => {
  it.each(["user", "strong", "session", "prefix", "eventual"])("may be %s", (level) => {
    expect(parseConsistency(level)).toEqual({ consistency: level });
  });

  it("is user unless given", () => {
    expect(parseConsistency(null)).toEqual({ consistency: "user" });
  });

  it.each([
    ["bounded; max-staleness-ms=0", 0],
    ["bounded;max-staleness-ms=1500", 1500],
    ["bounded ; max-staleness-ms = 86400000", 86_400_000],
  ])("may be %s", (value, stalenessMsMax) => {
    expect(parseConsistency(value)).toEqual({ consistency: "bounded", stalenessMsMax });
  });

  it.each([
    "",
    "User",
    "bounded",
    "bounded; max-staleness-ms=",
    "bounded; max-staleness-ms=-1",
    "bounded; max-staleness-ms=1.5",
    "bounded; max-staleness-ms=86400001",
    "bounded; max-staleness-ms=99999999999999999999",
    "user, strong",
    "toString",
    "__proto__",
  ])("may not be %j", (value) => {
    expect(() => parseConsistency(value)).toThrow(/Ithaca-Consistency/);
  });
});

describe("Ithaca-Timeout-Ms", () => {
  it("is 1 to 30000, and 5000 unless given", () => {
    expect([parseTimeoutMs(null), parseTimeoutMs("1"), parseTimeoutMs("30000")]).toEqual([5_000, 1, 30_000]);
  });

  it.each(["0", "30001", "", " ", "1.0", "1e3", "-1", "+1", "0x10", "five", "10, 20"])(
    "may not be %j",
    (value) => {
      expect(() => parseTimeoutMs(value)).toThrow(/Ithaca-Timeout-Ms/);
    },
  );
});

describe("Ithaca-Expires-In", () => {
  it("is a positive number of seconds", () => {
    expect([parseExpiresInS(null), parseExpiresInS("1"), parseExpiresInS("315360000")]).toEqual([
      undefined,
      1,
      315_360_000,
    ]);
  });

  it.each(["0", "-1", "0.5", "", "315360001", "1h"])("may not be %j", (value) => {
    expect(() => parseExpiresInS(value)).toThrow(/Ithaca-Expires-In/);
  });
});

describe("Idempotency-Key", () => {
  it.each([
    ["a", "a"],
    ['"a"', "a"],
    ['"a b"', "a b"],
    ["a b", "a b"],
    ['"a\\"b\\\\c"', 'a"b\\c'],
    ['a"b', 'a"b'],
    ["k".repeat(255), "k".repeat(255)],
    [`"${"k".repeat(255)}"`, "k".repeat(255)],
  ])("may be %s", (value, key) => {
    expect(parseIdempotencyKey(value)).toBe(key);
  });

  it.each([
    "",
    '""',
    '"',
    '"a',
    '"a"b',
    '"a\\"',
    '"a\\b"',
    "é",
    "a\u0001",
    "k".repeat(256),
    `"${"k".repeat(256)}"`,
  ])("may not be %j", (value) => {
    expect(() => parseIdempotencyKey(value)).toThrow(/Idempotency-Key/);
  });
});

it("words mean something or nothing", () => {
  expect(parseWord("H", null, "report")).toBe(false);
  expect(parseWord("H", "report", "report")).toBe(true);
  expect(parseWord("H", "latest", "committed", "latest")).toBe(false);
  expect(() => parseWord("H", "no", "report")).toThrow(/^H has to be report$/);
});

it("concerns are four", () => {
  expect(["local", "one", "majority", "all"].map((each) => parseConcern("H", each))).toHaveLength(4);
  expect(() => parseConcern("H", "quorum")).toThrow(/^H has to be/);
});
