/** What a failover cut off: brought into its log once, shown the same everywhere, and run again or given up, once. */
import { afterEach, describe, expect, test, vi } from "vitest";
import type { Effect } from "../../src/replication/effect.ts";
import { EntryKind, type EntryCodec } from "../../src/replication/entry.ts";
import type { Position } from "../../src/replication/position.ts";
import type {
  ClientReply,
  Command,
  ItemCommand,
  LostWriteView,
  WriteRequest,
} from "../../src/replication/request.ts";
import { entryCodec } from "../../src/wire/entry-codec.ts";
import {
  bytesOf,
  callsIn,
  Cluster,
  type ClusterOptions,
  Node,
  NO_SESSION,
  Story,
  textOf,
  tracesOf,
} from "./harness.ts";

let cluster: Cluster;
afterEach(() => cluster.close());

const put = (key: string, value: string, more: object = {}): ItemCommand => ({
  kind: "put",
  key,
  value: bytesOf(value),
  contentType: "application/json",
  ...more,
});
const add = (key: string, by: string): ItemCommand => ({ kind: "add", key, by });
const merge = (key: string, patch: string): ItemCommand => ({ kind: "merge", key, patch: bytesOf(patch) });
const remove = (key: string): ItemCommand => ({ kind: "delete", key });

/** Region 0 leads anna's log; everybody has what stands there. */
function settled(options: ClusterOptions = {}): void {
  cluster = new Cluster(options);
  cluster.home("anna", 0);
  cluster.run(500);
  for (const command of [put("kept", `{"a":1}`), put("gone", `"x"`), add("count", "5")])
    cluster.wrote(0, "anna", "", "", { command, concern: "all" });
  cluster.run(200);
}

function wrote(region: number, command: Command, fields: Partial<WriteRequest> = {}): Position {
  return cluster.wrote(region, "anna", "", "", { command, ...fields }).receipt.position;
}

/** Region 2 leads the log of region 0, which is cut off and has written this; then it is back. */
function lose(commands: readonly (Command | [Command, Partial<WriteRequest>])[]): Position[] {
  cluster.isolate(0);
  const lost = commands.map((command) =>
    Array.isArray(command) ? wrote(0, command[0], command[1]) : wrote(0, command),
  );
  takeOver();
  return lost;
}

function takeOver(by = 2, from = 0): void {
  const write = cluster.write(by, "anna", "after", "1", { suspects: from, concern: "majority" });
  cluster.runUntil(() => write.reply !== null);
  expect(write.reply).toMatchObject({ kind: "written" });
}

function heal(): void {
  cluster.heal();
  stir(0);
}

/** Somebody comes there, who changes nothing. */
function stir(region: number): void {
  cluster.read(region, "anna", "a", "strong");
  cluster.run(3_000);
}

function listed(region: number, level: "leader" | "eventual" = "eventual"): readonly LostWriteView[] {
  const ask = cluster.client(region, {
    op: "divergent",
    user: "anna",
    level,
    committed: false,
    session: NO_SESSION,
    waitMs: 0,
    limit: 100,
    bytesMax: 10_000_000,
    from: region,
    deadlineAt: cluster.now + 5_000,
  });
  cluster.runUntil(() => ask.reply !== null);
  if (ask.reply?.kind !== "divergent") throw new Error(JSON.stringify(ask.reply));
  return ask.reply.entries;
}

const texts = (views: readonly LostWriteView[]) =>
  views.map(({ state, ops }) => [
    state,
    ...ops.map(
      ({ op, key, after, base, current }) =>
        `${op} ${key}: ${base === null ? "?" : textOf(base.item?.value ?? bytesOf("none"))} -> ${textOf(after?.value ?? bytesOf("none"))}, now ${textOf(current?.value ?? bytesOf("none"))}`,
    ),
  ]);

