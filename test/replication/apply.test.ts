/** Applying entries and taking them back, waiting for dependencies, and standing still before what is not understood. */
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { AssertionFailed } from "../../src/lib/assert.ts";
import { type Entry, EntryKind, type EntryCodec, OpKind } from "../../src/replication/entry.ts";
import { entryCodec } from "../../src/wire/entry-codec.ts";
import { bytesOf, Node, Story, textOf } from "./harness.ts";

let node: Node;
beforeEach(() => {
  node = new Node({ region: 1 });
});
afterEach(() => node.close());

function value(user: string, key: string): string | null {
  const item = node.storage.item(user, key, true);
  return item === null || item.tombstone ? null : textOf(item.value);
}

describe("what an entry does", () => {
  test("a put, a delete and a claim are in the items and owners once they are received", () => {
    const story = new Story(0)
      .open(16)
      .claim("anna", 0)
      .put("anna", "a", "1")
      .put("anna", "b", "2")
      .delete("anna", "a");
    node.peer(0, story.append());
    expect([value("anna", "a"), value("anna", "b")]).toEqual([null, "2"]);
    expect(node.storage.item("anna", "a", true)).toMatchObject({
      tombstone: true,
      o: 0,
      e: 16,
      s: 5,
      size: 0,
    });
    expect(node.storage.owner("anna")).toEqual({
      user: "anna",
      home: 0,
      version: 1,
      o: 0,
      e: 16,
      s: 2,
      past: [],
    });
  });

  test("every kind of op is applied by its after-image", () => {
    const after = { contentType: "text/plain", value: bytesOf("v"), expiresAt: 77 };
    const kinds = Object.values(OpKind);
    const ops = kinds.map((kind) => ({
      kind,
      key: `k${kind}`,
      ...(kind === OpKind.delete || kind === OpKind.expire ? {} : { after, command: bytesOf("c") }),
    }));
    node.peer(0, new Story(0).open(16).claim("anna", 0).add({ user: "anna", ops }).append());
    expect(kinds.map((kind) => node.storage.item("anna", `k${kind}`, false)?.expiresAt)).toEqual([
      77, 0, 77, 77, 0,
    ]);
    expect(kinds.map((kind) => value("anna", `k${kind}`))).toEqual(["v", null, "v", "v", null]);
  });

  test("the first claim stays; a later one of the same version changes nothing and can be taken back", () => {
    const story = new Story(0).open(16).claim("anna", 0).claim("anna", 2);
    node.peer(0, story.append());
    expect(node.storage.owner("anna")).toMatchObject({ home: 0, s: 2 });
    node.peer(2, story.fork(2).open(34).append(2));
    expect(node.storage.owner("anna")).toMatchObject({ home: 0, s: 2 });
    node.peer(2, story.fork(1).open(50).append(1));
    expect(node.storage.owner("anna")).toBeNull();
  });

  test("an idempotency key of a client costs a row, one of the edge none", () => {
    const mark = { key: "k", fingerprint: Uint8Array.of(1) };
    const story = new Story(0)
      .open(16)
      .claim("anna", 0)
      .put("anna", "a", "1", { idempotency: { ...mark, by: "client" }, status: 201 })
      .put("anna", "a", "2", { idempotency: { ...mark, key: "l", by: "edge" } });
    node.peer(0, story.append());
    expect(node.storage.countIdempotency("anna")).toBe(1);
    const [row] = node.storage.scan(new Uint8Array(0), 1e9).idempotency;
    expect(row).toMatchObject({ user: "anna", o: 0, e: 16, s: 3, status: 201 });
  });

  test("an epoch that does not begin with its OPEN, and a gap, are mistakes of ours and stop the turn", () => {
    const story = new Story(0).open(16);
    node.peer(0, story.append());
    const before = node.state();
    expect(() => node.peer(0, story.add({ e: 32, kind: EntryKind.txn }).append(1))).toThrow(AssertionFailed);
    expect(node.state()).toEqual(before);
  });
});

