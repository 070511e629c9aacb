/**
 * What the core's storage promises, said once: every back end of the SQL driver passes the same suite.
 *
 * The edges are where two databases behind one interface tend to differ: integers at 2^53, blobs of nothing and of a
 * mebibyte, text whose order in bytes is not its order in JavaScript.
 */
import { beforeEach, describe, expect, test } from "vitest";
import type { IdempotencyRow, ItemRow, LostRow, OwnerRow } from "../../src/replication/state-row.ts";
import type { LogRow, SinkRow, UndoImage } from "../../src/replication/storage.ts";
import { IntegerOutOfRange } from "../../src/storage/column.ts";
import { compareKeys, prefixEnd, rangeOf } from "../../src/storage/key-range.ts";
import { migrate } from "../../src/storage/schema.ts";
import type { SqlDriver } from "../../src/storage/sql-driver.ts";
import { SqlStorage } from "../../src/storage/sql-storage.ts";

const MAX = Number.MAX_SAFE_INTEGER;
const MEBIBYTE = 1_048_576;
/** The longest names that the interface lets through, in bytes. */
const KEY_BYTES_MAX = 1_024;
const USER_BYTES_MAX = 256;

/** Ascending in UTF-8 bytes, and so in the database. Several pairs stand the other way round in UTF-16. */
const KEYS_IN_ORDER = [
  "\u0001",
  " ",
  "!",
  "'; DROP TABLE items; --",
  "/",
  "A",
  "Z",
  "_",
  "a",
  "a/",
  "a/b",
  "a0",
  "aa",
  "a\u{10FFFF}",
  "b",
  "e\u0301",
  "z".repeat(KEY_BYTES_MAX),
  "~",
  "\u0080",
  "é",
  "ø",
  "\u07FF",
  "\u0800",
  "日本",
  "\uD7FF",
  "\uE000",
  "\uFB01",
  "\uFEFF",
  "\uFFFD",
  "\uFFFF",
  "\u{10000}",
  "\u{1F9ED}",
  "\u{1F9ED}\u200D",
  "\u{1F9EE}",
  "\u{10FFFF}",
  "\u{10FFFF}\u{10FFFF}",
];

/** Runs a check over an empty database, in whatever surroundings that needs. */
export type WithDriver = (check: (driver: SqlDriver) => void) => Promise<void> | void;