function settle(
  lost: Position,
  action: "replay" | "discard",
  fields: Partial<WriteRequest> = {},
  region = 2,
): ClientReply {
  const command = { kind: "settle", lost, action } as const;
  const ask = cluster.write(region, "anna", "", "", { command, ...fields });
  cluster.runUntil(() => ask.reply !== null);
  return ask.reply!;
}

function receipt(position: Position, region = 2): ClientReply {
  const ask = cluster.client(region, {
    op: "receipt",
    user: "anna",
    position,
    from: region,
    deadlineAt: cluster.now + 5_000,
  });
  cluster.runUntil(() => ask.reply !== null);
  return ask.reply!;
}

function value(key: string, region = 2): string | null {
  const item = cluster.node(region).storage.item("anna", key, true);
  return item === null || item.tombstone ? null : textOf(item.value);
}

/** Entries that record lost writes, in the log of region 0 at `region`. */
function records(region: number): string[] {
  return cluster
    .node(region)
    .storage.entries(0, 0, 1e9, 1_000)
    .entries.map(({ bytes }) => entryCodec.decode(bytes))
    .flatMap(({ divergent }) => (divergent === undefined ? [] : [`${divergent.e}.${divergent.s}`]));
}

const rows = (region: number) => {
  const all = [];
  const { storage } = cluster.node(region);
  for (let row = storage.lostAfter("anna", null); row !== null; row = storage.lostAfter("anna", row))
    all.push(row);
  return all;
};

function erase(): void {
  const id = new Uint8Array(16).fill(7);
  const ask = cluster.client(2, { op: "erase", user: "anna", id, from: 2, deadlineAt: cluster.now + 5_000 });
  cluster.runUntil(() => ask.reply !== null);
  expect(ask.reply).toMatchObject({ kind: "erasing" });
  cluster.run(5_000);
}

function nothingIsLeft(): void {
  for (const region of [0, 1, 2]) {
    expect(rows(region)).toEqual([]);
    expect(tracesOf(cluster.node(region).driver, "secret-of-anna")).toEqual([]);
  }
}

