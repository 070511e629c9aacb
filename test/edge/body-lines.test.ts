import { describe, expect, it } from "vitest";
import { BodyLines } from "../../src/edge/body-lines.ts";

function streamOf(parts: readonly string[]): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  let at = 0;
  return new ReadableStream<Uint8Array>({
    pull(controller) {
      const part = parts[at++];
      if (part === undefined) controller.close();
      else controller.enqueue(encoder.encode(part));
    },
  });
}

async function linesOf(parts: readonly string[], bytesMax = 10): Promise<[number, string | null][]> {
  const body = new BodyLines(streamOf(parts), bytesMax);
  const found: [number, string | null][] = [];
  for (let lines = await body.read(); lines !== null; lines = await body.read()) {
    for (const { number, bytes } of lines)
      found.push([number, bytes === null ? null : new TextDecoder().decode(bytes)]);
  }
  return found;
}

describe("the lines of a body", () => {
  it("are the same however the body is cut", async () => {
    const whole = "one\n\ntwo\nthree é\nlast";
    const expected = [
      [1, "one"],
      [2, ""],
      [3, "two"],
      [4, "three é"],
      [5, "last"],
    ];
    expect(await linesOf([whole])).toEqual(expected);
    for (let cut = 1; cut < whole.length; cut++)
      expect(await linesOf([whole.slice(0, cut), whole.slice(cut)])).toEqual(expected);
    expect(await linesOf(whole.split(""))).toEqual(expected);
  });

  it("may end with a line end, or be none", async () => {
    expect(await linesOf(["a\n"])).toEqual([[1, "a"]]);
    expect(await linesOf(["\n"])).toEqual([[1, ""]]);
    expect(await linesOf([])).toEqual([]);
  });

  it("are told of and not kept when they are too long, also the last one", async () => {
    expect(await linesOf(["0123456789\n01234567890\nab"])).toEqual([
      [1, "0123456789"],
      [2, null],
      [3, "ab"],
    ]);
    expect(await linesOf(["01234", "567", "890123\nab\n", "0123456789a"])).toEqual([
      [1, null],
      [2, "ab"],
      [3, null],
    ]);
  });
});
