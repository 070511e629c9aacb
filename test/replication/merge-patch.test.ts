/** Merge patches: RFC 7396 for values, and not a byte changed that the patch does not name. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { JSON_DEPTH_MAX } from "../../src/replication/json-text.ts";
import { applyPatch, readPatch } from "../../src/replication/merge-patch.ts";
import { bytesOf, textOf } from "./harness.ts";

const MAX = 1_048_576;

function patched(stored: string | null, patch: string, bytesMax = MAX): string {
  const read = readPatch(bytesOf(patch));
  if (typeof read === "string") return read;
  const merged = applyPatch(read, stored === null ? null : bytesOf(stored), bytesMax);
  return typeof merged === "string" ? merged : textOf(merged);
}

type Json = null | boolean | number | string | Json[] | { [name: string]: Json };

/** The RFC's own algorithm (section 2), on values. */
function mergePatch(target: Json | undefined, patch: Json): Json {
  if (patch === null || typeof patch !== "object" || Array.isArray(patch)) return patch;
  const isObject = target !== null && typeof target === "object" && !Array.isArray(target);
  const result = new Map<string, Json>(isObject ? Object.entries(target) : []);
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) result.delete(name);
    else result.set(name, mergePatch(result.get(name), value));
  }
  return Object.fromEntries(result);
}

describe("the examples of RFC 7396, appendix A", () => {
  test.each([
    [`{"a":"b"}`, `{"a":"c"}`, `{"a":"c"}`],
    [`{"a":"b"}`, `{"b":"c"}`, `{"a":"b","b":"c"}`],
    [`{"a":"b"}`, `{"a":null}`, `{}`],
    [`{"a":"b","b":"c"}`, `{"a":null}`, `{"b":"c"}`],
    [`{"a":["b"]}`, `{"a":"c"}`, `{"a":"c"}`],
    [`{"a":"c"}`, `{"a":["b"]}`, `{"a":["b"]}`],
    [`{"a":{"b":"c"}}`, `{"a":{"b":"d","c":null}}`, `{"a":{"b":"d"}}`],
    [`{"a":[{"b":"c"}]}`, `{"a":[1]}`, `{"a":[1]}`],
    [`["a","b"]`, `["c","d"]`, `["c","d"]`],
    [`{"a":"b"}`, `["c"]`, `["c"]`],
    [`{"a":"foo"}`, `null`, `null`],
    [`{"a":"foo"}`, `"bar"`, `"bar"`],
    [`{"e":null}`, `{"a":1}`, `{"e":null,"a":1}`],
    [`[1,2]`, `{"a":"b","c":null}`, `{"a":"b"}`],
    [`{}`, `{"a":{"bb":{"ccc":null}}}`, `{"a":{"bb":{}}}`],
  ])("%s patched with %s is %s", (stored, patch, result) => {
    expect(patched(stored, patch)).toBe(result);
  });

  test("and the one of section 3, where it keeps the spaces that were there", () => {
    const stored = `{
  "title": "Goodbye!",
  "author": {
    "givenName": "John",
    "familyName": "Doe"
  },
  "tags": [ "example", "sample" ],
  "content": "This will be unchanged"
}`;
    const patch = `{
  "title": "Hello!",
  "phoneNumber": "+01-123-456-7890",
  "author": {
    "familyName": null
  },
  "tags": [ "example" ]
}`;
    expect(patched(stored, patch)).toBe(`{
  "title": "Hello!",
  "author": {
    "givenName": "John"
  },
  "tags": [ "example" ],
  "content": "This will be unchanged","phoneNumber": "+01-123-456-7890"
}`);
  });
});