describe("what was cut off", () => {
  test("is the same at every region: what it found, what it left, what is there now", () => {
    settled();
    const lost = lose([
      put("kept", `"lost"`),
      remove("gone"),
      add("count", "7"),
      merge("kept", `{"b":2}`),
      { kind: "transaction", checks: [], writes: [put("t1", "1"), add("count", "1")] },
    ]);
    expect([0, 1, 2].map((region) => listed(region))).toEqual([[], [], []]);
    heal();
    const views = listed(2, "leader");
    expect(texts(views)).toEqual([
      ["open", `put kept: {"a":1} -> "lost", now {"a":1}`],
      ["open", `delete gone: "x" -> none, now "x"`],
      ["open", "add count: 5 -> 12, now 5"],
      ["open", `merge kept: "lost" -> {"b":2}, now {"a":1}`],
      ["open", "put t1: none -> 1, now none", "add count: 12 -> 13, now 5"],
    ]);
    expect(views.map(({ place }) => place)).toEqual(lost);
    expect(views[0]).toMatchObject({ cutIn: 0, supersededBy: 34 });
    expect(listed(0)).toEqual(views);
    expect(listed(1)).toEqual(views);
    expect(rows(0)).toEqual(rows(2));
    // Once each, and nothing is kept apart any more.
    expect(records(1)).toEqual(lost.map(({ e, s }) => `${e}.${s}`));
    expect(cluster.node(0).storage.cutPlaces()).toEqual([]);
    expect(receipt(lost[1]!)).toMatchObject({
      kind: "receipt",
      state: "lost",
      divergent: lost[1],
      met: false,
    });
    expect(receipt({ ...lost[1]!, s: 900 })).toMatchObject({ reason: "no-receipt" });
  });

  test("is kept without what it found where both do not fit into a row", () => {
    settled();
    const large = `"${"x".repeat(1_048_000)}"`;
    wrote(0, put("large", large), { concern: "all" });
    cluster.run(500);
    lose([put("large", `"${"y".repeat(1_048_000)}"`), put("large", "1")]);
    heal();
    expect(listed(1).map(({ ops }) => [ops[0]?.base === null, ops[0]?.after?.value.length])).toEqual([
      [true, 1_048_002],
      [false, 1],
    ]);
    expect(rows(0)).toEqual(rows(2));
  });

  test("goes when its user is erased, wherever it is by then", () => {
    settled();
    lose([put("secret-of-anna", "1"), add("count", "1")]);
    // Weur is back for all but what it has to hand over.
    cluster.hold = (parcel) => parcel.kind === "request" && parcel.message.type === "cuts";
    heal();
    cluster.hold = () => false;
    erase();
    expect(cluster.node(0).storage.cutPlaces()).toEqual([]);
    // What comes late is not taken in.
    const [late] = cluster.held;
    if (late?.kind !== "request") throw new Error("nothing was handed over");
    expect(cluster.peer(2, 0, late.message)).toEqual({ type: "cuts-taken", left: [] });
    cluster.run(3_000);
    nothingIsLeft();
  });

  test("and on record goes with its user everywhere, out of the logs too", () => {
    settled();
    lose([put("secret-of-anna", "1")]);
    heal();
    expect(rows(1).length).toBe(1);
    erase();
    nothingIsLeft();
  });

  test("is listed page by page", () => {
    settled();
    const lost = lose(["1", "2", "3"].map((n) => put(`k${n}`, n)));
    heal();
    const page = (after: Position | null, limit: number, bytesMax = 1_000_000) => {
      const reply = cluster.node(1).step({
        type: "client",
        id: 99,
        request: {
          op: "divergent",
          user: "anna",
          level: "eventual",
          committed: false,
          session: NO_SESSION,
          waitMs: 0,
          limit,
          bytesMax,
          from: 1,
          deadlineAt: cluster.now + 5_000,
          ...(after === null ? {} : { after }),
        },
      })[0];
      if (reply?.type !== "respond" || reply.reply.kind !== "divergent") throw new Error("no page");
      return { places: reply.reply.entries.map(({ place }) => place), next: reply.reply.next };
    };
    expect(page(null, 2)).toEqual({ places: lost.slice(0, 2), next: lost[1] });
    expect(page(lost[1]!, 2)).toEqual({ places: lost.slice(2), next: undefined });
    expect(page(null, 3)).toEqual({ places: lost, next: undefined });
    expect(page(null, 10, 1)).toEqual({ places: lost.slice(0, 1), next: lost[0] });
  });

  test("is handed over again when the answer, the leader or the own memory is lost", () => {
    settled();
    const lost = lose([put("a", "1"), put("b", "2")]);
    // The first answer is lost, and the region restarts.
    cluster.hold = (parcel) => parcel.kind === "reply" && parcel.message.type === "cuts-taken";
    heal();
    expect(records(2)).toEqual(lost.map(({ e, s }) => `${e}.${s}`));
    cluster.crash(0);
    cluster.restart(0);
    cluster.hold = () => false;
    cluster.held = [];
    cluster.run(3_000);
    expect(cluster.node(0).storage.cutPlaces()).toEqual([]);
    expect(records(0)).toEqual(lost.map(({ e, s }) => `${e}.${s}`));
  });

  test("is kept apart until a majority holds what records it, whoever leads meanwhile", () => {
    settled();
    const lost = lose([put("a", "1")]);
    // The leader takes it and tells nobody: then it is lost itself, with the entry.
    cluster.hold = (parcel) =>
      "message" in parcel &&
      "entries" in parcel.message &&
      parcel.message.entries.some(({ bytes }) => entryCodec.decode(bytes).kind === EntryKind.divergent);
    heal();
    expect(records(2)).toEqual([`${lost[0]!.e}.${lost[0]!.s}`]);
    expect(records(1)).toEqual([]);
    expect(cluster.node(0).storage.cutPlaces()).toMatchObject([{ s: lost[0]!.s }]);
    cluster.isolate(2);
    cluster.hold = () => false;
    cluster.held = [];
    cluster.run(15_000);
    takeOver(1, 2);
    cluster.run(3_000);
    expect(rows(1)).toMatchObject([{ s: lost[0]!.s, state: "open" }]);
    expect(cluster.node(0).storage.cutPlaces()).toEqual([]);
    cluster.heal();
    stir(2);
    expect(rows(2)).toEqual(rows(1));
    expect(records(2)).toEqual([`${lost[0]!.e}.${lost[0]!.s}`]);
    // That one held nothing of a user's but what recorded another's.
    expect(cluster.node(2).storage.cutPlaces()).toEqual([]);
  });

  test("waits in silence for a leader that does not take it, and goes on when somebody comes", () => {
    settled();
    const lost = lose([put("a", "1")]);
    cluster.hold = (parcel) => parcel.kind === "request" && parcel.message.type === "cuts";
    heal();
    const [first] = cluster.held;
    if (first?.kind !== "request") throw new Error("it was not handed over");
    cluster.cut(0, 2, "refused");
    cluster.hold = () => false;
    cluster.held = [];
    const turnsOf = vi.spyOn(cluster.node(0), "step");
    cluster.step(0, { type: "failed", call: first.call, from: 2, reason: "timeout" });
    cluster.run(8 * 3_600_000);
    const { turns } = cluster;
    const tries = turnsOf.mock.results
      .flatMap(({ value: effects }) => callsIn(effects as Effect[]))
      .filter(({ message }) => message.type === "cuts");
    expect(tries.length).toBeGreaterThan(3);
    expect(tries.length).toBeLessThan(20);
    cluster.run(8 * 3_600_000);
    expect(cluster.turns).toBe(turns);
    expect(rows(1)).toEqual([]);
    cluster.heal();
    wrote(2, put("b", "1"));
    cluster.run(10_000);
    expect(rows(1)).toMatchObject([{ s: lost[0]!.s }]);
  });

  test("is not lost when the epoch that cut it off is cut off itself", () => {
    cluster = new Cluster();
    const node = new Node({ region: 1 });
    const story = new Story(0).open(16).claim("anna", 0).put("anna", "a", "1");
    node.peer(0, story.append());
    node.peer(2, story.fork(2).open(34).append(2));
    expect(node.storage.cutPlaces()).toMatchObject([{ e: 16, s: 3 }]);
    const back = story.fork().open(48);
    const effects = node.step({
      type: "peer",
      id: 5,
      from: 0,
      message: back.append(2, 4, { e: 48, commit: 3 }),
    });
    expect(node.storage.cutPlaces()).toMatchObject([{ e: 16, s: 3 }]);
    node.peer(0, back.append(4, 4, { e: 48, commit: 4 }));
    expect(node.storage.cutPlaces()).toEqual([]);
    expect(callsIn(effects).map(({ message }) => message.type)).not.toContain("cuts");
    node.close();
  });

  test("stays where it was cut off until what records it is committed, not only there", () => {
    cluster = new Cluster();
    const node = new Node({ region: 1 });
    const story = new Story(0).open(16).claim("anna", 0).put("anna", "a", "1");
    const lost = { e: 16, s: 3 };
    node.peer(0, story.append());
    const recording = story
      .fork(2)
      .open(34)
      .add({
        kind: EntryKind.divergent,
        user: "anna",
        divergent: {
          ...lost,
          entry: story.entries[2]!.bytes,
          supersededBy: 34,
          cutIn: 1,
          cutAt: 1,
          before: [],
          state: "open",
        },
      });
    node.peer(2, recording.append(2, 4, { commit: 3 }));
    expect(node.storage.lostAt("anna", { o: 0, ...lost })).toMatchObject({ recorded: { e: 34, s: 4 } });
    expect(node.storage.cutPlaces()).toMatchObject([lost]);
    // Which may be cut off itself.
    const next = recording.fork(3).open(48);
    node.peer(0, next.append(3, 4));
    expect(node.storage.lostAt("anna", { o: 0, ...lost })).toBeNull();
    expect(node.storage.cutPlaces()).toMatchObject([lost]);
    const { kind, user, divergent } = entryCodec.decode(recording.entries[3]!.bytes);
    next.add({ kind, user, divergent: divergent! });
    node.peer(0, next.append(4, 5, { commit: 5 }));
    expect(node.storage.cutPlaces()).toEqual([]);
    node.close();
  });

  test("of before it was known whose it is is looked through: what is nobody's goes", () => {
    cluster = new Cluster();
    const node = new Node({ region: 1 });
    const story = new Story(0).open(16).claim("anna", 0).put("anna", "a", "1");
    for (const [n, { e, s, bytes }] of story.entries.entries()) {
      const row = { o: 0, e: e + 16, s: s + 100, user: null, applied: false, foundAt: n, undo: null };
      node.storage.putDivergent({ ...row, entry: bytes });
    }
    node.storage.putDivergent({
      o: 0,
      e: 99,
      s: 1,
      user: null,
      applied: false,
      foundAt: 1,
      undo: null,
      entry: Uint8Array.of(1, 2, 3),
    });
    node.step({ type: "alarm" });
    expect(node.storage.cutPlaces()).toMatchObject([
      { e: 32, s: 103, user: "anna" },
      // Of newer code, maybe.
      { e: 99, s: 1, user: null },
    ]);
    node.close();
  });
});

