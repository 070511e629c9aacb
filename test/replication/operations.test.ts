/** What commands do to items, through a leader: patches, counters and transactions, and every reason to do nothing. */
import { afterEach, describe, expect, test } from "vitest";
import { OpKind, type Entry } from "../../src/replication/entry.ts";
import type { Position } from "../../src/replication/position.ts";
import type {
  ClientReply,
  Command,
  ItemCommand,
  ItemVersion,
  WriteRequest,
} from "../../src/replication/request.ts";
import { entryCodec } from "../../src/wire/entry-codec.ts";
import { bytesOf, Cluster, type ClusterOptions, NO_SESSION, textOf } from "./harness.ts";

let cluster: Cluster;
afterEach(() => cluster.close());

/** Anna is at home in region 0. */
function settled(options: ClusterOptions = {}): void {
  cluster = new Cluster(options);
  cluster.home("anna", 0);
  cluster.run(1_000);
  cluster.wrote(0, "anna", "old", "0", { concern: "all" });
}

function run(command: Command, fields: Partial<WriteRequest> = {}): ClientReply {
  const ask = cluster.write(0, "anna", "", "", { ...fields, command });
  cluster.runUntil(() => ask.reply !== null);
  return ask.reply!;
}

function transact(
  writes: readonly ItemCommand[],
  checks: readonly ItemVersion[] = [],
  fields: Partial<WriteRequest> = {},
): ClientReply {
  return run({ kind: "transaction", checks, writes }, fields);
}

const JSON_TYPE = "application/json";
const put = (key: string, value: string, contentType = JSON_TYPE, more: { expiresInS?: number } = {}) =>
  ({ kind: "put", key, value: bytesOf(value), contentType, ...more }) as const;
const remove = (key: string) => ({ kind: "delete", key }) as const;
const merge = (key: string, patch: string) => ({ kind: "merge", key, patch: bytesOf(patch) }) as const;
const add = (key: string, by: string) => ({ kind: "add", key, by }) as const;
const absent = (key: string) => ({ key, version: null });

function positionIn(reply: ClientReply): Position {
  if (reply.kind !== "written") throw new Error(`not written: ${JSON.stringify(reply)}`);
  return reply.receipt.position;
}

function valuesIn(reply: ClientReply): (string | undefined)[] {
  if (reply.kind !== "written" || reply.results === undefined) throw new Error(JSON.stringify(reply));
  return reply.results.map(({ value }) => (value === undefined ? undefined : textOf(value)));
}

function entryOf(reply: ClientReply, region = 0): Entry {
  const { o, s } = positionIn(reply);
  return entryCodec.decode(cluster.node(region).storage.entry(o, s)!.bytes);
}

const stored = (key: string, region = 0) => cluster.node(region).storage.item("anna", key, true);
const text = (key: string, region = 0) => {
  const item = stored(key, region);
  return item === null || item.tombstone ? null : textOf(item.value);
};
const head = () => cluster.log(0, 0).head;

