import { describe, expect, it } from "vitest";
import { changesOf } from "../../src/replication/change.ts";
import { EntryKind, OpKind, type Entry } from "../../src/replication/entry.ts";
import { hlcAt } from "../../src/replication/hlc.ts";

const AT = Date.UTC(2026, 10, 26);

function entry(ops: Entry["ops"]): Entry {
  return {
    pv: 1,
    kind: EntryKind.txn,
    o: 1,
    e: 17,
    s: 9,
    inc: 1,
    hlc: hlcAt(AT) + 5,
    user: "alice",
    principal: "alice",
    concern: "local",
    deps: [],
    xdeps: [],
    ops,
    status: 200,
  };
}

describe("the changes of an entry", () => {
  it("are its ops in order, all at the entry's position", () => {
    const after = { contentType: "text/plain", value: new Uint8Array([1]), expiresAt: 0 };
    const changes = changesOf(
      entry([
        { kind: OpKind.put, key: "b", after },
        { kind: OpKind.delete, key: "a" },
      ]),
    );
    const position = { o: 1, e: 17, s: 9 };
    expect(changes).toEqual([
      { position, user: "alice", key: "b", op: "put", at: AT, after },
      { position, user: "alice", key: "a", op: "delete", at: AT },
    ]);
  });

  it("are none where no item changed, and leave out what this code does not know", () => {
    expect(changesOf(entry([]))).toEqual([]);
    expect(changesOf(entry([{ kind: 99, key: "a" }]))).toEqual([]);
  });
});