describe("of newer code", () => {
  /** Code for which this entry does not decode, or is of a kind that it does not know. */
  const older = (strange: Position, how: "unreadable" | "unknown"): EntryCodec => ({
    encode: (entry) => entryCodec.encode(entry),
    decode: (bytes) => {
      const entry = entryCodec.decode(bytes);
      if (entry.e !== strange.e || entry.s !== strange.s) return entry;
      if (how === "unreadable") throw new Error("no entry");
      return { ...entry, kind: 99 };
    },
  });

  test.each(["unreadable", "unknown"] as const)("it is kept where it was cut off while it is %s", (how) => {
    settled();
    const [lost] = lose([put("new", `"lost"`)]);
    cluster.restart(0, { codec: older(lost!, how) });
    heal();
    expect(cluster.node(0).storage.cutPlaces()).toMatchObject([{ e: lost!.e, s: lost!.s, user: null }]);
    expect(records(2)).toEqual([]);
    cluster.restart(0);
    stir(0);
    expect(records(2)).toEqual([`${lost!.e}.${lost!.s}`]);
    expect(texts(listed(0))).toEqual([["open", `put new: none -> "lost", now none`]]);
    expect(cluster.node(0).storage.cutPlaces()).toEqual([]);
  });

  test.each(["unreadable", "unknown"] as const)("a leader for which it is %s leaves it there", (how) => {
    settled();
    const [lost] = lose([put("new", `"lost"`)]);
    cluster.restart(2, { codec: older(lost!, how) });
    heal();
    expect(records(2)).toEqual([]);
    expect(cluster.node(0).storage.cutPlaces()).toMatchObject([{ s: lost!.s, user: "anna" }]);
    cluster.restart(2);
    cluster.restart(0);
    wrote(2, put("z", "1"), { concern: "all" });
    cluster.run(2_000);
    expect(records(2)).toEqual([`${lost!.e}.${lost!.s}`]);
  });

  test.each(["unreadable", "unknown"] as const)(
    "what records it is applied by code for which it is %s",
    (how) => {
      settled();
      const [lost] = lose([put("new", `"lost"`)]);
      heal();
      for (const region of [1, 2]) cluster.restart(region, { codec: older(lost!, how) });
      // It is there, open, and nothing else is said of it.
      expect(listed(1)).toMatchObject([{ place: lost, state: "open", ops: [] }]);
      expect(receipt(lost!)).toMatchObject({ kind: "refused", reason: "not-ready" });
      expect(settle(lost!, "replay")).toMatchObject({ kind: "refused", reason: "not-ready" });
      expect(value("new")).toBeNull();
      cluster.restart(2);
      expect(settle(lost!, "replay", { concern: "all" })).toMatchObject({ kind: "written" });
      expect([value("new"), value("new", 1)]).toEqual([`"lost"`, `"lost"`]);
    },
  );

  test("a replica that only gets the record then has it like everybody", () => {
    settled();
    const [lost] = lose([put("new", `"lost"`)]);
    cluster.crash(1);
    heal();
    cluster.restart(1, { codec: older(lost!, "unreadable") });
    wrote(2, put("z", "1"), { concern: "all" });
    expect(cluster.log(1, 0)).toMatchObject({ applied: cluster.log(2, 0).head, state: "following" });
    expect(listed(1)).toMatchObject([{ place: lost, state: "open", ops: [] }]);
    cluster.restart(1);
    expect(texts(listed(1))).toEqual(texts(listed(2)));
  });
});