describe("not a byte is changed that the patch does not name", () => {
  test.each([
    [
      "numbers beyond 2^53",
      `{"n":12345678901234567890.10,"a":1}`,
      `{"a":2}`,
      `{"n":12345678901234567890.10,"a":2}`,
    ],
    ["exponents", `{"n":1E+02,"a":-0.0}`, `{"b":-0.0e-0}`, `{"n":1E+02,"a":-0.0,"b":-0.0e-0}`],
    ["escapes", String.raw`{"\u0061":"\/\ud800","b":1}`, `{"b":2}`, String.raw`{"\u0061":"\/\ud800","b":2}`],
    ["spaces", ` { "a" : 1 ,\t"b"\r\n:2 } \n`, `{"b":3}`, ` { "a" : 1 ,\t"b"\r\n:3 } \n`],
    ["duplicates that it does not name", `{"a":1,"b":2,"a":3}`, `{"b":0}`, `{"a":1,"b":0,"a":3}`],
    ["other members' nulls", `{"a":null,"b":{"c":null}}`, `{"b":{"d":1}}`, `{"a":null,"b":{"c":null,"d":1}}`],
    ["the order", `{"z":1,"a":2,"10":3,"9":4}`, `{"a":5}`, `{"z":1,"a":5,"10":3,"9":4}`],
    [
      "names that objects have anyway",
      `{"__proto__":1,"constructor":2}`,
      `{"toString":3}`,
      `{"__proto__":1,"constructor":2,"toString":3}`,
    ],
  ])("%s", (_what, stored, patch, result) => {
    expect(patched(stored, patch)).toBe(result);
  });

  test("names are compared by what they say, not by how they are written", () => {
    expect(patched(String.raw`{"\u0061b":1}`, `{"ab":2}`)).toBe(String.raw`{"\u0061b":2}`);
    expect(patched(`{"ab":1,"c":2}`, String.raw`{"\u0061\u0062":null}`)).toBe(`{"c":2}`);
    expect(patched(`{"__proto__":1}`, `{"__proto__":null}`)).toBe(`{}`);
    expect(patched(`{}`, `{"__proto__":{"a":null,"b":1}}`)).toBe(`{"__proto__":{"b":1}}`);
    expect(patched(`{"":1}`, `{"":2}`)).toBe(`{"":2}`);
  });

  test("the patch's own text goes in as it is, nulls in arrays included", () => {
    expect(
      patched(`{"a":1}`, String.raw`{ "a" : [ null, {"x":null}, 1.0 ] , "\u0062" :  { "c":  "\u00e9" } }`),
    ).toBe(String.raw`{"a":[ null, {"x":null}, 1.0 ],"\u0062" :  { "c":  "\u00e9" }}`);
    expect(patched(`{"a":1}`, `{"a":{ "x": null, "y": { "z" : null , "w": 1 } , "v":null }}`)).toBe(
      `{"a":{ "y": { "w": 1 }  }}`,
    );
    expect(patched(null, ` {"a": null, "b":2} `)).toBe(`{"b":2}`);
    expect(patched(null, ` 1.50 `)).toBe(`1.50`);
  });

  test("a removed member takes one comma with it", () => {
    const stored = `{ "a":1 , "b":2 , "c":3 , "d":4 }`;
    expect(patched(stored, `{"a":null}`)).toBe(`{ "b":2 , "c":3 , "d":4 }`);
    expect(patched(stored, `{"b":null}`)).toBe(`{ "a":1  , "c":3 , "d":4 }`);
    expect(patched(stored, `{"d":null}`)).toBe(`{ "a":1 , "b":2 , "c":3  }`);
    expect(patched(stored, `{"a":null,"b":null,"d":null}`)).toBe(`{ "c":3  }`);
    expect(patched(stored, `{"a":null,"b":null,"c":null,"d":null}`)).toBe(`{  }`);
    expect(patched(stored, `{"a":null,"b":null,"c":null,"d":null,"e":5}`)).toBe(`{ "e":5 }`);
    expect(patched(stored, `{"b":null,"c":null,"e":5}`)).toBe(`{ "a":1   , "d":4,"e":5 }`);
    expect(patched(`{ }`, `{"a":1}`)).toBe(`{"a":1 }`);
  });

  test("a member that stands twice is patched wherever it stands", () => {
    const stored = `{"a":{"x":1},"b":0,"a":{"y":2},"a":3}`;
    expect(patched(stored, `{"a":null}`)).toBe(`{"b":0}`);
    expect(patched(stored, `{"a":7}`)).toBe(`{"a":7,"b":0,"a":7,"a":7}`);
    expect(patched(stored, `{"a":{"z":null,"w":1}}`)).toBe(
      `{"a":{"x":1,"w":1},"b":0,"a":{"y":2,"w":1},"a":{"w":1}}`,
    );
  });

  test("of a member that stands twice in the patch the last one counts", () => {
    expect(patched(`{"a":1}`, `{"a":null,"a":2}`)).toBe(`{"a":2}`);
    expect(patched(`{"a":1}`, `{"a":2,"a":null}`)).toBe(`{}`);
    expect(patched(`{}`, `{"n":{"a":1, "b":0, "a":2}}`)).toBe(`{"n":{"b":0, "a":2}}`);
    expect(patched(`{}`, `{"n":{"a":1,"a":null}}`)).toBe(`{"n":{}}`);
  });
});

