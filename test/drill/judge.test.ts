/** One violation at a time, planted in a drill that went well: the judge has to fail it, and by the right name. */
import { describe, expect, it } from "vitest";
import type { Evidence } from "../../src/drill/judge.ts";
import { judge } from "../../src/drill/judge.ts";
import { World } from "./evidence.ts";

const KEPT = { clocks: "kept", floors: {} } as const;

function failing(evidence: Evidence): string[] {
  const { ok, verdicts } = judge(evidence, KEPT);
  const names = verdicts.filter((verdict) => verdict.ok !== true).map(({ checker }) => checker);
  expect(ok).toBe(names.length === 0);
  return names;
}

function messages(evidence: Evidence): string {
  return judge(evidence, KEPT)
    .verdicts.flatMap(({ violations }) => violations)
    .map(({ message }) => message)
    .join("\n");
}

describe("a drill in which every promise was kept", () => {
  it("passes", () => {
    expect(messages(World.busy().evidence())).toBe("");
    expect(failing(World.busy().evidence())).toStrictEqual([]);
  });

  it("passes with a local write that a failover cut off and kept for its user", () => {
    const world = World.busy();
    const position = world.nextVersion("alice");
    world.acknowledge({ op: "write", user: "alice", key: "lost", value: 999 }, position);
    world.divergent.push({
      id: "d1",
      state: "kept",
      user: "alice",
      key: "lost",
      op: "put",
      position,
      value: 999,
    });
    const judgement = judge(world.evidence(), KEPT);
    expect(judgement.ok, messages(world.evidence())).toBe(true);
    expect(judgement).toMatchObject({
      divergent: 1,
      lost: [{ position, concern: "local", state: "divergent" }],
    });
  });

  it("passes with a delete that nobody answered at first, and whose effect was seen before it was asked again", () => {
    const world = World.busy();
    world.put("alice", "a");
    const position = world.nextVersion("alice");
    const asked = { op: "delete", user: "alice", key: "a", region: "weur", idempotencyKey: "gone" } as const;
    world.unknown(asked);
    world.log({ user: "alice", key: "a", op: "delete", position });
    world.release("alice", "a");
    world.read("alice", "a", {}, { version: null, position });
    world.did({ ...asked, concern: "local" }, { version: position, leader: "weur" });
    expect(messages(world.evidence())).toBe("");
  });
});