describe("run again", () => {
  test("is what was asked for: an add adds, a merge merges, a put puts, a delete deletes", () => {
    settled();
    const [putting, deleting, adding, merging, both] = lose([
      put("new", `"lost"`, { expiresInS: 60 }),
      remove("gone"),
      add("count", "7"),
      merge("kept", `{"b":2}`),
      { kind: "transaction", checks: [], writes: [put("t1", "1"), add("count", "1"), remove("t0")] },
    ]);
    heal();
    wrote(2, put("kept", `{"a":9,"c":3}`));
    wrote(2, add("count", "100"));
    const told = settle(adding!, "replay");
    expect(told).toMatchObject({ kind: "written", status: 200, replayed: false });
    expect(value("count")).toBe("112");
    settle(merging!, "replay");
    expect(value("kept")).toBe(`{"a":9,"c":3,"b":2}`);
    settle(putting!, "replay");
    expect(value("new")).toBe(`"lost"`);
    const { expiresAt } = cluster.node(2).storage.item("anna", "new", false)!;
    expect(expiresAt - cluster.now).toBeGreaterThan(59_000);
    settle(deleting!, "replay");
    expect(value("gone")).toBeNull();
    settle(both!, "replay");
    expect([value("t1"), value("count")]).toEqual(["1", "113"]);
    cluster.run(500);
    expect(rows(0)).toEqual(rows(2));
    expect(rows(1).map(({ state }) => state)).toEqual(Array(5).fill("replayed"));
    expect(value("count", 1)).toBe("113");
    // What an earlier state was told, later ones are too.
    expect(settle(adding!, "replay")).toMatchObject({
      kind: "written",
      replayed: true,
      receipt: { position: told.kind === "written" ? told.receipt.position : null },
    });
    expect(value("count")).toBe("113");
    expect(settle(adding!, "discard")).toMatchObject({ reason: "settled", state: "replayed" });
  });

  test("deletes nothing where there is nothing, and is settled", () => {
    settled();
    const [deleting] = lose([remove("gone")]);
    heal();
    wrote(2, remove("gone"));
    const { head } = cluster.log(2, 0);
    expect(settle(deleting!, "replay")).toMatchObject({ kind: "written", status: 200 });
    expect(cluster.log(2, 0).head).toBe(head + 1);
    expect(rows(2)).toMatchObject([{ state: "replayed" }]);
  });

  test("is refused like any write where it does not fit any more, and stays open", () => {
    settled();
    const [merging, adding] = lose([merge("kept", `{"b":2}`), add("count", "1")]);
    heal();
    wrote(2, { kind: "put", key: "kept", value: bytesOf("text"), contentType: "text/plain" });
    wrote(2, { kind: "put", key: "count", value: bytesOf("9223372036854775807"), contentType: "text/plain" });
    expect(settle(merging!, "replay")).toMatchObject({ reason: "not-json" });
    expect(settle(adding!, "replay")).toMatchObject({ reason: "counter-overflow" });
    expect(rows(2).map(({ state }) => state)).toEqual(["open", "open"]);
    expect(settle(merging!, "discard")).toMatchObject({ kind: "written" });
    expect(settle(merging!, "replay")).toMatchObject({ reason: "settled", state: "discarded" });
  });

  test("is nothing that nobody lost", () => {
    settled();
    const [lost] = lose([put("a", "1")]);
    heal();
    expect(settle({ ...lost!, s: 999 }, "replay")).toMatchObject({ reason: "no-divergent" });
    expect(receipt({ ...lost!, s: 999 })).toMatchObject({ reason: "no-receipt" });
  });

  test("and lost itself, leaves the write as it was", () => {
    settled();
    const [lost] = lose([add("count", "7")]);
    heal();
    wrote(2, put("b", "1"));
    cluster.isolate(2);
    const told = settle(lost!, "replay");
    if (told.kind !== "written") throw new Error("not written");
    const again = told.receipt.position;
    expect(rows(2)).toMatchObject([{ state: "replayed" }]);
    cluster.run(15_000);
    takeOver(1, 2);
    cluster.heal();
    stir(2);
    expect(value("count", 2)).toBe("5");
    expect(rows(2)).toMatchObject([{ s: lost!.s, state: "open" }]);
    expect(rows(2)).toEqual(rows(0));
    // The replay's own receipt names what stands for it.
    expect(receipt(again, 1)).toMatchObject({ state: "lost", divergent: lost });
    expect(settle(again, "replay", {}, 1)).toMatchObject({ reason: "no-divergent" });
    settle(lost!, "replay", {}, 1);
    expect(value("count", 1)).toBe("12");
  });
});