describe("taking entries back", () => {
  test("restores what was there, and keeps what was cut", () => {
    const story = new Story(0)
      .open(16)
      .claim("anna", 0)
      .put("anna", "a", "1")
      .delete("anna", "a")
      .put("anna", "a", "2");
    node.peer(0, story.append(0, 3));
    const before = node.state();
    node.peer(0, story.append(3));
    expect(value("anna", "a")).toBe("2");
    node.now += 7;
    node.peer(2, story.fork(3).open(34).append(3));
    expect(node.state()).toEqual(before);
    expect(node.storage.cutPlaces()).toEqual([
      { o: 0, e: 16, s: 4, user: "anna", foundAt: node.now },
      { o: 0, e: 16, s: 5, user: "anna", foundAt: node.now },
    ]);
    const kept = node.storage.divergentAt({ o: 0, e: 16, s: 5 });
    expect(kept?.applied).toBe(true);
    expect(entryCodec.decode(kept!.entry).ops[0]?.after?.value).toEqual(bytesOf("2"));
    expect(node.log(0)).toMatchObject({ head: 4, applied: 4, epoch: 34 });
  });

  test("never at or below the commit position", () => {
    const story = new Story(0).open(16).claim("anna", 0).put("anna", "a", "1");
    node.peer(0, story.append(0, 3, { commit: 3 }));
    expect(() => node.peer(2, story.fork(2).open(34).append(2))).toThrow(AssertionFailed);
    expect(node.log(0)).toMatchObject({ head: 3, committed: 3 });
  });

  test("works across a restart, and after an undo image that did not fit beside its entry", () => {
    const large = "x".repeat(1_048_576);
    const story = new Story(0)
      .open(16)
      .claim("anna", 0)
      .put("anna", "a", large)
      .put("anna", "a", `${large}y`);
    node.peer(0, story.append(0, 3));
    node.peer(0, story.append(3));
    node.start();
    node.peer(2, story.fork(3).open(34).append(3));
    expect(value("anna", "a")?.length).toBe(large.length);
  });

  /** A follower under leaders that come and go, against a model that replays the log it should have. */
  test("random entries, cuts and restarts leave what a replay of the surviving log makes", () => {
    const users = ["anna", "ben"];
    const write = fc.record({
      user: fc.constantFrom(...users),
      key: fc.constantFrom("a", "b", "c"),
      kind: fc.constantFrom("put", "put", "delete", "claim", "keyed"),
      value: fc.string({ maxLength: 5 }),
    });
    const step = fc.oneof(
      {
        weight: 5,
        arbitrary: fc.record({
          do: fc.constant("write" as const),
          writes: fc.array(write, { minLength: 1, maxLength: 4 }),
        }),
      },
      { weight: 2, arbitrary: fc.record({ do: fc.constant("takeover" as const), cut: fc.nat({ max: 6 }) }) },
      {
        weight: 2,
        arbitrary: fc.record({
          do: fc.constant("commit" as const),
          part: fc.double({ min: 0, max: 1, noNaN: true }),
        }),
      },
      { weight: 1, arbitrary: fc.record({ do: fc.constant("restart" as const) }) },
    );
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 25 }), (steps) => {
        const follower = new Node({ region: 1 });
        let story = new Story(0).open(16).claim("anna", 0).claim("ben", 0);
        let counter = 1;
        let commit = 0;
        const tell = (): void =>
          void follower.peer(story.last.e % 16, story.append(0, undefined, { commit }));
        tell();
        for (const one of steps) {
          if (one.do === "restart") follower.start();
          if (one.do === "commit") commit = Math.max(commit, Math.floor(story.last.s * one.part));
          if (one.do === "takeover") {
            counter += 1;
            story = story
              .fork(Math.max(commit, 3, story.last.s - one.cut))
              .open(counter * 16 + (counter % 2) * 2);
          }
          if (one.do === "write")
            for (const { user, key, kind, value } of one.writes) {
              if (kind === "claim") story.claim(user, 2);
              else if (kind === "delete") story.delete(user, key);
              else if (kind === "keyed")
                story.put(user, key, value, {
                  idempotency: { key, by: "client", fingerprint: bytesOf(value) },
                });
              else story.put(user, key, value);
            }
          tell();
        }
        const model = new Node({ region: 1 });
        model.peer(story.last.e % 16, story.append(0, undefined, { commit: story.last.s }));
        expect(follower.state()).toEqual(model.state());
        expect(follower.log(0)).toMatchObject({
          head: story.last.s,
          applied: story.last.s,
          epoch: story.last.e,
        });
        follower.close();
        model.close();
      }),
      { numRuns: 150 },
    );
  });
});

