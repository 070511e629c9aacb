import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { wallOf } from "../../src/replication/hlc.ts";
import { MARKS_MAX } from "../../src/replication/import.ts";
import type { Command, ImportItem, WriteRequest } from "../../src/replication/request.ts";
import { bytesOf, Cluster, textOf, type Ask, type ClusterOptions } from "./harness.ts";

let cluster: Cluster;
beforeEach(() => begin());
afterEach(() => cluster.close());

function begin(options: ClusterOptions = {}): void {
  cluster = new Cluster(options);
  cluster.home("anna", 0);
}

function line(key: string, value: string, more: Partial<ImportItem> = {}): ImportItem {
  return {
    key,
    version: "elsewhere.16.1",
    contentType: "text/plain",
    value: bytesOf(value),
    expiresAt: 0,
    ...more,
  };
}

function ask(items: readonly ImportItem[], fields: Partial<WriteRequest> = {}): Ask {
  return cluster.write(0, "anna", "", "", { command: { kind: "import", items }, ...fields });
}

function imported(items: readonly ImportItem[], fields: Partial<WriteRequest> = {}) {
  const asked = ask(items, fields);
  cluster.runUntil(() => asked.reply !== null);
  if (asked.reply?.kind !== "imported") throw new Error(`not imported: ${JSON.stringify(asked.reply)}`);
  return asked.reply;
}

const write = (command: Command) => cluster.wrote(0, "anna", "", "", { command });
const head = () => cluster.log(0, 0).head;
const valueAt = (region: number, key: string) =>
  textOf(cluster.node(region).storage.item("anna", key, true)?.value);