describe("a drill fails, and says why, when the store", () => {
  it("acknowledges before storing", () => {
    const world = World.busy();
    const version = world.nextVersion("bob");
    world.acknowledge({ op: "write", user: "bob", key: "gone", value: 999, concern: "majority" }, version);
    expect(failing(world.evidence())).toContain("durability");
    expect(messages(world.evidence())).toContain("lost a write of concern majority");
  });

  it("drops a divergent entry", () => {
    const world = World.busy();
    const version = world.nextVersion("alice");
    world.acknowledge({ op: "write", user: "alice", key: "gone", value: 999 }, version);
    expect(failing(world.evidence())).toStrictEqual(["durability", "divergent writes"]);
    expect(messages(world.evidence())).toContain(`${version} is neither present nor divergent`);
  });

  it("lists different divergent writes in different regions, or one that is in the log", () => {
    const world = World.busy();
    const writes = [{ id: "d1", state: "kept", ...world.entries[0]! }];
    const divergent = { known: true, writes, disagreements: ["weur lists one, apac none"] } as const;
    expect(failing(world.evidence({}, { divergent }))).toContain("divergent writes");
    expect(messages(world.evidence({}, { divergent }))).toMatch(/is divergent and in the log[^]*apac none/u);
  });

  it("skips the fence: who was deposed goes on acknowledging", () => {
    const world = World.busy();
    world.leads.set("alice", { epoch: 33, leader: "enam" });
    world.put("alice", "a");
    world.leads.set("alice", { epoch: 16, leader: "weur" });
    world.put("alice", "other");
    expect(failing(world.evidence())).toContain("leaders");
    expect(messages(world.evidence())).toContain("a deposed leader was not refused");
  });

  it("has two leaders under one epoch", () => {
    const world = World.busy();
    world.leads.set("alice", { epoch: 16, leader: "apac" });
    world.put("alice", "a");
    expect(failing(world.evidence())).toStrictEqual(["leaders"]);
    expect(messages(world.evidence())).toContain("two leaders of one epoch in 0/weur epoch 16");
  });

  it("forgets a session's position", () => {
    const world = World.busy();
    const before = world.held("bob", "b");
    world.put("bob", "b", undefined, { session: "bob-2" });
    world.read("bob", "b", { level: "session", session: "bob-2" }, before);
    expect(failing(world.evidence())).toContain("session guarantees");
    expect(messages(world.evidence())).toContain("read your writes");
  });

  it("answers a device from a stale replica", () => {
    const world = World.busy();
    const before = world.held("alice", "a");
    world.put("alice", "a");
    world.read("alice", "a", { level: "user", region: "apac" }, before);
    expect(failing(world.evidence())).toContain("cross-device visibility");
    expect(messages(world.evidence())).toContain("a device missed an acknowledged write");
  });

  it("answers a strong read with what was overwritten", () => {
    const world = World.busy();
    const before = world.held("alice", "a");
    world.put("alice", "a");
    world.read("alice", "a", { level: "strong" }, before);
    expect(failing(world.evidence())).toContain("linearizability (strong, user)");
  });

  it("applies a write twice", () => {
    const world = World.busy();
    world.add("alice", "counter", 5);
    const marks = world.entries.filter(({ key }) => key === "mark");
    const position = world.nextVersion("alice");
    const value = String(Number(world.held("alice", "counter").value) + 5);
    world.log({ user: "alice", key: "counter", op: "add", position, value });
    world.log({ ...marks.at(-1)!, position });
    world.hold("alice", "counter", { version: position, value });
    world.hold("alice", "mark", { version: position, value: marks.at(-1)!.value ?? null });
    expect(failing(world.evidence())).toStrictEqual(["exactly once", "accumulation"]);
    expect(messages(world.evidence())).toContain("done more than once");
  });

  it("does what it had refused for certain", () => {
    const world = World.busy();
    const asked = { op: "write", user: "alice", key: "no", value: 777, idempotencyKey: "refused" } as const;
    world.history.fail(world.history.invoke({ process: 9, ...asked }, 900), 901);
    const position = world.nextVersion("alice");
    world.log({ user: "alice", key: "no", op: "put", position, value: 777 });
    world.hold("alice", "no", { version: position, value: 777 });
    expect(failing(world.evidence())).toStrictEqual(["exactly once"]);
    expect(messages(world.evidence())).toContain("done though refused");
  });

  it("shows an uncommitted change", () => {
    const world = World.busy();
    const position = world.nextVersion("alice");
    const entry = { user: "alice", key: "a", op: "put", position, value: 999 } as const;
    world.divergent.push({ id: "d1", state: "kept", ...entry });
    const evidence = world.evidence();
    const [first, ...others] = evidence.readings;
    const readings = [{ ...first!, told: [...first!.told, entry] }, ...others];
    expect(failing({ ...evidence, readings })).toStrictEqual(["feeds"]);
    expect(messages({ ...evidence, readings })).toContain("which was never committed");
  });

  it("skips a change, or tells one twice", () => {
    const evidence = World.busy().evidence();
    const [first, ...others] = evidence.readings;
    const skipped = [{ ...first!, told: first!.told.toSpliced(3, 1) }, ...others];
    expect(failing({ ...evidence, readings: skipped })).toStrictEqual(["feeds"]);
    const twice = [{ ...first!, told: first!.told.toSpliced(3, 0, first!.told[3]!) }, ...others];
    expect(failing({ ...evidence, readings: twice })).toStrictEqual(["feeds"]);
  });

  it("keeps regions apart for good", () => {
    const world = World.busy();
    const replicas = world.replicas();
    const [first, ...others] = replicas;
    const changed = [{ ...first!, items: first!.items.slice(1) }, ...others];
    expect(failing(world.evidence({}, { replicas: changed }))).toContain("convergence");
  });

  it("makes or loses what is moved between accounts", () => {
    const world = World.busy();
    world.transfer([10, -9, 0]);
    world.listAccounts();
    expect(failing(world.evidence())).toStrictEqual(["transfers"]);
    expect(messages(world.evidence())).toContain("a total of 301 instead of 300");
  });

  it("shows an answer without its question", () => {
    const world = World.busy();
    const session = "bob-3";
    const version = world.put("alice", "question");
    world.read("alice", "question", { level: "session", session });
    const answer = { answers: { user: "alice", key: "question", version }, n: 1 };
    const answered = world.put("bob", "answer", answer, { session });
    const items = [
      { user: "bob", key: "answer", version: answered, value: answer },
      { user: "alice", key: "question", version: null },
    ];
    world.did({ op: "read-many", user: "alice", level: "prefix", region: "apac" }, { items });
    expect(failing(world.evidence())).toContain("causal cuts");
    expect(messages(world.evidence())).toContain("an answer without its question");
  });

  it("does half a transaction", () => {
    const world = World.busy();
    world.add("alice", "counter", 5);
    const at = world.entries.findLastIndex(({ key }) => key === "mark");
    const marked = world.entries.findLast(({ key }, n) => key === "mark" && n < at);
    world.entries.splice(at, 1);
    world.hold("alice", "mark", { version: marked!.position, value: marked!.value ?? null });
    expect(failing(world.evidence())).toContain("all or nothing");
  });

  it("acknowledges where nobody has a majority", () => {
    const world = World.busy();
    const evidence = world.evidence({ refusing: { from: 0, to: 1_000 } });
    expect(failing(evidence)).toStrictEqual(["refuses writes"]);
    expect(messages(evidence)).toContain("acknowledged without a majority");
  });

  it("does not fall silent", () => {
    const evidence = World.busy().evidence({ movedInQuiet: ["log 0/weur in apac went from 16.3 to 16.4"] });
    expect(failing(evidence)).toStrictEqual(["silence"]);
  });
});