describe("dependencies", () => {
  const anchor = (): Story => new Story(0).open(16).claim("anna", 2);
  const home = (deps: Entry["deps"]): Story => new Story(2).open(18).put("anna", "a", "1", { deps });

  test("hold an entry back until they are applied, while it is stored and acknowledged", () => {
    expect(node.peer(2, home([{ o: 0, e: 16, s: 2 }]).append())).toMatchObject({
      type: "append-ok",
      match: 2,
    });
    expect(node.log(2)).toMatchObject({ head: 2, applied: 1, state: "following" });
    expect(value("anna", "a")).toBeNull();
    node.peer(0, anchor().append());
    expect(node.log(2).applied).toBe(2);
    expect(value("anna", "a")).toBe("1");
  });

  test("hold back across a restart", () => {
    node.peer(2, home([{ o: 0, e: 16, s: 2 }]).append());
    node.start();
    expect(node.log(2).applied).toBe(1);
    node.peer(0, anchor().append());
    node.start();
    expect(value("anna", "a")).toBe("1");
  });

  test("that are lost for good are satisfied, and those that only may be lost are not", () => {
    node.peer(0, anchor().append());
    node.peer(2, home([{ o: 0, e: 16, s: 3 }]).append());
    expect(node.log(2).applied).toBe(1);
    const reopened = anchor().open(17);
    node.peer(1, reopened.append());
    expect(node.log(2).applied).toBe(1);
    node.peer(1, reopened.append(3, 3, { commit: 3 }));
    expect(node.log(2).applied).toBe(2);
  });

  test("that are lost stand for what was not lost before them: that comes first, and what came after it in the other log does not say so again", () => {
    node.close();
    node = new Node({ region: 2, regions: 5 });
    const anchor = new Story(0)
      .open(16)
      .claim("anna", 1)
      .put("carl", "x", "1", { deps: [{ o: 3, e: 19, s: 2 }], ops: [] })
      .claim("ben", 1);
    const home = new Story(1)
      .open(17)
      // Of what was seen at 5, which is lost; ben's claim at 4 is not, and goes without saying.
      .put("anna", "a", "1", { deps: [{ o: 0, e: 16, s: 5 }] })
      .put("ben", "b", "1");
    node.peer(1, home.append(0, 3, { commit: 3 }));
    node.peer(1, anchor.open(33).append(0, 5, { e: 33, commit: 5 }));
    expect(node.log(0)).toMatchObject({ applied: 2, committed: 5 });
    expect(node.log(1)).toMatchObject({ applied: 1 });
    node.peer(3, new Story(3).open(19).claim("carl", 0).append());
    expect([node.log(0).applied, node.log(1).applied]).toEqual([5, 3]);
    expect(value("ben", "b")).toBe("1");
  });

  test("chains across logs come free together, in order", () => {
    const first = new Story(0)
      .open(16)
      .claim("anna", 2)
      .claim("ben", 0)
      .put("ben", "x", "1", { deps: [{ o: 2, e: 18, s: 2 }] });
    const second = home([{ o: 0, e: 16, s: 2 }]).put("anna", "b", "2", { deps: [{ o: 0, e: 16, s: 4 }] });
    node.peer(2, second.append());
    expect(node.log(2).applied).toBe(1);
    node.peer(0, first.append());
    expect([node.log(0).applied, node.log(2).applied]).toEqual([4, 3]);
  });
});