describe("the same request again", () => {
  const key = (by: "client" | "edge" = "client") => ({
    idempotency: { key: `key-of-${by}`, fingerprint: bytesOf("same"), by },
  });

  test.each(["client", "edge"] as const)(
    "before its loss is known: it is done, with a key of the %s",
    (by) => {
      settled();
      const [lost] = lose([[add("count", "7"), key(by)]]);
      const again = wrote(2, add("count", "7"), key(by));
      heal();
      expect(rows(1)).toMatchObject([{ s: lost!.s, state: "replayed", by: again }]);
      expect(settle(lost!, "replay")).toMatchObject({ kind: "written", replayed: true });
      expect(settle(lost!, "discard")).toMatchObject({ reason: "settled" });
      expect(value("count")).toBe("12");
    },
  );

  test("after its loss is known: it is done, and nobody is asked to do it again", () => {
    settled();
    const [lost] = lose([[add("count", "7"), key()]]);
    heal();
    const again = wrote(2, add("count", "7"), key());
    cluster.run(500);
    expect(rows(1)).toMatchObject([{ s: lost!.s, state: "replayed", by: again }]);
    expect(value("count", 1)).toBe("12");
  });

  test("with another body is another", () => {
    settled();
    lose([[add("count", "7"), key()]]);
    heal();
    wrote(2, add("count", "7"), { idempotency: { ...key().idempotency, fingerprint: bytesOf("other") } });
    expect(rows(2)).toMatchObject([{ state: "open" }]);
  });

  test("lost too, is the same lost write", () => {
    settled();
    const [lost] = lose([[add("count", "7"), key()]]);
    cluster.heal();
    cluster.isolate(2);
    const again = wrote(2, add("count", "7"), key());
    cluster.run(15_000);
    takeOver(1, 2);
    cluster.heal();
    for (const region of [0, 2]) stir(region);
    expect(records(1).length).toBe(2);
    const stands = rows(1);
    expect(stands).toMatchObject([{ state: "open" }]);
    for (const position of [lost!, again])
      expect(receipt(position, 1)).toMatchObject({
        state: "lost",
        divergent: { e: stands[0]!.e, s: stands[0]!.s },
      });
  });

  /** Anna's first attempt and another write are lost in log 0, and she lives in log 2 by now, which region 2 leads as well. */
  function movedOn(by: "client" | "edge"): Position[] {
    settled();
    cluster.home("zoe", 0);
    cluster.run(500);
    const lost = lose([[add("count", "7"), key(by)], put("other", "1")]);
    const moving = cluster.client(2, {
      op: "move",
      user: "anna",
      to: 2,
      principal: "anna",
      from: 2,
      deadlineAt: cluster.now + 5_000,
    });
    cluster.runUntil(() => moving.reply !== null);
    expect(moving.reply).toMatchObject({ kind: "home", home: 2 });
    cluster.run(500);
    return lost;
  }

  /** Of log 2 nothing leaves its leader; of log 0 all does. */
  function holdLog2(): void {
    cluster.hold = (parcel) =>
      parcel.from === 2 &&
      "message" in parcel &&
      (("o" in parcel.message && parcel.message.o === 2) || parcel.message.type === "pull-ok");
  }

  const dependencies = (region: number) =>
    cluster
      .node(region)
      .storage.entries(0, 0, 1e9, 1_000)
      .entries.map(({ bytes }) => entryCodec.decode(bytes))
      .flatMap(({ divergent, deps }) => (divergent?.state === "replayed" ? [deps] : []));

  test("in a log that the user has moved to is done, under a key of the edge's too", () => {
    const [lost] = movedOn("edge");
    const again = wrote(2, add("count", "7"), key("edge"));
    heal();
    expect(rows(1)).toMatchObject([{ s: lost!.s, state: "replayed", by: again }, { state: "open" }]);
    expect(dependencies(1)).toEqual([[again]]);
    expect(rows(0)).toEqual(rows(1));
    expect(value("count", 1)).toBe("12");
  });

  test.each(["client", "edge"] as const)(
    "in another log is waited for until a majority has it, with a key of the %s",
    (by) => {
      const [lost, other] = movedOn(by);
      holdLog2();
      const again = wrote(2, add("count", "7"), key(by));
      heal();
      // What has nothing to wait for does not wait.
      expect(records(1)).toEqual([`${other!.e}.${other!.s}`]);
      expect(cluster.node(0).storage.cutPlaces()[0]).toMatchObject({ s: lost!.s });
      cluster.hold = () => false;
      cluster.release();
      cluster.run(5_000);
      stir(0);
      expect(rows(1)[0]).toMatchObject({ s: lost!.s, state: "replayed", by: again });
      expect(cluster.node(0).storage.cutPlaces()).toEqual([]);
      expect(dependencies(1)).toEqual([[again]]);
    },
  );

  test("in another log and lost there is offered once", () => {
    const [lost] = movedOn("client");
    holdLog2();
    const again = wrote(2, add("count", "7"), key());
    heal();
    cluster.isolate(2);
    cluster.hold = () => false;
    cluster.held = [];
    cluster.run(15_000);
    for (const user of ["anna", "zoe"]) {
      const write = cluster.write(1, user, "after", "2", { suspects: 2, concern: "majority" });
      cluster.runUntil(() => write.reply !== null, 15_000);
      expect(write.reply).toMatchObject({ kind: "written" });
    }
    cluster.heal();
    for (const region of [0, 2, 0, 2]) stir(region);
    const all = cluster
      .node(1)
      .driver.rows(
        `SELECT o, s, state FROM lost WHERE user = 'anna' AND s IN (?, ?) AND state = 1`,
        lost!.s,
        again.s,
      );
    expect(all).toHaveLength(1);
    expect(value("count", 1)).toBe("5");
    expect(rows(2)).toEqual(rows(1));
  });
});