describe("what cannot be merged", () => {
  test.each([
    ["nothing", ""],
    ["a comment", `{"a":1/*b*/}`],
    ["a trailing comma", `{"a":1,}`],
    ["a byte order mark", `\u{feff}{"a":1}`],
    ["a bare word", `{a:1}`],
    ["single quotes", `{'a':1}`],
    ["NaN", `NaN`],
    ["a leading zero", `01`],
    ["a leading plus", `+1`],
    ["an open number", `1.`],
    ["an open exponent", `1e`],
    ["two values", `1 2`],
    ["an open object", `{"a":1`],
    ["an open string", `"a`],
    ["a control character in a string", `"\u0001"`],
    ["a wrong escape", String.raw`"\x"`],
    ["a wrong space", `\u00a01`],
  ])("%s is no JSON", (_what, text) => {
    expect(patched(`{}`, text)).toBe("malformed");
    expect(patched(text, `{}`)).toBe("not-json");
  });

  test("bytes that are no UTF-8 are no JSON", () => {
    expect(readPatch(Uint8Array.of(0x22, 0xff, 0x22))).toBe("malformed");
    const patch = readPatch(bytesOf("{}"));
    if (typeof patch === "string") throw new Error(patch);
    expect(applyPatch(patch, Uint8Array.of(0x22, 0xc0, 0x80, 0x22), MAX)).toBe("not-json");
  });

  test.each([
    ["arrays", (depth: number) => "[".repeat(depth) + "]".repeat(depth)],
    ["objects", (depth: number) => `{"a":`.repeat(depth) + "1" + "}".repeat(depth)],
  ])("%s nested deeper than is merged", (_what, nested) => {
    const most = nested(JSON_DEPTH_MAX);
    expect(patched(`{}`, most)).toBe(most);
    expect(JSON.parse(patched(most, `{"b":1}`))).toHaveProperty("b", 1);
    expect(patched(most, most)).toBe(most);
    const more = nested(JSON_DEPTH_MAX + 1);
    expect(patched(`{}`, more)).toBe("too-deep");
    expect(patched(more, `{}`)).toBe("not-json");
    expect(patched(`{}`, nested(100_000))).toBe("too-deep");
    expect(patched(nested(100_000), `{}`)).toBe("not-json");
    expect(patched(`{}`, "[".repeat(100_000))).toBe("malformed");
  });

  test("brackets in strings are no depth", () => {
    const text = JSON.stringify({ a: `"${"[".repeat(1_000)}\\` });
    expect(patched(text, `{"b":1}`)).toBe(`${text.slice(0, -1)},"b":1}`);
  });

  test("a result is counted in bytes, up to the limit itself", () => {
    expect(patched(`{"a":"é"}`, `{"b":"é"}`, 19)).toBe(`{"a":"é","b":"é"}`);
    expect(patched(`{"a":"é"}`, `{"b":"é"}`, 18)).toBe("too-large");
    expect(patched(null, `{"b":"é"}`, 10)).toBe(`{"b":"é"}`);
    expect(patched(null, `{"b":"é"}`, 9)).toBe("too-large");
    // A patch that is larger than what it leaves.
    expect(patched(`{"a":"long enough"}`, `{"a":null,"bbbbbbbbbbbbbbbbbb":null}`, 2)).toBe(`{}`);
  });

  test("members that stand many times do not multiply the work", () => {
    const payload = `"${"x".repeat(500_000)}"`;
    const often = `{${`"a":1,`.repeat(100_000)}"b":2}`;
    expect(patched(often, `{"a":${payload}}`)).toBe("too-large");
    const objects = `{${`"a":{},`.repeat(100_000)}"b":2}`;
    expect(patched(objects, `{"a":{"c":${payload}}}`)).toBe("too-large");
    // At each level one member that is an object and one that is not, and much in the patch that leaves nothing.
    const depth = JSON_DEPTH_MAX - 1;
    const stored = `{"a":1,"a":`.repeat(depth) + "{}" + "}".repeat(depth);
    const nulls = `{${Array.from({ length: 50_000 }, (_, n) => `"m${n}":null`).join(",")}}`;
    expect(patched(stored, `{"a":`.repeat(depth) + nulls + "}".repeat(depth))).toBe("too-large");
  });
});