describe("what is not understood", () => {
  /** Code that does not know a kind yet: newer code is the plain codec. */
  const older = (strange: Partial<Record<"kind" | "pv" | "op", number>>): EntryCodec => ({
    encode: (entry) => entryCodec.encode(entry),
    decode: (bytes) => {
      const entry = entryCodec.decode(bytes);
      if (entry.s !== 3 || entry.o !== 0) return entry;
      const ops =
        strange.op === undefined ? entry.ops : entry.ops.map((op) => ({ ...op, kind: strange.op! }));
      return { ...entry, kind: strange.kind ?? entry.kind, pv: strange.pv ?? entry.pv, ops };
    },
  });
  const unreadable: EntryCodec = {
    encode: (entry) => entryCodec.encode(entry),
    decode: (bytes) => {
      const entry = entryCodec.decode(bytes);
      if (entry.s === 3) throw new Error("no entry");
      return entry;
    },
  };

  test.each([
    ["an unknown kind of entry", older({ kind: 99 })],
    ["a reserved kind of entry", older({ kind: EntryKind.retire })],
    ["an unknown kind of op", older({ op: 42 })],
    ["a newer version", older({ pv: 2 })],
    ["bytes that do not decode", unreadable],
  ])(
    "%s parks the log: it stores and acknowledges, skips nothing, and goes on with newer code",
    (_, codec) => {
      node.start({ codec });
      const story = new Story(0).open(16).claim("anna", 0).put("anna", "a", "1").put("anna", "b", "2");
      expect(node.peer(0, story.append(0, 3))).toMatchObject({ type: "append-ok", match: 3 });
      expect(node.peer(0, story.append(3, 4, { commit: 4 }))).toMatchObject({ type: "append-ok", match: 4 });
      expect(node.log(0)).toMatchObject({ head: 4, applied: 2, committed: 4, state: "parked" });
      expect(value("anna", "b")).toBeNull();
      node.start({ codec });
      expect(node.log(0).state).toBe("parked");
      // The entry is handed on as it came.
      const pulled = node.peer(2, {
        type: "pull",
        o: 0,
        last: { e: 16, s: 2 },
        base: { e: 0, s: 0 },
        epochs: [{ e: 16, start: 1 }],
        bytesMax: 1e6,
        wantCommit: false,
      });
      expect(pulled).toMatchObject({
        type: "pull-ok",
        entries: story.entries.slice(2),
        chain: story.chainAt(4),
      });
      node.start({ codec: entryCodec });
      expect(node.log(0)).toMatchObject({ applied: 4, state: "following" });
      expect([value("anna", "a"), value("anna", "b")]).toEqual(["1", "2"]);
    },
  );

  test("an OPEN that does not decode parks the log too", () => {
    const codec: EntryCodec = {
      ...unreadable,
      decode: () => {
        throw new Error("no entry");
      },
    };
    node.start({ codec });
    expect(node.peer(0, new Story(0).open(16).append())).toMatchObject({ type: "append-ok", match: 1 });
    expect(node.log(0)).toMatchObject({ head: 1, applied: 0, epoch: 16, state: "parked" });
  });

  test("a parked log holds up what depends on it, and no other", () => {
    node.start({ codec: older({ kind: 99 }) });
    node.peer(0, new Story(0).open(16).claim("anna", 2).claim("ben", 2).append());
    node.peer(
      2,
      new Story(2)
        .open(18)
        .put("anna", "a", "1")
        .put("ben", "b", "2", { deps: [{ o: 0, e: 16, s: 3 }] })
        .append(),
    );
    expect(node.log(2)).toMatchObject({ head: 3, applied: 2, state: "following" });
    expect([value("anna", "a"), value("ben", "b")]).toEqual(["1", null]);
  });

  test("a cut before the strange entry ends the parking", () => {
    node.start({ codec: older({ kind: 99 }) });
    const story = new Story(0).open(16).claim("anna", 0).put("anna", "a", "1").put("anna", "b", "2");
    node.peer(0, story.append());
    node.start({
      codec: {
        ...entryCodec,
        decode: (bytes) => older(entryCodec.decode(bytes).e === 16 ? { kind: 99 } : {}).decode(bytes),
      },
    });
    expect(node.log(0).state).toBe("parked");
    node.peer(2, story.fork(2).open(34).put("anna", "c", "3").append(2));
    expect(node.log(0)).toMatchObject({ head: 4, applied: 4, state: "following" });
    expect(value("anna", "c")).toBe("3");
  });
});