describe("merge", () => {
  test("changes what the patch names, and keeps the content type and the expiry", () => {
    settled();
    run(put("a", `{"n":12345678901234567890.10, "x":1}`, "application/vnd.x+json; v=1", { expiresInS: 60 }));
    const before = stored("a")!;
    const reply = run(merge("a", `{"x":null,"y":2}`));
    expect(reply).toMatchObject({ status: 200 });
    expect(reply).not.toHaveProperty("results");
    expect(text("a")).toBe(`{"n":12345678901234567890.10,"y":2}`);
    expect(stored("a")).toMatchObject({ contentType: before.contentType, expiresAt: before.expiresAt });
    expect(stored("a")).toMatchObject(positionIn(reply));
  });

  test("is logged with the patch and what came out of it", () => {
    settled();
    run(put("a", `{"x":1}`));
    const { ops, status } = entryOf(run(merge("a", `{"y":null, "x": 2}`)));
    expect(status).toBe(200);
    expect(ops).toMatchObject([{ kind: OpKind.merge, key: "a", after: { contentType: JSON_TYPE } }]);
    expect(textOf(ops[0]!.command)).toBe(`{"y":null, "x": 2}`);
    expect(textOf(ops[0]!.after!.value)).toBe(`{"x":2}`);
  });

  test("an older application does not destroy what a newer one wrote", () => {
    settled();
    // The newer version of an application keeps more of a person than the older one knows, and larger numbers than it has.
    run(put("me", `{"name":"Anna","id":9007199254740993,"prefs":{"theme":"dark","beta":[1.0]}}`));
    run(merge("me", `{"name":"Anne","prefs":{"theme":"light"}}`));
    expect(text("me")).toBe(`{"name":"Anne","id":9007199254740993,"prefs":{"theme":"light","beta":[1.0]}}`);
  });

  test.each([
    ["is no JSON by its type", put("a", "{}", "text/plain")],
    ["is no JSON by its bytes", put("a", "{", JSON_TYPE)],
    ["is nothing", put("a", "", JSON_TYPE)],
    ["is too deep", put("a", "[".repeat(513) + "]".repeat(513), JSON_TYPE)],
  ])("of what %s is refused", (_what, item) => {
    settled();
    const version = positionIn(run(item));
    const refused = { kind: "refused", reason: "not-json", key: "a", facts: { shown: [version] } };
    expect(run(merge("a", "{}"))).toMatchObject(refused);
    expect(transact([merge("a", "{}")])).toMatchObject(refused);
    expect(head()).toBe(version.s);
  });

  test("of no item is not found; conditions come before", () => {
    settled();
    expect(run(merge("a", "{}"))).toMatchObject({ reason: "not-found" });
    expect(run(merge("a", "{}"), { conditions: { ifMatch: "any" } })).toMatchObject({
      reason: "precondition-failed",
      current: null,
    });
    const version = positionIn(run(put("a", "{", "text/plain")));
    expect(run(merge("a", "{}"), { conditions: { ifNoneMatch: "any" } })).toMatchObject({
      reason: "precondition-failed",
      current: version,
    });
    run(put("a", "{}"));
    const its = { ifMatch: [positionIn(run(put("a", "{}")))] };
    expect(run(merge("a", `{"b":1}`), { conditions: its })).toMatchObject({ kind: "written" });
    expect(run(merge("a", `{"b":1}`), { conditions: its })).toMatchObject({ reason: "precondition-failed" });
  });

  test("may leave as much as a value may be, and not a byte more", () => {
    settled({ limits: { valueBytesMax: 20 } });
    run(put("a", `{"a":1}`));
    expect(run(merge("a", `{"b":"xxxxxx"}`))).toMatchObject({ kind: "written" });
    expect(stored("a")!.size).toBe(20);
    expect(run(merge("a", `{"b":"xxxxxxx"}`))).toMatchObject({ reason: "too-large", what: "value" });
    expect(run(put("a", "x".repeat(20)))).toMatchObject({ kind: "written" });
    expect(run(put("a", "x".repeat(21)))).toMatchObject({ reason: "too-large", what: "value" });
  });

  test("a patch that does not fit into a row beside its result is not kept", () => {
    settled();
    const large = (bytes: number) => `{"a":"${"x".repeat(bytes - 8)}"}`;
    run(put("a", "{}"));
    const kept = entryOf(run(merge("a", large(900_000))));
    expect(kept.ops[0]!.command).toHaveLength(900_000);
    const reply = run(merge("a", large(1_048_576)), { concern: "all" });
    const { ops } = entryOf(reply, 2);
    expect(ops[0]).toMatchObject({ kind: OpKind.merge, key: "a" });
    expect(ops[0]).not.toHaveProperty("command");
    expect(cluster.node(0).storage.entry(0, positionIn(reply).s)!.bytes.length).toBeLessThan(1_900_000);
    expect(stored("a", 2)!.size).toBe(1_048_576);
  });

  test("what the value came from stays known: positions of other partitions are carried on", () => {
    settled();
    const others = (s: number) => ({ ...NO_SESSION, others: [{ p: 3, o: 1, e: 17, s }] });
    run(put("a", `{"x":1}`), { session: others(9) });
    expect(entryOf(run(merge("a", `{"y":2}`))).xdeps).toEqual([{ p: 3, o: 1, e: 17, s: 9 }]);
    expect(entryOf(run(merge("a", `{"y":3}`), { session: others(8) })).xdeps).toEqual([
      { p: 3, o: 1, e: 17, s: 9 },
    ]);
    expect(entryOf(run(merge("a", `{"y":4}`), { session: others(10) })).xdeps).toEqual([
      { p: 3, o: 1, e: 17, s: 10 },
    ]);
    const told = transact([merge("a", `{"y":5}`)]);
    expect(told).toMatchObject({ facts: { shownOthers: [{ p: 3, o: 1, e: 17, s: 10 }] } });
    // What replaces it owes it nothing.
    expect(entryOf(run(put("a", `{"x":1}`))).xdeps).toEqual([]);
  });
});

