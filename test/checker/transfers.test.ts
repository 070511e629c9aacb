import { describe, expect, it } from "vitest";
import type { ReplicaState } from "../../src/checker/convergence.ts";
import type { ShownItem } from "../../src/checker/operation.ts";
import { checkTransfers } from "../../src/checker/transfers.ts";
import { Story, v } from "./story.ts";

const ACCOUNTS = { prefix: "t", count: 2, total: 10 };
const cut = { op: "list", prefix: "t" } as const;
const items = (...balances: (number | string)[]): ShownItem[] =>
  balances.map((value, n) => ({ key: `t${n}`, version: v(1), value }));
const replica = (...balances: number[]): ReplicaState => ({
  region: "weur",
  partition: "0",
  items: balances.map((value, n) => ({ user: "alice", key: `t${n}`, version: v(1), value })),
});

function messages(story: Story, replicas: readonly ReplicaState[] = []): string[] {
  return checkTransfers(story.operations, replicas, ACCOUNTS).violations.map(({ message }) => message);
}

describe("transfers", () => {
  it("move amounts about, before every eye and in the end", () => {
    const story = new Story();
    story.did(cut, { items: [] });
    const transfer = { op: "transaction", writes: [{ op: "add", key: "t0", value: 3 }] } as const;
    story.did(transfer, { version: v(2) });
    story.did(transfer, { applied: false });
    story.did(cut, { items: items(8, 2) });
    story.did(cut, { items: items(-1, 11) });
    story.unknown(cut);
    const verdict = checkTransfers(story.operations, [replica(8, 2), replica()], ACCOUNTS);
    expect(verdict).toMatchObject({ ok: true, counted: { cuts: 2, transfers: 1, ledgers: 1 } });
  });

  it.each([
    ["something is made", [8, 3], "a total of 11 instead of 10"],
    ["something is lost", [8, 1], "a total of 9 instead of 10"],
    ["one account is missing", [10], "1 of 2 accounts"],
    ["one account is too many", [8, 2, 0], "3 of 2 accounts"],
    ["a balance is no number", [8, "2"], "instead of 10"],
  ] as const)("are caught when %s", (_what, balances, words) => {
    const story = new Story();
    story.did(cut, { items: items(...balances) });
    expect(messages(story)).toEqual([expect.stringContaining(words)]);
  });

  it("are caught at a replica in the end, whatever the clients saw", () => {
    expect(messages(new Story(), [replica(8, 2), replica(8, 3)])).toEqual([
      expect.stringContaining("in the end alice's accounts in weur: a total of 11"),
    ]);
  });

  it("says nothing of lists of other things", () => {
    const story = new Story();
    story.did({ op: "list" }, { items: items(1) });
    story.did({ op: "list", prefix: "k" }, { items: items(1) });
    expect(messages(story)).toEqual([]);
  });
});