export function describeStorage(backEnd: string, withDriver: WithDriver): void {
  const withStorage = (check: (storage: SqlStorage, driver: SqlDriver) => void) => () =>
    withDriver((driver) => {
      driver.transaction(() => migrate(driver, 1));
      check(new SqlStorage(driver), driver);
    });

  describe(`storage on ${backEnd}`, () => {
    let counter = 0;
    beforeEach(() => {
      counter = 0;
    });
    const next = (): number => ++counter;

    const item = (user: string, key: string, fields: Partial<ItemRow> = {}): ItemRow => ({
      user,
      key,
      o: 0,
      e: 16,
      s: next(),
      hlc: 5,
      ownerVersion: 1,
      tombstone: false,
      expiresAt: 0,
      contentType: "text/plain",
      xdeps: new Uint8Array(0),
      value: Uint8Array.of(1, 2, 3),
      ...fields,
    });
    const entry = (s: number, fields: Partial<LogRow> = {}): LogRow => ({
      o: 0,
      e: 16,
      s,
      hlc: 100 + s,
      commit: 0,
      applied: true,
      user: "u",
      chain: new Uint8Array(16).fill(s % 256),
      bytes: Uint8Array.of(s % 256, 2),
      undo: null,
      ...fields,
    });
    const owner = (user: string, fields: Partial<OwnerRow> = {}): OwnerRow => ({
      user,
      home: 1,
      version: 1,
      o: 0,
      e: 16,
      s: 1,
      past: [],
      ...fields,
    });
    const idempotency = (user: string, k: number, fields: Partial<IdempotencyRow> = {}): IdempotencyRow => ({
      user,
      k: Uint8Array.of(k),
      fingerprint: Uint8Array.of(9),
      o: 0,
      e: 16,
      s: k,
      status: 201,
      hlc: k,
      ...fields,
    });

    describe("a user's entries", () => {
      const found = (
        storage: SqlStorage,
        user: string,
        after: number,
        through: number,
        entriesMax = 1_000,
      ) => {
        const seqs: number[] = [];
        for (let at = after; at < through;) {
          const looked = storage.entriesOf(0, user, { after: at, through, entriesMax });
          expect(looked.looked).toBeGreaterThan(at);
          seqs.push(...looked.found.map(({ s }) => s));
          at = looked.looked;
        }
        return seqs;
      };
      const multiplesOf = (n: number, through: number, after = 0) =>
        Array.from({ length: through }, (_, at) => at + 1).filter((s) => s > after && s % n === 0);

      test(
        "are found in order, wherever they stand, and nobody else's are",
        withStorage((storage) => {
          for (let s = 1; s <= 1_500; s++)
            storage.insertEntry(
              entry(s, { user: s % 100 === 0 ? "rare" : s === 700 + 1 ? "once" : "often" }),
            );
          storage.insertEntry(entry(1, { o: 1, user: "rare" }));
          expect(found(storage, "rare", 0, 1_500)).toEqual(multiplesOf(100, 1_500));
          expect(found(storage, "rare", 100, 1_450, 2)).toEqual(multiplesOf(100, 1_450, 100));
          expect(found(storage, "once", 0, 1_500)).toEqual([701]);
          expect(found(storage, "once", 701, 1_500)).toEqual([]);
          expect(found(storage, "never", 0, 1_500)).toEqual([]);
          expect(storage.usersOf(0, 699, 702)).toEqual(new Set(["rare", "once", "often"]));
        }),
      );

      test(
        "are passed over in a look: filters tell where they are not",
        withStorage((storage, driver) => {
          for (let s = 1; s <= 256 * 20; s++) storage.insertEntry(entry(s, { user: `user${s % 50}` }));
          expect(driver.rows(`SELECT count(*) FROM stretches`)).toEqual([[20]]);
          // 20 stretches of 256 rows are more than one look goes through, and filters take it to the end at once.
          const range = { after: 0, through: 256 * 20, entriesMax: 10 };
          expect(storage.entriesOf(0, "nobody", range)).toEqual({ found: [], looked: 256 * 20 });
        }),
      );

      test(
        "are found after the log was cut and written anew, and after it was compacted",
        withStorage((storage, driver) => {
          for (let s = 1; s <= 600; s++) storage.insertEntry(entry(s, { user: "before" }));
          for (let s = 600; s > 250; s--) storage.deleteEntry(0, s);
          expect(driver.rows(`SELECT count(*) FROM stretches`)).toEqual([[0]]);
          for (let s = 251; s <= 600; s++) storage.insertEntry(entry(s, { e: 32, user: "after" }));
          expect(found(storage, "after", 0, 600)).toHaveLength(350);
          expect(found(storage, "before", 0, 600)).toHaveLength(250);
          storage.deleteThrough(0, 300);
          expect(driver.rows(`SELECT stretch FROM stretches`)).toEqual([[2]]);
          expect(found(storage, "after", 300, 600)).toHaveLength(300);
          storage.clearLog(0);
          expect(driver.rows(`SELECT count(*) FROM stretches`)).toEqual([[0]]);
        }),
      );

      test(
        "of whom nobody knows come along, and their stretch has no filter",
        withStorage((storage, driver) => {
          for (let s = 1; s <= 256; s++) storage.insertEntry(entry(s, { user: s === 9 ? null : "u" }));
          expect(driver.rows(`SELECT count(*) FROM stretches`)).toEqual([[0]]);
          expect(found(storage, "somebody", 0, 256)).toEqual([9]);
        }),
      );

      test(
        "of nobody are in no filter",
        withStorage((storage) => {
          for (let s = 1; s <= 256; s++) storage.insertEntry(entry(s, { user: "" }));
          expect(found(storage, "u", 0, 256)).toEqual([]);
        }),
      );
    });

    describe("identity and roles", () => {
      test(
        "meta keeps text and integers apart",
        withStorage((storage) => {
          expect(storage.meta("nothing")).toBeNull();
          storage.setMeta("storeId", "abc");
          storage.setMeta("storeId", "def");
          storage.setMeta("number", MAX);
          storage.setMeta("text", "17");
          expect([storage.meta("storeId"), storage.meta("number"), storage.meta("text")]).toEqual([
            "def",
            MAX,
            "17",
          ]);
        }),
      );

      test(
        "acceptors, grants, leaderships and bases are one row each, replaced whole",
        withStorage((storage) => {
          const acceptor = { o: 3, promised: MAX, maxCounter: MAX, leaderE: MAX, leaderInc: MAX };
          storage.putAcceptor({ ...acceptor, promised: 1 });
          storage.putAcceptor(acceptor);
          storage.putAcceptor({ ...acceptor, o: 4 });
          expect(storage.acceptors()).toEqual([acceptor, { ...acceptor, o: 4 }]);

          storage.putGrant({ o: 0, grantee: 1, until: 5 });
          storage.putGrant({ o: 0, grantee: 2, until: 6 });
          storage.putGrant({ o: 0, grantee: 1, until: MAX });
          expect(storage.grants()).toEqual([
            { o: 0, grantee: 1, until: MAX },
            { o: 0, grantee: 2, until: 6 },
          ]);

          const leadership = { o: 0, e: MAX, opened: false, ackAfter: MAX, leaseUntil: 0 };
          storage.putLeadership({ ...leadership, opened: true });
          storage.putLeadership(leadership);
          expect(storage.leaderships()).toEqual([leadership]);

          const chain = new Uint8Array(16).fill(7);
          const base = { o: 1, e: 32, s: MAX, chain, hlc: MAX, reclaimed: { e: 16, s: 3 } };
          storage.putBase({ ...base, s: 1 });
          storage.putBase(base);
          expect(storage.bases()).toEqual([base]);
        }),
      );

      test(
        "epochs come in order, and are dropped from a seq on, of one log",
        withStorage((storage) => {
          for (const [o, e, start] of [
            [1, 16, 1],
            [0, 48, 9],
            [0, 16, 1],
            [0, 32, 5],
          ] as const)
            storage.putEpoch({ o, e, start });
          storage.putEpoch({ o: 0, e: 32, start: 5 });
          storage.dropEpochs(0, 5);
          expect(storage.epochs()).toEqual([
            { o: 0, e: 16, start: 1 },
            { o: 1, e: 16, start: 1 },
          ]);
        }),
      );

      test(
        "how far sinks are",
        withStorage((storage) => {
          const row: SinkRow = {
            o: 0,
            name: "orders",
            round: MAX,
            delivered: MAX,
            state: "active",
            through: MAX,
            attempts: 3,
            nextAt: MAX,
            error: "it answered 500",
          };
          storage.putSink({ ...row, round: 0, delivered: 0, state: "lost", error: "" });
          storage.putSink(row);
          storage.putSink({ ...row, o: 1, state: "parked" });
          storage.putSink({ ...row, name: "search", state: "lost" });
          expect(storage.sinks()).toEqual([
            row,
            { ...row, name: "search", state: "lost" },
            { ...row, o: 1, state: "parked" },
          ]);
        }),
      );

      test(
        "the outbox, pins and poison",
        withStorage((storage) => {
          storage.putOutbox({ o: 0, dest: 1, stage: 0, nextAt: 10 });
          storage.putOutbox({ o: 0, dest: 1, stage: 5, nextAt: MAX });
          storage.putOutbox({ o: 0, dest: 2, stage: 1, nextAt: 10 });
          storage.deleteOutbox(0, 2);
          expect(storage.outbox()).toEqual([{ o: 0, dest: 1, stage: 5, nextAt: MAX }]);

          const pin = { id: "a", until: MAX, bases: [{ o: 0, s: MAX }] };
          storage.putPin({ ...pin, until: 1 });
          storage.putPin(pin);
          storage.putPin({ ...pin, id: "b" });
          storage.deletePin("b");
          expect(storage.pins()).toEqual([pin]);

          storage.putPoison(5, "x".repeat(5_000), Uint8Array.of(0));
          storage.putPoison(5, "again", new Uint8Array(0));
          expect(storage.countPoison()).toBe(2);
        }),
      );

      test(
        "a restore is one row, whatever its id, and its bases come back with their chains",
        withStorage((storage) => {
          expect(storage.restore()).toBeNull();
          const chain = Uint8Array.from({ length: 16 }, (_, n) => n * 17);
          const bases = [{ o: 0, e: 16, s: 5, chain, hlc: MAX, epochs: [{ e: 16, start: 1 }] }];
          const row = { id: "one", source: 2, cursor: new Uint8Array(0), scanned: false, bases, until: [] };
          storage.putRestore(row);
          expect(storage.restore()).toEqual(row);
          const after = {
            ...row,
            id: "two",
            cursor: Uint8Array.of(0, 255),
            scanned: true,
            until: [{ o: 0, e: 16, s: MAX }],
          };
          storage.putRestore(after);
          expect(storage.restore()).toEqual(after);
          storage.deleteRestore();
          expect(storage.restore()).toBeNull();
        }),
      );
    });

    describe("integers", () => {
      const beyond = [MAX + 1, 2 ** 60, 0.5, Number.NaN, Infinity];

      test(
        "2^53-1 comes back as it went in, everywhere",
        withStorage((storage) => {
          for (const o of [0, 15]) {
            const last = 2 ** 48 - 1;
            storage.insertEntry(entry(last, { o, e: MAX, hlc: MAX, commit: MAX }));
            expect(storage.head(o)).toMatchObject({ e: MAX, s: last, hlc: MAX, commit: MAX });
            expect(storage.entry(o, last)).toMatchObject({ e: MAX, s: last, hlc: MAX, commit: MAX });
            expect(storage.entries(o, last - 1, 10, 10).entries).toMatchObject([{ e: MAX, s: last }]);
            expect(() => storage.insertEntry(entry(last + 1, { o }))).toThrow(IntegerOutOfRange);
          }
          storage.putItem(item("u", "k", { e: MAX, s: MAX, hlc: MAX, ownerVersion: MAX, expiresAt: MAX }));
          expect(storage.item("u", "k", true)).toMatchObject({ e: MAX, s: MAX, hlc: MAX, expiresAt: MAX });
          storage.putOwner(owner("u", { version: MAX, e: MAX, s: MAX }));
          expect(storage.owner("u")).toEqual(owner("u", { version: MAX, e: MAX, s: MAX }));
          storage.putIdempotency(idempotency("u", 1, { e: MAX, s: MAX, hlc: MAX }));
          expect(storage.idempotency("u", Uint8Array.of(1))).toMatchObject({ e: MAX, s: MAX, hlc: MAX });
          storage.putDivergent({
            o: 0,
            e: MAX,
            s: MAX,
            applied: true,
            foundAt: MAX,
            entry: Uint8Array.of(1),
            undo: null,
            user: "u",
          });
          expect(storage.cutPlaces()).toMatchObject([{ e: MAX, s: MAX, foundAt: MAX }]);
        }),
      );

      test(
        "what is no integer below 2^53 is refused on its way in, and leaves nothing",
        withStorage((storage) => {
          for (const n of beyond) {
            const refused = (write: () => void): void => expect(write, String(n)).toThrow(IntegerOutOfRange);
            refused(() => storage.setMeta("n", n));
            refused(() =>
              storage.putAcceptor({ o: 0, promised: n, maxCounter: 0, leaderE: 0, leaderInc: 0 }),
            );
            refused(() => storage.putGrant({ o: 0, grantee: 0, until: n }));
            refused(() => storage.putLeadership({ o: 0, e: 1, opened: true, ackAfter: 0, leaseUntil: n }));
            refused(() => storage.putEpoch({ o: 0, e: n, start: 1 }));
            for (const field of ["s", "e", "hlc", "commit"] as const)
              refused(() => storage.insertEntry(entry(1, { [field]: n })));
            for (const field of ["s", "e", "hlc", "expiresAt", "ownerVersion"] as const)
              refused(() => storage.putItem(item("u", "k", { [field]: n })));
            refused(() => storage.putOwner(owner("u", { version: n })));
            refused(() => storage.putIdempotency(idempotency("u", 1, { hlc: n })));
            refused(() => storage.putOutbox({ o: 0, dest: 0, stage: 0, nextAt: n }));
            refused(() => storage.putPin({ id: "p", until: n, bases: [] }));
            refused(() => storage.putPoison(n, "", new Uint8Array(0)));
          }
          expect(storage.scan(new Uint8Array(0), MAX)).toMatchObject({
            items: [],
            owners: [],
            idempotency: [],
          });
          expect([storage.head(0), storage.meta("n"), storage.acceptors()]).toEqual([null, null, []]);
        }),
      );
    });

    describe("lost writes", () => {
      const lost = (user: string, s: number, fields: Partial<LostRow> = {}): LostRow => ({
        user,
        o: 0,
        e: 16,
        s,
        hlc: s,
        recorded: { e: 33, s: s + 10 },
        state: "open",
        identity: Uint8Array.of(s),
        record: Uint8Array.of(s, s),
        ...fields,
      });
      const all = (storage: SqlStorage, user: string): LostRow[] => {
        const rows: LostRow[] = [];
        for (let row = storage.lostAfter(user, null); row !== null; row = storage.lostAfter(user, row))
          rows.push(row);
        return rows;
      };

      test(
        "are found by place, in order, and by request; folded ones by their place alone",
        withStorage((storage) => {
          expect([storage.lostAt("u", { o: 0, e: 16, s: 1 }), storage.lostAfter("u", null)]).toEqual([
            null,
            null,
          ]);
          const folded = lost("u", 2, { state: "folded", by: { o: 0, e: 16, s: 1 } });
          const rows = [
            lost("u", 1),
            lost("u", 9, { e: 8 }),
            lost("u", 1, { o: 3, e: MAX, s: MAX, hlc: MAX }),
          ];
          for (const row of [...rows, folded, lost("v", 1)]) storage.putLost(row);
          expect(all(storage, "u")).toEqual([rows[1], rows[0], rows[2]]);
          expect(storage.lostAt("u", folded)).toEqual(folded);
          expect(storage.lostOfRequest("u", Uint8Array.of(1))).toEqual([rows[0], rows[2]]);
          expect(storage.lostOfRequest("u", folded.identity)).toEqual([]);
          expect(storage.lostAt("w", folded)).toBeNull();
        }),
      );

      test(
        "are settled and opened again, and go with their user",
        withStorage((storage) => {
          for (const s of [1, 2]) for (const user of ["u", "v"]) storage.putLost(lost(user, s));
          const by = { o: 1, e: 17, s: 5 };
          storage.settleLost("u", lost("u", 1), "discarded", by);
          expect(storage.lostAt("u", lost("u", 1))).toEqual(lost("u", 1, { state: "discarded", by }));
          storage.settleLost("u", lost("u", 1), "open", null);
          expect(storage.lostAt("u", lost("u", 1))).toEqual(lost("u", 1));
          storage.deleteLost("u", lost("u", 1));
          expect(all(storage, "u")).toEqual([lost("u", 2)]);
          storage.eraseUser("v", 2);
          expect(all(storage, "v")).toEqual([lost("v", 2)]);
          storage.eraseUser("v", null);
          expect([all(storage, "v"), all(storage, "u")]).toEqual([[], [lost("u", 2)]]);
        }),
      );

      test(
        "travel in snapshots, page by page, and go when one begins anew",
        withStorage((storage) => {
          const rows = ["a", "b"].flatMap((user) =>
            [1, 2, 10].map((s) => lost(user, s, { record: new Uint8Array(MEBIBYTE).fill(s) })),
          );
          for (const row of rows) storage.putLost(row);
          storage.putItem(item("u", "k"));
          const found: LostRow[] = [];
          let items = 0;
          let cursor: Uint8Array = new Uint8Array(0);
          do {
            const page = storage.scan(cursor, 1_000_000);
            expect(page.lost.length).toBeLessThanOrEqual(1);
            found.push(...page.lost);
            items += page.items.length;
            cursor = page.cursor.slice();
          } while (cursor.length > 0);
          expect([found, items]).toEqual([rows, 1]);
          storage.clearState();
          expect(all(storage, "a")).toEqual([]);
        }),
      );
    });

    describe("the log", () => {
      test(
        "is empty at first",
        withStorage((storage) => {
          expect([storage.head(0), storage.first(0), storage.entry(0, 1)]).toEqual([null, null, null]);
          expect(storage.appliedHead(0)).toBe(0);
          expect(storage.entries(0, 0, 100, 100)).toEqual({ entries: [], chain: new Uint8Array(0) });
          expect(storage.entriesDown(0, 100, 1_000, 100)).toEqual([]);
        }),
      );

      test(
        "the row of the last entry says a later commit position, and nothing else of it changes",
        withStorage((storage) => {
          storage.insertEntry(entry(1));
          storage.insertEntry(entry(2, { commit: 0 }));
          storage.keepCommit(0, 2, 2);
          expect(storage.head(0)?.commit).toBe(2);
          expect(storage.entry(0, 2)).toEqual(entry(2, { commit: 2 }));
          expect(storage.entry(0, 1)).toEqual(entry(1));
        }),
      );

      test(
        "rows come back whole, of their own log",
        withStorage((storage) => {
          storage.insertEntry(entry(1));
          storage.insertEntry(entry(2, { e: 32, applied: false, commit: 1 }));
          storage.insertEntry(entry(1, { o: 1, bytes: Uint8Array.of(77) }));
          expect(storage.entry(0, 2)).toEqual(entry(2, { e: 32, applied: false, commit: 1 }));
          expect(storage.head(0)).toEqual({ e: 32, s: 2, hlc: 102, commit: 1, chain: entry(2).chain });
          expect(storage.first(0)).toEqual({ s: 1, hlc: 101 });
          expect(storage.appliedHead(0)).toBe(1);
          expect(storage.entry(1, 1)?.bytes).toEqual(Uint8Array.of(77));
          expect(() => storage.insertEntry(entry(2))).toThrow();
        }),
      );

      test(
        "pages hold at least one entry, then as many as fit, and say the chain after the last",
        withStorage((storage) => {
          for (let s = 1; s <= 6; s++) storage.insertEntry(entry(s, { bytes: new Uint8Array(100) }));
          const page = (after: number, bytesMax: number, entriesMax: number): number[] =>
            storage.entries(0, after, bytesMax, entriesMax).entries.map(({ s }) => s);
          expect(page(0, 1, 10)).toEqual([1]);
          expect(page(0, 0, 10)).toEqual([1]);
          expect(page(0, 199, 10)).toEqual([1]);
          expect(page(0, 200, 10)).toEqual([1, 2]);
          expect(page(2, 1_000, 3)).toEqual([3, 4, 5]);
          expect(page(5, 1_000, 3)).toEqual([6]);
          expect(page(6, 1_000, 3)).toEqual([]);
          expect(storage.entries(0, 2, 200, 10).chain).toEqual(entry(4).chain);
          expect(storage.entriesDown(0, 4, 1_000, 2).map(({ s }) => s)).toEqual([3, 2]);
          expect(storage.rowsForCompaction(0, 4, 1_000, 3).map(({ s }) => s)).toEqual([1, 2, 3]);
          expect(storage.rowsForCompaction(0, 2, 1_000, 9)).toMatchObject([
            { s: 1, e: 16, hlc: 101 },
            { s: 2 },
          ]);
        }),
      );

      test(
        "is cut from either end",
        withStorage((storage) => {
          for (let s = 1; s <= 6; s++) storage.insertEntry(entry(s));
          storage.insertEntry(entry(1, { o: 1 }));
          storage.deleteThrough(0, 2);
          storage.deleteEntry(0, 6);
          expect([storage.first(0)?.s, storage.head(0)?.s]).toEqual([3, 5]);
          storage.putEpoch({ o: 0, e: 16, start: 1 });
          storage.putEpoch({ o: 1, e: 16, start: 1 });
          storage.clearLog(0);
          expect([storage.head(0), storage.head(1)?.s]).toEqual([null, 1]);
          expect(storage.epochs()).toEqual([{ o: 1, e: 16, start: 1 }]);
        }),
      );

      test(
        "entries are marked as applied with their undo image, and as stored only again",
        withStorage((storage) => {
          for (let s = 1; s <= 3; s++) storage.insertEntry(entry(s, { applied: false }));
          const undo: UndoImage = {
            items: [{ user: "u", key: "k", before: null }],
            owner: null,
            idempotency: null,
          };
          storage.markApplied(0, 1, undo);
          storage.markApplied(0, 2, null);
          expect(storage.entry(0, 1)).toMatchObject({ applied: true, undo });
          expect(storage.appliedHead(0)).toBe(2);
          storage.markUnapplied(0, 1);
          expect(storage.appliedHead(0)).toBe(1);
          expect(storage.entry(0, 2)).toMatchObject({ applied: false, undo: null });
          expect(() => storage.markApplied(0, 9, null)).toThrow(/no entry 0:9/);
        }),
      );
    });

    describe("undo images", () => {
      const image = (value: Uint8Array): UndoImage => ({
        items: [
          { user: "ü", key: "none", before: null },
          {
            user: "ü",
            key: "some",
            before: item("ü", "some", { value, s: MAX, hlc: MAX, xdeps: Uint8Array.of(1) }),
          },
          {
            user: "ü",
            key: "gone",
            before: item("ü", "gone", { tombstone: true, value: new Uint8Array(0) }),
          },
        ],
        owner: { user: "ü", before: owner("ü", { version: MAX }) },
        idempotency: { user: "ü", k: Uint8Array.of(4), before: idempotency("ü", 4, { hlc: MAX }) },
      });

      test(
        "come back as they went in, of every shape",
        withStorage((storage) => {
          const shapes: UndoImage[] = [
            { items: [], owner: null, idempotency: null },
            { items: [], owner: { user: "u", before: null }, idempotency: null },
            { items: [], owner: null, idempotency: { user: "u", k: new Uint8Array(0), before: null } },
            image(new Uint8Array(0)),
          ];
          shapes.forEach((undo, n) => storage.insertEntry(entry(n + 1, { undo })));
          shapes.forEach((undo, n) => expect(storage.entry(0, n + 1)?.undo).toEqual(undo));
          // A page for somebody who only looks at entries does not carry them.
          expect(storage.entriesDown(0, 9, 1_000_000, 1)[0]?.undo).toBeNull();
        }),
      );

      test(
        "spill into rows of their own beside an entry of a mebibyte, and go with it",
        withStorage((storage, driver) => {
          const undo = image(new Uint8Array(MEBIBYTE).fill(0xd0));
          const bytes = new Uint8Array(MEBIBYTE).fill(0xe0);
          const spilled = (): number => driver.rows(`SELECT count(*) FROM undo`)[0]![0] as number;
          const largestRow = (): number =>
            driver.rows(`SELECT max(length(entry) + coalesce(length(undo), 0)) FROM log`)[0]![0] as number;

          storage.insertEntry(entry(1, { bytes, undo }));
          storage.insertEntry(entry(2, { bytes, applied: false }));
          storage.markApplied(0, 2, undo);
          storage.insertEntry(entry(3, { bytes: Uint8Array.of(1), undo }));
          for (const s of [1, 2, 3]) expect(light(storage.entry(0, s)?.undo)).toEqual(light(undo));
          expect(spilled()).toBe(8);
          expect(largestRow()).toBeLessThan(1_900_000);

          storage.deleteEntry(0, 1);
          expect(spilled()).toBe(4);
          storage.markUnapplied(0, 0);
          expect(spilled()).toBe(0);
          expect(storage.entry(0, 2)?.undo).toBeNull();

          // Left out beside a divergent entry when they do not fit: the entry never is.
          storage.putDivergent({
            o: 0,
            e: 16,
            s: 1,
            user: "u",
            applied: true,
            foundAt: 1,
            entry: bytes,
            undo,
          });
          storage.putDivergent({
            o: 0,
            e: 16,
            s: 2,
            user: null,
            applied: false,
            foundAt: 1,
            entry: Uint8Array.of(1),
            undo,
          });
          const [large, small] = storage.cutPlaces().map((place) => storage.divergentAt(place));
          expect([large!.undo, large!.entry.length]).toEqual([null, MEBIBYTE]);
          expect(light(small!.undo)).toEqual(light(undo));
        }),
      );

      test(
        "are dropped with a compacted or cleared log",
        withStorage((storage, driver) => {
          const undo = image(new Uint8Array(MEBIBYTE));
          const bytes = new Uint8Array(MEBIBYTE);
          for (const s of [1, 2]) storage.insertEntry(entry(s, { bytes, undo }));
          storage.insertEntry(entry(1, { o: 1, bytes, undo }));
          storage.deleteThrough(0, 1);
          expect(driver.rows(`SELECT DISTINCT o, s FROM undo ORDER BY o, s`)).toEqual([
            [0, 2],
            [1, 1],
          ]);
          storage.clearLog(0);
          expect(driver.rows(`SELECT DISTINCT o, s FROM undo`)).toEqual([[1, 1]]);
        }),
      );
    });

    describe("items", () => {
      test(
        "come back as they were put, with their value only where it is asked for",
        withStorage((storage) => {
          expect(storage.item("u", "k", true)).toBeNull();
          const large = new Uint8Array(MEBIBYTE).map((_, n) => n % 251);
          for (const value of [new Uint8Array(0), large, Uint8Array.of(0)]) {
            const row = item("u", "k", { value, xdeps: Uint8Array.of(3), expiresAt: 7 });
            storage.putItem(row);
            expect(light(storage.item("u", "k", true))).toEqual(light({ ...row, size: value.length }));
            expect(storage.item("u", "k", false)).toEqual({
              ...row,
              size: value.length,
              value: new Uint8Array(0),
            });
          }
          storage.deleteItem("u", "k");
          expect(storage.item("u", "k", false)).toBeNull();
        }),
      );

      test(
        "keep a value that is a view of something larger",
        withStorage((storage) => {
          const value = Uint8Array.of(9, 9, 1, 2, 9).subarray(2, 4);
          storage.putItem(item("u", "k", { value }));
          expect(storage.item("u", "k", true)?.value).toEqual(Uint8Array.of(1, 2));
        }),
      );

      test(
        "have names of any characters and up to the longest, told apart byte by byte",
        withStorage((storage) => {
          const users = [
            "ö",
            "o\u0308",
            "O",
            "o",
            "%",
            "u".repeat(USER_BYTES_MAX),
            "\u{1F9ED}".repeat(USER_BYTES_MAX / 4),
          ];
          for (const user of users)
            for (const key of KEYS_IN_ORDER) storage.putItem(item(user, key, { contentType: user }));
          for (const user of users)
            for (const key of KEYS_IN_ORDER)
              expect(storage.item(user, key, true)).toMatchObject({ user, key, contentType: user });
          expect(storage.item("O", "É", false)).toBeNull();
        }),
      );
    });

    describe("lists", () => {
      const filled = (check: (storage: SqlStorage) => void) =>
        withStorage((storage) => {
          for (const key of KEYS_IN_ORDER.toReversed()) storage.putItem(item("u", key));
          storage.putItem(item("another", "a/zzz"));
          check(storage);
        });
      type Query = Partial<Parameters<SqlStorage["list"]>[0]>;
      const keys = (storage: SqlStorage, query: Query = {}): string[] =>
        storage
          .list({ user: "u", prefix: "", reverse: false, rowsMax: 1_000, ...query })
          .map(({ key }) => key);

      test(
        "are in byte order, which is not JavaScript's",
        filled((storage) => {
          expect(keys(storage)).toEqual(KEYS_IN_ORDER);
          expect(keys(storage, { reverse: true })).toEqual(KEYS_IN_ORDER.toReversed());
          expect(KEYS_IN_ORDER.toSorted((a, b) => (a < b ? -1 : 1))).not.toEqual(KEYS_IN_ORDER);
        }),
      );

      test(
        "of a prefix are the keys that begin with it, whatever it ends with",
        filled((storage) => {
          const prefixes = [
            "",
            "a",
            "a/",
            "\uD7FF",
            "\uFFFF",
            "\u{10FFFF}",
            "\u{1F9ED}",
            "z",
            "nothing",
            "é",
            "e",
            "a\u{10FFFF}",
          ];
          for (const prefix of prefixes)
            expect(keys(storage, { prefix }), prefix).toEqual(
              KEYS_IN_ORDER.filter((key) => key.startsWith(prefix)),
            );
        }),
      );

      test(
        "begin at start, end before end, and continue after after, in both directions",
        filled((storage) => {
          KEYS_IN_ORDER.forEach((key, n) => {
            expect(keys(storage, { start: key })).toEqual(KEYS_IN_ORDER.slice(n));
            expect(keys(storage, { end: key })).toEqual(KEYS_IN_ORDER.slice(0, n));
            expect(keys(storage, { after: key })).toEqual(KEYS_IN_ORDER.slice(n + 1));
            expect(keys(storage, { after: key, reverse: true })).toEqual(
              KEYS_IN_ORDER.slice(0, n).toReversed(),
            );
          });
          expect(keys(storage, { prefix: "a", start: "a0", end: "b" })).toEqual(["a0", "aa", "a\u{10FFFF}"]);
          expect(keys(storage, { start: "b", end: "a" })).toEqual([]);
        }),
      );

      test(
        "are whole when they are read in pages of any size",
        filled((storage) => {
          for (const reverse of [false, true])
            for (const rowsMax of [1, 2, 3, 7, 100]) {
              const found: string[] = [];
              for (;;) {
                const last = found.at(-1);
                const page = keys(storage, {
                  rowsMax,
                  reverse,
                  ...(last === undefined ? {} : { after: last }),
                });
                found.push(...page);
                if (page.length < rowsMax) break;
              }
              expect(found).toEqual(reverse ? KEYS_IN_ORDER.toReversed() : KEYS_IN_ORDER);
            }
        }),
      );

      test(
        "tell the size and leave the value",
        filled((storage) => {
          storage.putItem(item("u", "a", { value: new Uint8Array(500), tombstone: true }));
          const [row] = storage.list({ user: "u", prefix: "a", reverse: false, rowsMax: 1 });
          expect(row).toMatchObject({ key: "a", size: 500, tombstone: true, value: new Uint8Array(0) });
        }),
      );

      test(
        "are given their values by key, however many, and none for what is not there",
        filled((storage) => {
          const value = (n: number): Uint8Array => new Uint8Array(n % 7).fill(n);
          for (let n = 0; n < 120; n++) storage.putItem(item("v", `k${n}`, { value: value(n) }));
          for (const count of [0, 1, 49, 50, 51, 100, 120]) {
            const asked = Array.from({ length: count }, (_, n) => `k${119 - n}`);
            const found = storage.values("v", ["nothing", ...asked]);
            expect([...found.keys()].toSorted()).toEqual(asked.toSorted());
            for (const key of asked) expect(found.get(key)).toEqual(value(Number(key.slice(1))));
          }
          expect(storage.values("u", KEYS_IN_ORDER).size).toBe(KEYS_IN_ORDER.length);
          expect(storage.values("nobody", ["k1"]).size).toBe(0);
        }),
      );

      test(
        "seek by the primary key, from one bound to the other, in both directions",
        withStorage((_, driver) => {
          const plans: string[] = [];
          const explaining: SqlDriver = {
            ...delegating(driver),
            rows: (sql, ...params) => {
              const plan = driver.rows(`EXPLAIN QUERY PLAN ${sql}`, ...params).map((row) => String(row[3]));
              plans.push(`${plan.join("; ")} (${params.slice(1, -1).map(String).join(" to ")})`);
              return driver.rows(sql, ...params);
            },
          };
          const storage = new SqlStorage(explaining);
          const list = (query: Query): void =>
            void storage.list({ user: "u", prefix: "", reverse: false, rowsMax: 9, ...query });
          for (const reverse of [false, true]) {
            list({ reverse });
            list({ reverse, prefix: "b/" });
            list({ reverse, prefix: "b/", start: "b/c", end: "b/x" });
            list({ reverse, prefix: "b/", start: "a", end: "c" });
            list({ reverse, prefix: "b/", start: "b/c", end: "b/x", after: "b/m" });
          }
          const from = "SEARCH items USING PRIMARY KEY (user=? AND key>?)";
          const both = "SEARCH items USING PRIMARY KEY (user=? AND key>? AND key<?)";
          expect(plans).toEqual([
            `${from} ()`,
            `${both} (b/ to b0)`,
            `${both} (b/c to b/x)`,
            `${both} (b/ to b0)`,
            `${both} (b/m to b/x)`,
            `${from} ()`,
            `${both} (b/ to b0)`,
            `${both} (b/c to b/x)`,
            `${both} (b/ to b0)`,
            `${both} (b/c to b/m)`,
          ]);
        }),
      );
    });

    describe("expiry", () => {
      const expiring = (key: string, expiresAt: number, fields: Partial<ItemRow> = {}): ItemRow =>
        item("u", key, { expiresAt, ...fields });

      test(
        "tells the earliest of an origin's items, whatever happens to them",
        withStorage((storage) => {
          const earliest = (o: number, exactBelow = 0): number => storage.earliestExpiry(o, exactBelow);
          expect(earliest(0)).toBe(Infinity);
          storage.putItem(expiring("a", 500));
          storage.putItem(expiring("b", 300));
          storage.putItem(expiring("c", 100, { o: 1 }));
          storage.putItem(item("u", "never"));
          expect([0, 1, 2].map((o) => earliest(o))).toEqual([300, 100, Infinity]);
          storage.putItem(expiring("d", 200));
          expect(earliest(0)).toBe(200);
          // Rewritten, deleted and turned into a tombstone: nothing of it is found at the old instant.
          storage.putItem(expiring("d", 900));
          storage.putItem(item("u", "b", { tombstone: true }));
          storage.deleteItem("u", "a");
          expect(earliest(0)).toBeLessThanOrEqual(900);
          expect(storage.expiredItems(0, 899, 10)).toEqual([]);
          expect(earliest(0, 201)).toBe(900);
          // Written by another log: no longer this one's.
          storage.putItem(expiring("d", 900, { o: 1 }));
          expect(storage.expiredItems(0, MAX, 10)).toEqual([]);
          expect(storage.expiredItems(1, MAX, 10).map(({ key }) => key)).toEqual(["c", "d"]);
          storage.clearState();
          expect([0, 1].map((o) => earliest(o))).toEqual([Infinity, Infinity]);
        }),
      );

      test(
        "finds what is over, the earliest first, up to the instant and the number asked for",
        withStorage((storage) => {
          for (let n = 1; n <= 9; n++)
            storage.putItem(expiring(`k${n}`, 1_000 - n, { value: new Uint8Array(n) }));
          storage.putItem(expiring("last", MAX));
          expect(storage.expiredItems(0, 993, 3)).toEqual([
            { user: "u", key: "k9", expiresAt: 991, size: 9 },
            { user: "u", key: "k8", expiresAt: 992, size: 8 },
            { user: "u", key: "k7", expiresAt: 993, size: 7 },
          ]);
          expect(storage.expiredItems(0, 993, 100)).toHaveLength(3);
          expect(storage.expiredItems(0, MAX - 1, 100)).toHaveLength(9);
          expect(storage.expiredItems(0, MAX, 100)).toHaveLength(10);
        }),
      );

      test(
        "is looked up in its index, which holds nothing else",
        withStorage((_, driver) => {
          const plans: string[] = [];
          const storage = new SqlStorage({
            ...delegating(driver),
            rows: (sql, ...params) => {
              plans.push(...driver.rows(`EXPLAIN QUERY PLAN ${sql}`, ...params).map((row) => String(row[3])));
              return driver.rows(sql, ...params);
            },
          });
          storage.earliestExpiry(0, 0);
          storage.expiredItems(0, 5, 5);
          expect(plans).toEqual([
            "SEARCH items USING COVERING INDEX items_expiring (<expr>=? AND expires_at>?)",
            "SEARCH items USING INDEX items_expiring (<expr>=? AND expires_at>? AND expires_at<?)",
          ]);
        }),
      );
    });

    describe("owners and idempotency", () => {
      test(
        "owners are one row for each user",
        withStorage((storage) => {
          expect(storage.owner("u")).toBeNull();
          storage.putOwner(owner("u"));
          storage.putOwner(owner("u", { home: 2, version: 2 }));
          expect(storage.owner("u")).toEqual(owner("u", { home: 2, version: 2 }));
          storage.deleteOwner("u");
          expect(storage.owner("u")).toBeNull();
        }),
      );

      const moving = { o: 0, e: 16, s: 8, to: 2, version: 2, refused: { o: 2, e: 18, s: MAX } };
      const past = [{ home: 0, version: MAX, sinceE: 0, sinceS: 0, endE: 16, endS: 8 }];

      test(
        "whoever is on the way is known, and no longer once there, back, or gone",
        withStorage((storage, driver) => {
          storage.putOwner(owner("early", { moving }));
          // Found again by another instance, which has to look.
          const other = new SqlStorage(driver);
          other.putOwner(owner("u", { moving, past }));
          other.putOwner(owner("v", { moving }));
          expect(other.owner("u")).toEqual(owner("u", { moving, past }));
          expect([...other.movingUsers()]).toEqual(["early", "u", "v"]);
          other.putOwner(owner("u", { home: 2, version: 2, past }));
          expect(other.owner("u")).toEqual(owner("u", { home: 2, version: 2, past }));
          other.putOwner(owner("early"));
          expect([...other.movingUsers()]).toEqual(["v"]);
          other.eraseUser("v", null);
          expect([...other.movingUsers()]).toEqual([]);
          other.putOwner(owner("w", { moving }));
          expect([...new SqlStorage(driver).movingUsers()]).toEqual(["w"]);
          other.clearState();
          expect([...other.movingUsers()]).toEqual([]);
        }),
      );

      test(
        "a home with all that belongs to it comes back out of an undo image",
        withStorage((storage) => {
          const before = owner("u", { moving, past });
          const undo = { items: [], owner: { user: "u", before }, idempotency: null };
          storage.insertEntry(entry(1, { undo }));
          expect(storage.entry(0, 1)?.undo).toEqual(undo);
          const lost = { user: "u", o: 0, e: 16, s: 1, did: "record" } as const;
          storage.insertEntry(entry(2, { undo: { ...undo, lost } }));
          expect(storage.entry(0, 2)?.undo).toEqual({ ...undo, lost });
        }),
      );

      test(
        "what expires goes with its user from log to log, and comes back when that is undone",
        withStorage((storage) => {
          const due = (o: number) =>
            storage.expiredItems(o, 100, 10).map(({ user, key }) => `${user}/${key}`);
          storage.putOwner(owner("u", { home: 0 }));
          storage.putOwner(owner("other", { home: 0 }));
          storage.putItem(item("u", "a", { expiresAt: 50 }));
          storage.putItem(item("u", "for-ever"));
          storage.putItem(item("other", "a", { expiresAt: 60 }));
          expect(storage.earliestExpiry(0, 0)).toBe(50);
          expect(storage.earliestExpiry(2, 0)).toBe(Infinity);
          storage.putOwner(owner("u", { home: 2, version: 2, past }));
          expect([due(0), due(2)]).toEqual([["other/a"], ["u/a"]]);
          expect([storage.earliestExpiry(0, 0), storage.earliestExpiry(2, 0)]).toEqual([60, 50]);
          // Written there, and put back as it was by an undo: in both cases it is the new home's.
          storage.putItem(item("u", "b", { o: 2, e: 18, expiresAt: 40 }));
          storage.putItem(item("u", "c", { expiresAt: 45 }));
          expect(due(2)).toEqual(["u/b", "u/c", "u/a"]);
          expect(storage.earliestExpiry(2, 0)).toBe(40);
          storage.putOwner(owner("u", { home: 0 }));
          expect([due(0), due(2)]).toEqual([["u/b", "u/c", "u/a", "other/a"], []]);
          expect(storage.item("u", "b", false)).toMatchObject({ o: 2, e: 18 });
        }),
      );

      test(
        "idempotency rows are found by user and bytes",
        withStorage((storage) => {
          const k = Uint8Array.of(0, 255, 0);
          storage.putIdempotency(idempotency("u", 1, { k }));
          storage.putIdempotency(idempotency("u", 1, { k, status: 200 }));
          storage.putIdempotency(idempotency("v", 1, { k, status: 404 }));
          expect(storage.idempotency("u", k)?.status).toBe(200);
          expect(storage.idempotency("u", k.subarray(0, 2))).toBeNull();
          storage.deleteIdempotency("u", k);
          expect([storage.idempotency("u", k), storage.idempotency("v", k)?.status]).toEqual([null, 404]);
        }),
      );

      test(
        "the oldest of a user's rows go first",
        withStorage((storage) => {
          for (let k = 1; k <= 5; k++) storage.putIdempotency(idempotency("u", k, { hlc: 10 - k }));
          storage.putIdempotency(idempotency("v", 1));
          expect(storage.countIdempotency("u")).toBe(5);
          storage.trimIdempotency("u", 2);
          expect([1, 2, 3, 4, 5].map((k) => storage.idempotency("u", Uint8Array.of(k)) !== null)).toEqual([
            true,
            true,
            false,
            false,
            false,
          ]);
          expect([storage.countIdempotency("u"), storage.countIdempotency("v")]).toEqual([2, 1]);
          storage.trimIdempotency("u", 5);
          expect(storage.countIdempotency("u")).toBe(2);
        }),
      );

      test(
        "what is too old goes, a bounded number at a time",
        withStorage((storage) => {
          for (let k = 1; k <= 6; k++) storage.putIdempotency(idempotency(`u${k % 2}`, k));
          expect(storage.expireIdempotency(5, 3)).toBe(3);
          expect(storage.expireIdempotency(5, 3)).toBe(1);
          expect(storage.expireIdempotency(5, 3)).toBe(0);
          expect(storage.countIdempotency("u0") + storage.countIdempotency("u1")).toBe(2);
        }),
      );
    });

    describe("scans", () => {
      const CUTS = [1, 50, 149, 150, 151, 400, 1_000, 5_000, MAX];

      test(
        "give everything once and in order, wherever they are cut",
        withStorage((storage) => {
          const users = ["\u0001", "a", "å", "\u{1F9ED}"];
          for (const user of users) {
            storage.putOwner(owner(user));
            for (let k = 0; k < 3; k++) storage.putIdempotency(idempotency(user, k));
            for (const key of ["", "k", "\uFFFD", "\u{10000}"])
              storage.putItem(
                item(user, key, { tombstone: key === "k", value: new Uint8Array(key === "" ? 900 : 10) }),
              );
          }
          const whole = storage.scan(new Uint8Array(0), MAX);
          expect([whole.items.length, whole.owners.length, whole.idempotency.length]).toEqual([16, 4, 12]);
          expect(whole.cursor).toEqual(new Uint8Array(0));
          for (const bytesMax of CUTS) {
            const pieces = { items: [] as unknown[], owners: [] as unknown[], idempotency: [] as unknown[] };
            let cursor: Uint8Array = new Uint8Array(0);
            do {
              const page = storage.scan(cursor, bytesMax);
              expect(page.items.length + page.owners.length + page.idempotency.length).toBeLessThanOrEqual(
                1_000,
              );
              for (const kind of ["items", "owners", "idempotency"] as const)
                pieces[kind].push(...page[kind]);
              // A cursor crosses the wire.
              cursor = page.cursor.slice();
            } while (cursor.length > 0);
            expect(pieces).toEqual({
              items: whole.items,
              owners: whole.owners,
              idempotency: whole.idempotency,
            });
          }
        }),
      );

      test(
        "go on beyond one statement's rows, and a page is not much larger than was asked for",
        withStorage((storage) => {
          for (let n = 0; n < 600; n++) {
            storage.putOwner(owner(`u${String(n).padStart(4, "0")}`));
            storage.putIdempotency(idempotency("u", n % 256, { k: Uint8Array.of(n >> 8, n % 256) }));
            storage.putItem(item("u", `k${n}`, { value: new Uint8Array(1_000) }));
          }
          storage.putItem(item("u", "large", { value: new Uint8Array(MEBIBYTE) }));
          const counts = { items: 0, owners: 0, idempotency: 0 };
          let cursor: Uint8Array = new Uint8Array(0);
          do {
            const page = storage.scan(cursor, 100_000);
            for (const kind of ["items", "owners", "idempotency"] as const) counts[kind] += page[kind].length;
            // It ends with the item that fills it, however large that one is.
            const bytes = page.items.slice(0, -1).reduce((sum, { value }) => sum + value.length, 0);
            expect(bytes).toBeLessThanOrEqual(100_000);
            ({ cursor } = page);
          } while (cursor.length > 0);
          expect(counts).toEqual({ items: 601, owners: 600, idempotency: 600 });
        }),
      );

      test(
        "see what is written behind their back beyond the cursor, and refuse a cursor of somebody else",
        withStorage((storage) => {
          for (const key of ["a", "c"]) storage.putItem(item("u", key));
          let page = storage.scan(new Uint8Array(0), 1);
          while (page.items.length === 0) page = storage.scan(page.cursor, 1);
          storage.putItem(item("u", "b"));
          storage.deleteItem("u", "c");
          const rest: string[] = [];
          for (let { cursor } = page; cursor.length > 0;) {
            const next = storage.scan(cursor, MAX);
            rest.push(...next.items.map(({ key }) => key));
            ({ cursor } = next);
          }
          expect(rest).toEqual(["b"]);
          expect(() => storage.scan(Uint8Array.of(3, 1, 2, 3), 100)).toThrow();
        }),
      );

      test(
        "clearing the state leaves the log",
        withStorage((storage) => {
          storage.putItem(item("u", "a"));
          storage.putOwner(owner("u"));
          storage.putIdempotency(idempotency("u", 1));
          storage.insertEntry(entry(1));
          storage.clearState();
          expect(storage.scan(new Uint8Array(0), MAX)).toMatchObject({
            items: [],
            owners: [],
            idempotency: [],
          });
          expect(storage.head(0)?.s).toBe(1);
        }),
      );
    });

    describe("transactions and migrations", () => {
      test(
        "a transaction that throws leaves nothing of what it wrote",
        withStorage((storage, driver) => {
          storage.insertEntry(entry(1));
          const turn = (): void => {
            storage.insertEntry(entry(2));
            storage.putItem(item("u", "k"));
            storage.setMeta("n", 1);
            storage.deleteEntry(0, 1);
            throw new Error("a mistake");
          };
          expect(() => driver.transaction(turn)).toThrow("a mistake");
          expect([storage.head(0)?.s, storage.item("u", "k", false), storage.meta("n")]).toEqual([
            1,
            null,
            null,
          ]);
          driver.transaction(() => storage.insertEntry(entry(2)));
          expect(storage.head(0)?.s).toBe(2);
        }),
      );

      test(
        "a refused integer takes its whole turn back",
        withStorage((storage, driver) => {
          const turn = (): void => {
            storage.setMeta("n", 1);
            storage.insertEntry(entry(MAX + 1));
          };
          expect(() => driver.transaction(turn)).toThrow(IntegerOutOfRange);
          expect(storage.meta("n")).toBeNull();
        }),
      );

      test("the log of an older version is kept, and whose its entries are is not known", () =>
        withDriver((driver) => {
          driver.transaction(() => migrate(driver, 1, 1));
          driver.run(
            `INSERT INTO log(place, o, s, e, hlc, commit_s, applied, chain, entry, undo) VALUES(1, 0, 1, 16, 101, 0, 1, ?, ?, NULL)`,
            new Uint8Array(16).fill(1),
            Uint8Array.of(1, 2),
          );
          driver.transaction(() => migrate(driver, 2));
          const storage = new SqlStorage(driver);
          expect(storage.entry(0, 1)).toEqual(entry(1, { user: null }));
          expect(storage.usersOf(0, 0, 1)).toEqual(new Set([null]));
          const { found } = storage.entriesOf(0, "u", { after: 0, through: 1, entriesMax: 5 });
          expect(found).toEqual([{ e: 16, s: 1, entryBytes: 2 }]);
        }));

      test(
        "migrating again changes nothing",
        withStorage((storage, driver) => {
          storage.putItem(item("u", "k"));
          const schema = (): unknown => driver.rows(`SELECT name, sql FROM sqlite_master ORDER BY name`);
          const before = schema();
          driver.transaction(() => migrate(driver, 2));
          expect(schema()).toEqual(before);
          expect(driver.rows(`SELECT DISTINCT at FROM migrations`)).toEqual([[1]]);
          expect(storage.item("u", "k", false)).not.toBeNull();
        }),
      );

      test(
        "a database of newer code is used as it is",
        withStorage((storage, driver) => {
          driver.run(`ALTER TABLE items ADD COLUMN later TEXT`);
          driver.run(`INSERT INTO migrations(id, at) VALUES(999, 5)`);
          driver.transaction(() => migrate(driver, 2));
          const row = item("u", "k");
          storage.putItem(row);
          expect(storage.item("u", "k", true)).toEqual({ ...row, size: 3 });
        }),
      );

      test(
        "every migration has run, in the order of their numbers, from one without a gap",
        withStorage((_, driver) => {
          const ids = driver.rows(`SELECT id FROM migrations`).map((row) => Number(row[0]));
          expect(ids).toEqual(ids.map((_, n) => n + 1));
        }),
      );

      test(
        "two secondary indexes are all there is, of what expires and of who moves, and no table has a rowid beside its key",
        withStorage((_, driver) => {
          const tables = driver
            .rows(`SELECT name, sql FROM sqlite_master WHERE type = 'table'`)
            .filter(([name]) => FIRST_TABLES.includes(String(name)));
          expect(tables.length).toBe(FIRST_TABLES.length);
          for (const [name, sql] of tables)
            expect(String(sql), String(name)).toMatch(/WITHOUT ROWID|INTEGER PRIMARY KEY/);
          expect(
            driver.rows(`SELECT sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL`),
          ).toEqual([
            ["CREATE INDEX owners_moving ON owners(user) WHERE moving IS NOT NULL"],
            ["CREATE INDEX items_expiring ON items(coalesce(reclaimer, o), expires_at) WHERE expires_at > 0"],
          ]);
        }),
      );
    });
  });
}

