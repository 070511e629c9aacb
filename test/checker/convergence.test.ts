import { describe, expect, it } from "vitest";
import { Authority } from "../../src/checker/authority.ts";
import { checkConvergence, type ReplicaState } from "../../src/checker/convergence.ts";
import { entry, v } from "./story.ts";

function replica(region: string, rest: Partial<ReplicaState> = {}): ReplicaState {
  const items = [
    { user: "alice", key: "a", version: v(3), value: { x: 1, y: 2 } },
    { user: "alice", key: "b", version: v(2), value: 2 },
  ];
  return { region, partition: "default/0", items, checksum: "c1", ...rest };
}

function messages(replicas: ReplicaState[], authority?: Authority): string[] {
  return checkConvergence(replicas, authority).violations.map((violation) => violation.message);
}

describe("convergence", () => {
  const line = new Authority([entry(v(1)), entry(v(2), { key: "b" }), entry(v(3))]);

  it("is equal items, whatever the order of items and members", () => {
    const [a, b] = replica("weur").items;
    const turned = replica("enam", { items: [b, { ...a, value: { y: 2, x: 1 } }] as ReplicaState["items"] });
    expect(messages([replica("weur"), turned, replica("apac")], line)).toEqual([]);
    expect(checkConvergence([replica("weur"), turned]).counted).toEqual({
      partitions: 1,
      replicas: 2,
      items: 4,
      checksums: 2,
    });
  });

  it("catches a missing item, another version, another value, another checksum", () => {
    const [a, b] = replica("weur").items;
    const item = (change: object): ReplicaState["items"] => [a, { ...b, ...change }] as ReplicaState["items"];
    expect(messages([replica("weur"), replica("enam", { items: item({}).slice(0, 1) })])).toEqual([
      expect.stringContaining(`differ on alice/"b": weur holds weur.16.2 = 2, enam holds nothing`),
    ]);
    expect(messages([replica("weur"), replica("enam", { items: item({ version: v(1) }) })])).toHaveLength(1);
    expect(messages([replica("weur"), replica("enam", { items: item({ value: 3 }) })])).toHaveLength(1);
    expect(messages([replica("weur"), replica("enam", { checksum: "c2" })])).toEqual([
      expect.stringContaining("checksums"),
    ]);
  });

  it("compares within a partition only", () => {
    expect(messages([replica("weur"), replica("enam", { partition: "default/1", items: [] })])).toEqual([]);
  });

  it("catches replicas that agree on something wrong", () => {
    const removed = new Authority([...line.entries, entry(v(4), { key: "b", op: "delete" })]);
    expect(messages([replica("weur"), replica("enam")], removed)).toHaveLength(2);
    const newer = new Authority([...line.entries, entry(v(4), { key: "c" })]);
    expect(messages([replica("weur")], newer)).toEqual([
      expect.stringContaining(`no replica holds alice/"c"`),
    ]);
  });
});
