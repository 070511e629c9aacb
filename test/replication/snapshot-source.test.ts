/** Giving a snapshot of a live replica: bases, pins and pages. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { SnapshotBegun, SnapshotRows } from "../../src/replication/message.ts";
import { Node, START, Story } from "./harness.ts";

let node: Node;
let story: Story;
beforeEach(() => {
  node = new Node({ region: 1 });
  story = new Story(0).open(16).claim("anna", 0).put("anna", "a", "1").put("anna", "b", "2");
  node.peer(0, story.append(0, 4, { commit: 3 }));
});
afterEach(() => node.close());

function begin(id = "s"): SnapshotBegun {
  const reply = node.peer(2, { type: "snapshot-begin", id });
  if (reply.type !== "snapshot-begun") throw new Error(reply.type);
  return reply;
}

function chunk(cursor: Uint8Array = new Uint8Array(0), bytesMax = 1_000_000, id = "s"): SnapshotRows {
  const reply = node.peer(2, { type: "snapshot-chunk", id, cursor, bytesMax });
  if (reply.type !== "snapshot-rows") throw new Error(reply.type);
  return reply;
}

const baseOf = (begun: SnapshotBegun, o = 0) => begun.from.find((base) => base.o === o);

describe("bases", () => {
  test("are where each log is both applied and committed, with the chain and clock there", () => {
    const base = baseOf(begin());
    expect(base).toMatchObject({ e: 16, s: 3, chain: story.chainAt(3), epochs: [{ e: 16, start: 1 }] });
    expect(baseOf(begin("t"), 2)).toMatchObject({ e: 0, s: 0 });
    node.peer(
      2,
      new Story(2)
        .open(18)
        .put("ben", "x", "1", { deps: [{ o: 0, e: 16, s: 9 }] })
        .append(0, 2, { commit: 2 }),
    );
    expect(baseOf(begin("u"), 2)).toMatchObject({ e: 18, s: 1 });
  });

  test("are the same when it is begun again, also by another instance", () => {
    const first = begin();
    node.peer(0, story.append(4, 4, { commit: 4 }));
    expect(baseOf(begin())).toEqual(baseOf(first));
    expect(baseOf(begin("t"))).toMatchObject({ s: 4 });
    node.start();
    expect(baseOf(begin())).toEqual(baseOf(first));
  });
});

describe("pages", () => {
  test("hold everything once, and say what the image may show", () => {
    begin();
    const kinds: string[] = [];
    let page = chunk(undefined, 1);
    for (;;) {
      kinds.push(...page.rows.map(({ kind }) => kind));
      expect(page.until).toEqual([{ o: 0, e: 16, s: 4 }]);
      if (page.cursor.length === 0) break;
      page = chunk(page.cursor, 1);
    }
    expect(kinds).toEqual(["owner", "item", "item"]);
  });

  test("say later positions when more was applied meanwhile", () => {
    begin();
    chunk(undefined, 1);
    node.peer(0, story.put("anna", "c", "3").append(4));
    expect(chunk().until).toEqual([{ o: 0, e: 16, s: 5 }]);
  });

  test("are not given for a snapshot that nobody began, or that was given up", () => {
    const ask = (id: string) =>
      node.peer(2, { type: "snapshot-chunk", id, cursor: new Uint8Array(0), bytesMax: 1_000 });
    expect(ask("s")).toEqual({ type: "snapshot-unknown" });
    begin();
    node.now = START + 900_000;
    expect(ask("s")).toEqual({ type: "snapshot-unknown" });
  });
});

describe("pins", () => {
  test("last fifteen minutes, and longer for whoever makes progress", () => {
    begin();
    expect(node.storage.pins()).toMatchObject([{ id: "s", until: START + 900_000 }]);
    node.now = START + 400_000;
    chunk();
    expect(node.storage.pins()).toMatchObject([{ until: START + 900_000 }]);
    node.now = START + 500_000;
    chunk();
    expect(node.storage.pins()).toMatchObject([
      { until: START + 500_000 + 900_000, bases: [{ o: 0, s: 3 }, {}, {}] },
    ]);
  });
});