describe("an import", () => {
  test("is one entry for all of its items, at every replica", () => {
    const before = head();
    const { results, receipt } = imported([line("a", "1"), line("b", "2", { contentType: "x/y" })]);
    expect(results).toEqual(["imported", "imported"]);
    expect(receipt).toMatchObject({ position: { o: 0, s: before + 1 }, concern: "local" });
    expect(receipt).not.toHaveProperty("key");
    cluster.run(2_000);
    for (const region of [0, 1, 2]) {
      expect(valueAt(region, "a")).toBe("1");
      expect(cluster.node(region).storage.item("anna", "b", false)).toMatchObject({ contentType: "x/y" });
    }
    expect(cluster.node(1).state()).toEqual(cluster.node(0).state());
  });

  test("of an older export, again, undoes neither a newer import nor what was written or deleted since", () => {
    const monday = [line("x", "monday", { version: "elsewhere.16.1" })];
    const tuesday = [line("x", "tuesday", { version: "elsewhere.16.2" })];
    expect(imported(monday).results).toEqual(["imported"]);
    expect(imported(tuesday).results).toEqual(["imported"]);
    expect(imported(monday).results).toEqual(["unchanged"]);
    expect(valueAt(0, "x")).toBe("tuesday");
    write({ kind: "put", key: "x", value: bytesOf("own"), contentType: "text/plain" });
    expect(imported(monday).results).toEqual(["unchanged"]);
    expect(imported(tuesday).results).toEqual(["unchanged"]);
    expect(valueAt(0, "x")).toBe("own");
    write({ kind: "delete", key: "x" });
    expect(imported(monday).results).toEqual(["unchanged"]);
    expect(cluster.node(0).storage.item("anna", "x", false)?.tombstone).toBe(true);
  });

  test("is remembered by an item for its last imports", () => {
    const lines = Array.from({ length: MARKS_MAX + 1 }, (_, n) =>
      line("x", `value ${n}`, { version: `elsewhere.16.${n + 1}` }),
    );
    for (const each of lines) expect(imported([each]).results).toEqual(["imported"]);
    for (const each of lines.slice(1)) expect(imported([each]).results).toEqual(["unchanged"]);
    expect(imported(lines.slice(0, 1)).results).toEqual(["imported"]);
  });

  test("again logs nothing, and undoes nothing of what was done since", () => {
    const lines = ["put", "merge", "add", "delete", "back", "kept"].map((key) =>
      line(key, '{"a":1}', { contentType: "application/json" }),
    );
    const counter = line("add", "5", { contentType: "text/plain" });
    const all = lines.map((each) => (each.key === "add" ? counter : each));
    imported(all);
    write({ kind: "put", key: "put", value: bytesOf("mine"), contentType: "text/plain" });
    write({ kind: "merge", key: "merge", patch: bytesOf('{"b":2}') });
    write({ kind: "add", key: "add", by: "2" });
    write({ kind: "delete", key: "delete" });
    write({ kind: "delete", key: "back" });
    write({ kind: "put", key: "back", value: bytesOf("again"), contentType: "text/plain" });
    const before = head();
    expect(imported(all)).toMatchObject({ results: all.map(() => "unchanged") });
    expect(imported(all)).not.toHaveProperty("receipt");
    expect(head()).toBe(before);
    cluster.run(2_000);
    for (const region of [0, 1, 2]) {
      expect(valueAt(region, "put")).toBe("mine");
      expect(valueAt(region, "add")).toBe("7");
      expect(valueAt(region, "back")).toBe("again");
      expect(cluster.node(region).storage.item("anna", "delete", false)?.tombstone).toBe(true);
    }
    const changed = all.map((each) => ({ ...each, version: "elsewhere.16.2" }));
    expect(imported(changed)).toMatchObject({ results: all.map(() => "imported") });
    expect(valueAt(0, "put")).toBe('{"a":1}');
  });

  test.each(["version", "contentType", "value", "expiresAt"] as const)("knows a line by its %s", (field) => {
    const first = line("k", "v", { expiresAt: cluster.now + 1e9 });
    const other = { version: "x", contentType: "x", value: bytesOf("x"), expiresAt: 0 };
    imported([first]);
    expect(imported([first]).results).toEqual(["unchanged"]);
    expect(imported([{ ...first, [field]: other[field] }]).results).toEqual(["imported"]);
  });

  test("of what stands there under the very version changes nothing, of anything else it does", () => {
    const { receipt } = cluster.wrote(0, "anna", "k", "v");
    const stands = receipt.version;
    const same = line("k", "v", { stands });
    expect(imported([same]).results).toEqual(["unchanged"]);
    expect(imported([line("k", "w", { stands })]).results).toEqual(["imported"]);
    expect(imported([same]).results).toEqual(["imported"]);
  });

  test("leaves out what has expired by the leader's clock", () => {
    const at = cluster.now;
    const lines = [line("past", "1", { expiresAt: at - 1 }), line("future", "1", { expiresAt: at + 60_000 })];
    expect(imported(lines).results).toEqual(["expired", "imported"]);
    expect(cluster.node(0).storage.item("anna", "past", false)).toBeNull();
    cluster.run(70_000);
    // Known still, although it is over.
    expect(imported(lines).results).toEqual(["expired", "unchanged"]);
  });

  test("sent again under the same key is told what the first attempt came to", () => {
    cluster.wrote(0, "anna", "known", "v");
    imported([line("known", "v")]);
    const items = [
      line("known", "v"),
      line("over", "v", { expiresAt: cluster.now - 1 }),
      line("new", "v"),
      line("known2", "x"),
    ];
    imported([line("known2", "x")]);
    const idempotency = { key: "edge-1", fingerprint: new Uint8Array(0), by: "edge" } as const;
    const first = imported(items, { idempotency });
    expect(first.results).toEqual(["unchanged", "expired", "imported", "unchanged"]);
    const before = head();
    const again = imported(items, { idempotency });
    expect(head()).toBe(before);
    expect(again.receipt?.position).toEqual(first.receipt?.position);
    expect(again.results).toEqual(["unchanged", "expired", "imported"]);
  });

  test("waits for its concern, also where it has nothing to write", () => {
    cluster.isolate(0);
    const items = [line("a", "1")];
    const first = ask(items, { concern: "majority" });
    cluster.run(200);
    const again = ask(items, { concern: "majority" });
    cluster.run(200);
    expect([first.reply, again.reply]).toEqual([null, null]);
    cluster.heal();
    cluster.runUntil(() => first.reply !== null && again.reply !== null);
    expect(first.reply).toMatchObject({
      kind: "imported",
      results: ["imported"],
      receipt: { committed: true },
    });
    expect(again.reply).toMatchObject({ kind: "imported", results: ["unchanged"] });
  });

  test("looks at fewer where they are or replace too much", () => {
    cluster.close();
    begin({ limits: { valueBytesMax: 100, replacedBytesMax: 150 } });
    const big = (key: string, length: number) => line(key, "x".repeat(length));
    expect(imported([big("a", 60), big("b", 40), big("c", 1)]).results).toEqual(["imported", "imported"]);
    expect(imported([big("c", 100)]).results).toEqual(["imported"]);
    // 60, 100 and 40 bytes are replaced.
    expect(imported([line("a", "1"), line("c", "1"), line("b", "1")]).results).toEqual(["imported"]);
    const tooBig = ask([big("d", 101)]);
    expect(tooBig.reply).toEqual({ kind: "refused", reason: "invalid-command" });
    expect(ask([line("k", "1"), line("k", "2")]).reply).toMatchObject({ reason: "invalid-command" });
    expect(ask([]).reply).toMatchObject({ reason: "invalid-command" });
  });

  test("is undone whole when it is cut off, marks included", () => {
    imported([line("a", "1")]);
    cluster.run(2_000);
    const row = cluster.node(0).storage.item("anna", "a", true);
    expect(row?.mark).toHaveLength(16);
    imported([line("a", "2"), line("b", "1")]);
    const { storage } = cluster.node(0);
    const entry = storage.entry(0, head());
    expect(entry?.undo?.items[0]?.before).toMatchObject({ mark: row?.mark });
    expect(wallOf(entry!.hlc)).toBeGreaterThan(0);
  });
});