describe("add", () => {
  test("counts from 0, in 64 bits, and keeps decimal digits as text", () => {
    settled();
    expect(valuesIn(transact([add("c", "5")]))).toEqual(["5"]);
    expect(valuesIn(transact([add("c", "-7")]))).toEqual(["-2"]);
    expect(valuesIn(transact([add("c", "0")]))).toEqual(["-2"]);
    expect(valuesIn(transact([add("c", "9223372036854775807")]))).toEqual(["9223372036854775805"]);
    expect(stored("c")).toMatchObject({ contentType: "text/plain", expiresAt: 0 });
    expect(text("c")).toBe("9223372036854775805");
    const { ops } = entryOf(transact([add("c", "-1")]));
    expect(ops).toMatchObject([{ kind: OpKind.add, key: "c" }]);
    expect([textOf(ops[0]!.command), textOf(ops[0]!.after!.value)]).toEqual(["-1", "9223372036854775804"]);
  });

  test("at the edges of 64 bits", () => {
    settled();
    expect(valuesIn(transact([add("c", "9223372036854775807")]))).toEqual(["9223372036854775807"]);
    const before = head();
    expect(transact([add("c", "1")])).toMatchObject({ reason: "counter-overflow", key: "c" });
    expect(valuesIn(transact([add("d", "-9223372036854775808")]))).toEqual(["-9223372036854775808"]);
    expect(transact([put("x", "1"), add("d", "-1")])).toMatchObject({ reason: "counter-overflow", key: "d" });
    expect([text("c"), text("d"), text("x")]).toEqual(["9223372036854775807", "-9223372036854775808", null]);
    expect(head()).toBe(before + 1);
  });

  test("to a number that somebody put there as text", () => {
    settled();
    run(put("c", "41", "Text/Plain; charset=utf-8"));
    expect(valuesIn(transact([add("c", "1")]))).toEqual(["42"]);
    expect(stored("c")).toMatchObject({ contentType: "text/plain" });
  });

  test.each([
    ["JSON", put("c", "41", JSON_TYPE)],
    ["a word", put("c", "many", "text/plain")],
    ["nothing", put("c", "", "text/plain")],
    ["a fraction", put("c", "1.0", "text/plain")],
    ["a number with a zero before it", put("c", "041", "text/plain")],
    ["minus zero", put("c", "-0", "text/plain")],
    ["a number with space after it", put("c", "41\n", "text/plain")],
    ["a number of 65 bits", put("c", "9223372036854775808", "text/plain")],
    ["much", put("c", "1".repeat(1_000), "text/plain")],
  ])("to what is %s is refused", (_what, item) => {
    settled();
    const version = positionIn(run(item));
    expect(transact([put("x", "1"), add("c", "1")])).toMatchObject({
      kind: "refused",
      reason: "not-a-counter",
      key: "c",
      facts: { shown: [version] },
    });
    expect([head(), text("x")]).toEqual([version.s, null]);
  });
});