describe("against the RFC's algorithm", () => {
  const names = fc.constantFrom("a", "b", "c", "é", "", "__proto__", 'q"\\', "10");
  const { value: values } = fc.letrec<{ value: Json }>((tie) => ({
    value: fc.oneof(
      { maxDepth: 4, withCrossShrink: true },
      fc.constant(null),
      fc.oneof(fc.boolean(), fc.integer(), fc.string({ unit: "binary", maxLength: 3 })),
      fc.array(tie("value"), { maxLength: 3 }),
      fc
        .uniqueArray(fc.tuple(names, tie("value")), { selector: ([name]) => name, maxLength: 5 })
        .map((entries) => Object.fromEntries(entries)),
    ),
  }));
  const indents = fc.constantFrom(undefined, 1, "\t");

  test("the value is the one that the RFC says", () => {
    fc.assert(
      fc.property(values, values, indents, indents, (stored, patch, a, b) => {
        const result = patched(JSON.stringify(stored, null, a), JSON.stringify(patch, null, b));
        expect(JSON.parse(result)).toEqual(mergePatch(stored, patch));
        const fresh = patched(null, JSON.stringify(patch, null, b));
        expect(JSON.parse(fresh)).toEqual(mergePatch(undefined, patch));
      }),
      { numRuns: 1_000 },
    );
  });

  test("what the patch does not name stands in the result as it stood", () => {
    const numbers = fc.constantFrom("1e400", "-0", "12345678901234567890.10", "1.0", "0.10E-5");
    const spaces = fc.constantFrom("", " ", "\n\t", "\r\n");
    const member = fc.record({
      // A name is written as it is, or escaped; both name the same member.
      name: fc.constantFrom(`"k"`, String.raw`"\u006b"`, `"m"`, `"n"`, String.raw`"\u006e"`),
      value: fc.oneof(
        numbers,
        values.map((value) => JSON.stringify(value, null, 1)),
      ),
      before: spaces,
      between: spaces,
      after: spaces,
    });
    const objectOf = (
      list: readonly { name: string; value: string; before: string; between: string; after: string }[],
    ) =>
      `{${list.map(({ name, value, before, between, after }) => before + name + between + ":" + between + value + after).join(",")}}`;
    const plain = fc.oneof(numbers, fc.constantFrom(`"x"`, `[ null ]`, `true`));
    fc.assert(
      fc.property(fc.array(member, { maxLength: 6 }), plain, (list, value) => {
        const named = list.map((each) => (JSON.parse(each.name) === "n" ? { ...each, value } : each));
        const expected = list.some(({ name }) => JSON.parse(name) === "n")
          ? objectOf(named)
          : appended(objectOf(list), list.at(-1)?.after ?? "", `"n": ${value}`, list.length > 0);
        expect(patched(objectOf(list), `{"n": ${value}}`)).toBe(expected);
      }),
      { numRuns: 1_000 },
    );
  });

  /** Before the space at the object's end. */
  function appended(object: string, space: string, member: string, comma: boolean): string {
    const end = object.length - 1 - space.length;
    return object.slice(0, end) + (comma ? "," : "") + member + object.slice(end);
  }
});