const FIRST_TABLES = [
  "acceptor",
  "base",
  "divergent",
  "epochs",
  "grants",
  "idempotency",
  "items",
  "leadership",
  "log",
  "meta",
  "outbox",
  "owners",
  "pins",
  "poison",
  "restore",
  "undo",
];

/** A driver whose methods can be replaced one by one. */
function delegating(driver: SqlDriver): SqlDriver {
  return {
    rows: (sql, ...params) => driver.rows(sql, ...params),
    run: (sql, ...params) => driver.run(sql, ...params),
    bytesInUse: () => driver.bytesInUse(),
    journalBytes: driver.journalBytes,
    transaction: (work) => driver.transaction(work),
  };
}

/** Compares as the thing itself does, without a message of a million lines: large blobs become their size and a sum. */
function light(thing: unknown): unknown {
  if (thing instanceof Uint8Array)
    return thing.length < 100
      ? thing
      : { length: thing.length, sum: thing.reduce((sum, b, n) => (sum * 31 + b + n) % 65_521, 0) };
  if (Array.isArray(thing)) return thing.map(light);
  if (typeof thing !== "object" || thing === null) return thing;
  return Object.fromEntries(Object.entries(thing).map(([name, value]) => [name, light(value)]));
}

/** For both worlds: it needs no database. */
export function describeKeyRange(): void {
  describe("prefixEnd", () => {
    const bytes = (text: string): string =>
      Array.from(new TextEncoder().encode(text), (b) => b.toString(16).padStart(2, "0")).join("");

    test("is the least text above all that begin with the prefix, in bytes", () => {
      for (const key of KEYS_IN_ORDER) {
        const end = prefixEnd(key);
        if (end === null) {
          expect([...key].every((c) => c === "\u{10FFFF}")).toBe(true);
          continue;
        }
        for (const below of [key, `${key}\u{10FFFF}`, `${key}z`])
          expect(bytes(below) < bytes(end)).toBe(true);
        for (const other of KEYS_IN_ORDER) {
          if (!other.startsWith(key))
            expect(bytes(other) < bytes(key) || bytes(other) >= bytes(end)).toBe(true);
        }
      }
    });

    test("steps over surrogates, and carries", () => {
      expect(prefixEnd("\uD7FF")).toBe("\uE000");
      expect(prefixEnd("a\u{10FFFF}")).toBe("b");
      expect(prefixEnd("a\u{10FFFF}\u{10FFFF}")).toBe("b");
      expect(prefixEnd("\u{10FFFF}")).toBeNull();
      expect(prefixEnd("")).toBeNull();
      expect(prefixEnd("\uFFFF")).toBe("\u{10000}");
    });
  });

  describe("keys", () => {
    test("are compared as their bytes are", () => {
      const pairs = KEYS_IN_ORDER.flatMap((a, n) =>
        KEYS_IN_ORDER.map((b, m) => ({ a, b, sign: Math.sign(n - m) })),
      );
      for (const { a, b, sign } of pairs) expect(Math.sign(compareKeys(a, b)), `${a} and ${b}`).toBe(sign);
      expect(compareKeys("", "")).toBe(0);
    });

    test("of a list lie between the greatest of the lower bounds and the least of the upper ones", () => {
      const range = (query: Partial<Parameters<typeof rangeOf>[0]>) => {
        const { from, beyond, to } = rangeOf({ prefix: "", reverse: false, ...query });
        return `${beyond ? "(" : "["}${from}, ${to ?? "end"})`;
      };
      const within = { prefix: "b/", start: "b/c", end: "b/x" };
      expect([
        range({}),
        range(within),
        range({ ...within, start: "a" }),
        range({ ...within, end: "z" }),
        range({ ...within, after: "b/m" }),
        range({ ...within, after: "a" }),
        range({ ...within, after: "b/c" }),
        range({ ...within, after: "b/m", reverse: true }),
        range({ ...within, after: "z", reverse: true }),
        range({ start: "\uFFFD", after: "\u{1F9ED}" }),
      ]).toEqual([
        "[, end)",
        "[b/c, b/x)",
        "[b/, b/x)",
        "[b/c, b0)",
        "(b/m, b/x)",
        "[b/c, b/x)",
        "(b/c, b/x)",
        "[b/c, b/m)",
        "[b/c, b/x)",
        "(\u{1F9ED}, end)",
      ]);
    });
  });
}