describe("a transaction", () => {
  test("is one entry, in the order of its writes, applied whole everywhere", () => {
    settled();
    run(put("gone", "1"));
    run(put("j", `{"a":1}`));
    const before = head();
    const reply = transact(
      [
        put("a", `{"a" : 1.50}`),
        remove("gone"),
        merge("j", `{"b":2}`),
        add("c", "3"),
        put("t", "x", "text/x", { expiresInS: 60 }),
      ],
      [absent("a"), { key: "old", version: { o: 0, e: 16, s: stored("old")!.s } }],
      { concern: "all" },
    );
    expect(reply).toMatchObject({ kind: "written", status: 200 });
    expect(positionIn(reply).s).toBe(before + 1);
    expect(reply).not.toHaveProperty("receipt.key");
    expect(entryOf(reply).ops.map(({ kind, key }) => [kind, key])).toEqual([
      [OpKind.put, "a"],
      [OpKind.delete, "gone"],
      [OpKind.merge, "j"],
      [OpKind.add, "c"],
      [OpKind.put, "t"],
    ]);
    if (reply.kind !== "written") throw new Error("not written");
    expect(reply.results!.map(({ version }) => version)).toEqual(Array(5).fill(positionIn(reply)));
    expect(valuesIn(reply)).toEqual([undefined, undefined, `{"a":1,"b":2}`, "3", undefined]);
    for (const region of [0, 1, 2]) {
      expect(["a", "gone", "j", "c", "t"].map((key) => text(key, region))).toEqual([
        `{"a" : 1.50}`,
        null,
        `{"a":1,"b":2}`,
        "3",
        "x",
      ]);
      expect(["a", "gone", "j", "c", "t"].map((key) => stored(key, region)!.s)).toEqual(
        Array(5).fill(before + 1),
      );
    }
    expect(stored("t")!.expiresAt).toBe(entryOf(reply).ops[4]!.after!.expiresAt);
    expect(entryOf(reply).ops[4]!.after!.expiresAt).toBeGreaterThan(cluster.now);
  });

  test("that nothing came of beside versions answers without results of its own", () => {
    settled();
    expect(transact([put("a", "1"), remove("b")])).not.toHaveProperty("results");
  });

  test("fails whole when one check does, and says how every failed key stands", () => {
    settled();
    const a = positionIn(run(put("a", "1")));
    run(put("b", "1"));
    const b = positionIn(run(put("b", "2")));
    run(put("d", "1"));
    const d = positionIn(run(remove("d")));
    const reply = transact(
      [put("x", "1"), add("c", "1")],
      [
        { key: "a", version: a },
        absent("b"),
        { key: "n", version: a },
        { key: "d", version: d },
        absent("d"),
        absent("x"),
      ],
    );
    expect(reply).toMatchObject({
      kind: "refused",
      reason: "check-failed",
      failed: [
        { key: "b", version: b },
        { key: "n", version: null },
        { key: "d", version: null },
      ],
    });
    expect([text("x"), text("c"), head()]).toEqual([null, null, d.s]);
    // The token covers what was judged, the deletion included.
    if (reply.kind !== "refused" || !("facts" in reply)) throw new Error("no facts");
    expect(Math.max(...reply.facts.shown.map(({ s }) => s))).toBe(d.s);
  });

  test("the checks come before the writes: what they would refuse is not looked at", () => {
    settled();
    run(put("a", "word", "text/plain"));
    expect(transact([add("a", "1")], [absent("a")])).toMatchObject({ reason: "check-failed" });
  });

  test("of checks alone is an entry that changes nothing", () => {
    settled();
    const before = head();
    const reply = transact([], [absent("a")], { concern: "majority" });
    expect(reply).toMatchObject({ kind: "written", status: 200, receipt: { position: { s: before + 1 } } });
    expect(entryOf(reply).ops).toEqual([]);
    expect(transact([], [{ key: "a", version: { o: 0, e: 16, s: 1 } }])).toMatchObject({
      reason: "check-failed",
    });
    cluster.run(1_000);
    expect(cluster.log(2, 0)).toMatchObject({ head: before + 1, applied: before + 1 });
  });

  test("deleting what is not there leaves a tombstone; merging into it makes it", () => {
    settled();
    const reply = transact(
      [remove("n"), merge("m", ` {"a":null, "b":{"c":null}} `)],
      [absent("n"), absent("m")],
    );
    expect(stored("n")).toMatchObject({ tombstone: true, s: positionIn(reply).s });
    expect(valuesIn(reply)).toEqual([undefined, `{"b":{}}`]);
    expect(stored("m")).toMatchObject({ contentType: JSON_TYPE, tombstone: false });
  });

  test("what has expired is absent to it, by its own time; merging and adding keep what is left of the time", () => {
    settled();
    transact([
      put("j", `{"a":1}`, JSON_TYPE, { expiresInS: 1 }),
      put("c", "5", "text/plain", { expiresInS: 1 }),
    ]);
    const expiresAt = stored("j")!.expiresAt;
    cluster.run(500);
    expect(valuesIn(transact([merge("j", `{"b":2}`), add("c", "1")]))).toEqual([`{"a":1,"b":2}`, "6"]);
    expect([stored("j")!.expiresAt, stored("c")!.expiresAt]).toEqual([expiresAt, expiresAt]);
    const version = positionIn(transact([merge("j", `{"b":3}`)]));
    cluster.run(600);
    const failed = transact([], [{ key: "j", version }]);
    expect(failed).toMatchObject({
      reason: "check-failed",
      failed: [absent("j")],
      facts: { seenAt: expiresAt },
    });
    expect(valuesIn(transact([merge("j", `{"b":2}`), add("c", "1")], [absent("j"), absent("c")]))).toEqual([
      `{"b":2}`,
      "1",
    ]);
    expect([stored("j")!.expiresAt, stored("c")!.expiresAt]).toEqual([0, 0]);
  });

  test("leaves as much altogether as one value may be, and not a byte more", () => {
    settled({ limits: { valueBytesMax: 30, replacedBytesMax: 1_000 } });
    const half = "x".repeat(15);
    expect(transact([put("a", half), put("b", half)])).toMatchObject({ kind: "written" });
    expect(transact([put("a", half), put("b", `${half}x`)])).toMatchObject({
      reason: "too-large",
      what: "values",
    });
    expect(transact([put("a", "x".repeat(31))])).toMatchObject({ reason: "too-large", what: "values" });
    run(put("j", `{"a":1}`));
    expect(transact([put("a", half), merge("j", `{"b":123}`)])).toMatchObject({ kind: "written" });
    expect(stored("j")!.size).toBe(15);
    expect(transact([put("a", half), merge("j", `{"b":1234}`)])).toMatchObject({ what: "values" });
    expect(transact([put("a", half), put("b", "x".repeat(14)), add("c", "1")])).toMatchObject({
      kind: "written",
    });
    expect(transact([put("a", half), put("b", "x".repeat(14)), add("c", "9")])).toMatchObject({
      what: "values",
    });
    expect(transact([remove("a"), remove("b"), put("c", "x".repeat(30))])).toMatchObject({ kind: "written" });
  });

  test("replaces no more than every replica can keep until the entry is committed", () => {
    settled({ limits: { replacedBytesMax: 30 } });
    for (const [key, bytes] of [
      ["a", 10],
      ["b", 20],
      ["c", 1],
    ] as const)
      run(put(key, "x".repeat(bytes)));
    expect(transact([remove("a"), remove("b"), put("c", "1")])).toMatchObject({
      reason: "too-large",
      what: "replaced",
    });
    expect(transact([remove("a"), put("b", "1")])).toMatchObject({ kind: "written" });
  });

  test("takes 100 writes of 1 MiB together, and undoes none of it", () => {
    settled();
    const writes = Array.from({ length: 100 }, (_, n) => put(`k${n}`, "x".repeat(10_485)));
    expect(transact(writes, [], { concern: "all" })).toMatchObject({ kind: "written" });
    expect(stored("k99", 2)!.size).toBe(10_485);
  });

  test("that names a key twice, or holds a patch that is none, is nobody's", () => {
    settled();
    const invalid = { kind: "refused", reason: "invalid-command" };
    expect(transact([put("a", "1"), remove("a")])).toEqual(invalid);
    expect(transact([merge("a", "{")])).toEqual(invalid);
    expect(transact([add("a", "1.5")])).toEqual(invalid);
    const newer = { kind: "rotate", key: "a" } as unknown as ItemCommand;
    expect(run(newer)).toEqual({ kind: "refused", reason: "not-ready" });
    expect(transact([newer])).toEqual({ kind: "refused", reason: "not-ready" });
  });

  test("a refusal is a read: for a majority it waits until what it judged is committed", () => {
    settled();
    cluster.hold = (parcel) => parcel.kind === "request" && parcel.message.type === "append";
    cluster.wrote(0, "anna", "a", "1");
    const command = { kind: "transaction", checks: [absent("a")], writes: [remove("x")] } as const;
    const local = cluster.write(0, "anna", "", "", { command });
    const majority = cluster.write(0, "anna", "", "", { command, concern: "majority" });
    cluster.run(100);
    expect([local.reply?.kind, majority.reply]).toEqual(["refused", null]);
    cluster.hold = () => false;
    cluster.release();
    cluster.run(100);
    expect(majority.reply).toMatchObject({ reason: "check-failed" });
  });

  test("a refusal is not given by a leader that may have been replaced", () => {
    settled();
    cluster.run(10_000);
    cluster.isolate(0);
    const command = { kind: "transaction", checks: [absent("old")], writes: [] } as const;
    const refusal = cluster.write(0, "anna", "", "", { command });
    cluster.run(5_001);
    expect(refusal.reply).toEqual({ kind: "refused", reason: "no-leader" });
  });
});