describe("a drill fails that proves nothing", () => {
  it("because nothing happened", () => {
    const world = new World();
    expect(failing(world.evidence())).toStrictEqual(["what happened"]);
  });

  it("because less happened than its scenario asks for", () => {
    const { verdicts } = judge(World.busy().evidence(), {
      clocks: "kept",
      floors: { takeovers: 1, unknown: 1 },
    });
    const [floors] = verdicts.filter(({ ok }) => ok !== true);
    expect(floors?.violations.map(({ message }) => message).toSorted()).toStrictEqual([
      "too little was seen to judge: takeovers 0, at least 1 were wanted",
      "too little was seen to judge: unknown 0, at least 1 were wanted",
    ]);
  });

  it("because a region could not be read, or not all that was planned was done", () => {
    const evidence = World.busy().evidence(
      { undone: ["hand-off of weur to enam: 404"] },
      { unread: ["items of bob"] },
    );
    expect(failing(evidence)).toStrictEqual(["final reading", "the drill itself"]);
    const unread = World.busy().evidence({}, { replicas: World.busy().replicas().slice(1) });
    expect(failing(unread)).toContain("final reading");
  });

  it("because writes are gone and nobody says whether they are kept: undecided, never none", () => {
    const world = World.busy();
    const position = world.nextVersion("alice");
    world.acknowledge({ op: "write", user: "alice", key: "lost", value: 999 }, position);
    const evidence = world.evidence({}, { divergent: { known: false, reason: "404 not-found" } });
    const { ok, verdicts, divergent } = judge(evidence, KEPT);
    expect({ ok, divergent }).toStrictEqual({ ok: false, divergent: "not known" });
    expect(verdicts.find(({ checker }) => checker === "divergent writes")?.ok).toBe("undecided");
  });
});

describe("where clocks were put out further than the store assumes", () => {
  it("what rests on majorities is judged, and what rests on leases is not", () => {
    const world = World.busy();
    const before = world.held("alice", "a");
    world.put("alice", "a");
    world.read("alice", "a", { level: "user" }, before);
    expect(judge(world.evidence(), { clocks: "broken", floors: {} }).ok).toBe(true);
    world.acknowledge(
      { op: "write", user: "bob", key: "gone", value: 999, concern: "majority" },
      world.nextVersion("bob"),
    );
    expect(judge(world.evidence(), { clocks: "broken", floors: {} }).ok).toBe(false);
  });
});
