import { afterEach, beforeEach, expect, test } from "vitest";
import { AssertionFailed } from "../../src/lib/assert.ts";
import { Log, CHAIN_START } from "../../src/replication/log.ts";
import { RULES } from "../../src/replication/rules.ts";
import { Node, Story, START } from "./harness.ts";

let node: Node;
beforeEach(() => {
  node = new Node({ region: 1 });
});
afterEach(() => node.close());

/** The log as an instance finds it when it starts. */
function found(o = 0): Log {
  const { storage } = node;
  return new Log(o, storage, {
    base: storage.bases().find((row) => row.o === o),
    epochs: storage.epochs().filter((row) => row.o === o),
    acceptor: storage.acceptors().find((row) => row.o === o),
    sinks: storage.sinks().filter((row) => row.o === o),
  });
}

test("begins empty, and its leader is its origin", () => {
  const log = found(2);
  expect(log).toMatchObject({ last: { e: 0, s: 0 }, applied: 0, commit: 0, hlc: 0, promised: 0, leader: 2 });
  expect(log.chain).toEqual(CHAIN_START);
});

test("is found as it was left", () => {
  const story = new Story(0).open(16).claim("anna", 0).put("anna", "a", "1");
  node.peer(0, story.append(0, 2, { commit: 1 }));
  node.peer(0, story.append(2, 3, { commit: 2 }));
  const log = found();
  expect(log).toMatchObject({ last: { e: 16, s: 3 }, applied: 3, promised: 16, leader: 0 });
  expect(log.chain).toEqual(story.chainAt(3));
  expect([0, 1, 2, 3].map((s) => log.epochAt(s))).toEqual([0, 16, 16, 16]);
  // What a restart knows to be committed is what the last row knew, its own news included.
  expect(log.commit).toBe(2);
});

test("promises are durable before they are given, and the same again writes nothing", () => {
  const log = found();
  log.promise({ promised: 18, maxCounter: 1 });
  expect(found().acceptor).toEqual({ o: 0, promised: 18, maxCounter: 1, leaderE: 0, leaderInc: 0 });
  const { acceptor } = log;
  log.promise({ promised: 18 });
  expect(log.acceptor).toBe(acceptor);
});

test("the commit position never goes back, and never beyond the last entry", () => {
  node.peer(0, new Story(0).open(16).claim("anna", 0).append());
  const log = found();
  expect(log.advanceCommit(2)).toBe(true);
  expect(log.advanceCommit(1)).toBe(false);
  expect(log.commit).toBe(2);
  expect(() => log.advanceCommit(3)).toThrow(AssertionFailed);
});

test("its leader is the one that opened the last epoch heard of", () => {
  node.peer(0, new Story(0).open(16).append());
  expect(found().leader).toBe(0);
  node.peer(2, new Story(0).open(16).open(18).append());
  expect(found().leader).toBe(2);
});

test("judges by the rules it is given", () => {
  node.peer(0, new Story(0).open(16).append());
  expect(found().judge(RULES, 16, 1)).toBe("contained");
  expect(found().judge({ ...RULES, judge: () => "lost" }, 16, 1)).toBe("lost");
});

test("a restart in another region's place is refused", () => {
  expect(() => node.start({ region: 2 })).toThrow(/belongs to region 1/);
});

test("every instance has a number of its own, and the storage one identity", () => {
  const first = node.status();
  node.now = START + 5;
  node.start();
  expect(node.status().incarnation).toBe(first.incarnation + 1);
  expect(node.status().storeId).toBe(first.storeId);
});