describe("again under the same idempotency key", () => {
  const keyed = { idempotency: { key: "k", fingerprint: bytesOf("same"), by: "client" } } as const;

  test("the same receipt and the same results, and it is done once", () => {
    settled();
    run(put("j", `{"a":1}`));
    const first = transact([add("c", "1"), merge("j", `{"b":2}`)], [absent("c")], keyed);
    transact([add("c", "10"), merge("j", `{"b":3}`)]);
    const again = transact([add("c", "1"), merge("j", `{"b":2}`)], [absent("c")], keyed);
    expect(again).toMatchObject({ replayed: true, status: 200 });
    expect(positionIn(again)).toEqual(positionIn(first));
    expect(valuesIn(again)).toEqual(["1", `{"a":1,"b":2}`]);
    expect(text("c")).toBe("11");
  });

  test("after a restart too; of what the log no longer holds, the versions alone", () => {
    settled({ timing: { retainMs: 1_000 }, limits: { compactEveryEntries: 1 } });
    const first = transact([add("c", "1")], [], { ...keyed, concern: "all" });
    cluster.restart(0);
    expect(valuesIn(transact([add("c", "1")], [], keyed))).toEqual(["1"]);
    cluster.run(2_000);
    for (let n = 0; n < 5; n++) cluster.wrote(0, "anna", "x", String(n), { concern: "all" });
    cluster.run(2_000);
    cluster.wrote(0, "anna", "x", "last", { concern: "all" });
    expect(cluster.node(0).storage.entry(0, positionIn(first).s)).toBeNull();
    const again = transact([add("c", "1")], [], keyed);
    expect(again).toMatchObject({ kind: "written", replayed: true });
    expect(again).not.toHaveProperty("results");
    expect(text("c")).toBe("1");
  });
});

test("commands wait with their bytes counted, and are let go once they are logged", () => {
  settled({ limits: { pendingBytesMax: 1_000 } });
  cluster.home("cora", 2);
  cluster.run(1_000);
  cluster.isolate(0);
  cluster.isolate(2);
  const large = "x".repeat(600);
  const overloaded = { kind: "refused", reason: "overloaded" };
  const commands = ["a", "b", "c"].flatMap((key): Command[] => [
    merge(key, `"${large}"`),
    { kind: "transaction", checks: [absent("k".repeat(500))], writes: [put(key, large.slice(0, 100))] },
  ]);
  const logged = commands.map((command) =>
    cluster.write(0, "anna", "", "", {
      command: command.kind === "merge" ? { kind: "transaction", checks: [], writes: [command] } : command,
      concern: "majority",
    }),
  );
  expect(logged.map(({ reply }) => reply)).toEqual(commands.map(() => null));
  // Region 2 has led nothing yet, and cannot without the others.
  const waiting = commands.map((command) => cluster.write(2, "cora", "", "", { command }));
  expect(waiting.map(({ reply }) => reply)).toMatchObject([
    null,
    null,
    ...Array.from({ length: 4 }, () => overloaded),
  ]);
});
