import { describe, expect, it } from "vitest";
import {
  decodeKey,
  decodeUser,
  hasBadSegment,
  rawPathOf,
  rawQueryOf,
  utf8Length,
} from "../../src/edge/path.ts";

describe("a key", () => {
  it.each([
    ["a", "a"],
    ["a/b/c", "a/b/c"],
    ["a%2Fb", "a/b"],
    ["%C3%A9", "é"],
    ["...", "..."],
    [".a/..b", ".a/..b"],
    ["%252e", "%2e"],
    ["a%5Cb", "a\\b"],
    ["x".repeat(512), "x".repeat(512)],
    ["%C3%A9".repeat(256), "é".repeat(256)],
    ["%F0%9F%98%80".repeat(128), "😀".repeat(128)],
  ])("may be %s", (raw, key) => {
    expect(decodeKey(raw)).toBe(key);
  });

  it.each([
    "",
    "/",
    "a/",
    "/a",
    "a//b",
    "a%2F%2Fb",
    ".",
    "..",
    "%2e",
    "%2E%2e",
    "a/./b",
    "a/../b",
    "a%2F..%2Fb",
    "a/.",
    "a%2F.",
    "%",
    "%4",
    "%zz",
    "%C3",
    "%C3%28",
    "%C0%AF",
    "%ED%A0%80",
    "a%00",
    "a%1F",
    "a%7F",
    "a%0Ab",
    "%C2%80",
    "%C2%9F",
    "x".repeat(513),
    `${"%C3%A9".repeat(256)}x`,
  ])("may not be %j", (raw) => {
    expect(() => decodeKey(raw)).toThrow(/key/);
  });
});

describe("a user", () => {
  it("has 1 to 128 bytes", () => {
    expect(decodeUser("u".repeat(128))).toHaveLength(128);
    expect(decodeUser("%C3%A9".repeat(64))).toHaveLength(64);
    expect(() => decodeUser("u".repeat(129))).toThrow(/129 bytes/);
    expect(() => decodeUser(`u${"%C3%A9".repeat(64)}`)).toThrow(/129 bytes/);
    expect(() => decodeUser("")).toThrow(/0 bytes/);
  });
});

describe("the raw path of a URL", () => {
  it.each([
    ["https://h/a/b?c#d", "/a/b", "c"],
    ["https://h/a%2Fb", "/a%2Fb", ""],
    ["https://h", "/", ""],
    ["https://h/a#?b", "/a", ""],
    ["https://h/a?b?c", "/a", "b?c"],
    ["http://h:8080/v1/users/a/items/../b", "/v1/users/a/items/../b", ""],
  ])("of %s", (url, path, query) => {
    expect(rawPathOf(url)).toBe(path);
    expect(rawQueryOf(url)).toBe(query);
  });

  it("shows segments that are empty or dots", () => {
    expect(["/a//b", "/a/", "/.", "/a/%2e%2E/b", "/a/.%2e"].every(hasBadSegment)).toBe(true);
    expect(["/a/b", "/a/...", "/a/.b", "/a/%2eb"].some(hasBadSegment)).toBe(false);
  });
});

it("counts bytes of UTF-8", () => {
  expect([utf8Length("abc"), utf8Length("é"), utf8Length("€"), utf8Length("😀")]).toEqual([3, 2, 3, 4]);
});
