import { describe, expect, it } from "vitest";
import { changeText } from "../../src/api/change-text.ts";
import type { Change } from "../../src/replication/change.ts";

const options = { regionId: (region: number) => ["weur", "enam"][region] ?? "?", values: true };
const bytes = (text: string) => new TextEncoder().encode(text);

function change(more: Partial<Change> = {}): Change {
  return { position: { o: 1, e: 17, s: 9 }, user: "alice", key: 'a"b', op: "delete", at: 1_800, ...more };
}

describe("a change as text", () => {
  it("names its place, its key and its time", () => {
    expect(changeText(change(), options)).toBe(
      '{"position":"enam.17.9","key":"a\\"b","op":"delete","version":"enam.17.9","at":1800}',
    );
  });

  it("holds a stored JSON value as it is", () => {
    const value = bytes(' {"n": 12345678901234567890, "n": 1.0} ');
    const after = { contentType: "application/json", value, expiresAt: 0 };
    expect(changeText(change({ op: "put", after }), options)).toMatch(
      /,"contentType":"application\/json","value": \{"n": 12345678901234567890, "n": 1.0\} \}$/,
    );
  });

  it("holds any other bytes as base64, and says when they expire", () => {
    const after = { contentType: "image/png", value: new Uint8Array([255, 0]), expiresAt: 99 };
    expect(JSON.parse(changeText(change({ op: "put", after }), options))).toMatchObject({
      contentType: "image/png",
      expiresAt: 99,
      valueBase64: "/wA=",
    });
  });

  it("leaves values out where nobody asked for them", () => {
    const after = { contentType: "text/plain", value: bytes("x"), expiresAt: 0 };
    const text = changeText(change({ op: "put", after }), { ...options, values: false });
    expect(Object.keys(JSON.parse(text) as object)).toEqual([
      "position",
      "key",
      "op",
      "version",
      "at",
      "contentType",
    ]);
  });
});
