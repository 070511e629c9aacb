/**
 * Every message in every state of a replica has an answer. The tables are total: a new message, or a new state, does not
 * compile until each cell is filled in.
 */
import { describe, expect, test } from "vitest";
import { EntryKind, OpKind } from "../../src/replication/entry.ts";
import type { Batch, BatchVerdict, PeerReply, PeerRequest } from "../../src/replication/message.ts";
import type { ClientReply, ClientRequest } from "../../src/replication/request.ts";
import { entryCodec } from "../../src/wire/entry-codec.ts";
import { callsIn, Cluster, Node, NO_SESSION, readManyOf, readOf, Story, writeOf } from "./harness.ts";

type State = "never opened" | "following" | "leading" | "waiting" | "campaigning" | "restoring" | "parked";

/** A replica in that state as to the log of region 0, where anna is at home (and knows it, unless nobody does). */
const STATES: Record<State, () => Node> = {
  "never opened": () => new Node({ region: 1 }),

  following: () => {
    const node = new Node({ region: 1 });
    node.peer(0, new Story(0).open(16).claim("anna", 0).put("anna", "a", "1").append());
    return node;
  },

  leading: () => {
    const cluster = new Cluster();
    cluster.home("anna", 0);
    cluster.wrote(0, "anna", "a", "1", { concern: "all" });
    return at(cluster);
  },

  /** It leads, and may not acknowledge before another's lease has ended. */
  waiting: () => {
    const cluster = new Cluster({ timing: { leaseGraceMs: 100_000 } });
    cluster.home("anna", 0);
    cluster.wrote(0, "anna", "a", "1", { concern: "all" });
    cluster.run(100);
    cluster.node(1).storage.putGrant({ o: 0, grantee: 2, until: cluster.now + 60_000 });
    cluster.peer(0, 2, { type: "prepare", o: 0, b: 18, transfer: false });
    cluster.write(0, "anna", "a", "2");
    cluster.run(500);
    return at(cluster);
  },

  campaigning: () => {
    const cluster = new Cluster();
    const node = cluster.node(0);
    node.peer(1, new Story(1).open(17).claim("anna", 0).append());
    cluster.hold = () => true;
    cluster.write(0, "anna", "a", "1");
    return at(cluster);
  },

  restoring: () => {
    const node = new Node({ region: 1 });
    node.peer(0, new Story(0).open(16).claim("anna", 0).append());
    const [pull] = callsIn(node.step({ type: "batch", id: 1, messages: [new Story(2).open(18).doorbell()] }));
    const [begin] = callsIn(
      node.step({
        type: "answer",
        call: pull!.call,
        from: 2,
        message: { type: "need-snapshot", base: { e: 18, s: 7 } },
      }),
    );
    if (begin?.message.type !== "snapshot-begin") throw new Error("no snapshot was begun");
    const base = { chain: new Uint8Array(16), hlc: 1 };
    const from = [
      { ...base, o: 0, e: 16, s: 9, epochs: [{ e: 16, start: 1 }] },
      { ...base, o: 1, e: 0, s: 0, epochs: [] },
      { ...base, o: 2, e: 18, s: 7, epochs: [{ e: 18, start: 1 }] },
    ];
    const { id } = begin.message;
    node.step({
      type: "answer",
      call: begin.call,
      from: begin.to,
      message: { type: "snapshot-begun", id, from },
    });
    return node;
  },

  parked: () => {
    const node = new Node({ region: 1 });
    node.peer(0, new Story(0).open(16).claim("anna", 0).put("anna", "a", "1").add({ kind: 99 }).append());
    return node;
  },
};

function at(cluster: Cluster): Node {
  const node = cluster.node(0);
  node.now = cluster.now;
  return node;
}

const states = Object.keys(STATES) as State[];

test.each(states)("%s is what its status says", (state) => {
  const node = STATES[state]();
  // A log is listed once it has entries: a first campaign is not in it yet.
  expect(node.log(0).state).toBe(state === "campaigning" ? "never opened" : state);
  node.close();
});

/** The next entry of the log, by region 2, under an epoch above all others. */
function next(node: Node) {
  const head = node.storage.head(0);
  const base = node.storage.bases().find(({ o }) => o === 0);
  const prev = head ?? base ?? { e: 0, s: 0 };
  const open = entryCodec.decode(new Story(0).open(34).entries[0]!.bytes);
  const entry = { ...open, s: prev.s + 1, hlc: (head?.hlc ?? 0) + 1 };
  const raw = { e: 34, s: entry.s, bytes: entryCodec.encode(entry) };
  const common = {
    o: 0,
    e: 34,
    inc: 1,
    prev: { e: prev.e, s: prev.s },
    entries: [raw],
    chain: new Uint8Array(0),
    commit: 0,
    pv: 1,
  };
  return { common, last: { e: 34, s: raw.s } };
}

const PEER_MESSAGES: { [T in PeerRequest["type"]]: (node: Node) => Extract<PeerRequest, { type: T }> } = {
  append: (node) => ({ type: "append", ...next(node).common, grant: false, sinks: [], voters: [] }),
  pull: () => ({
    type: "pull",
    o: 0,
    last: { e: 0, s: 0 },
    base: { e: 0, s: 0 },
    epochs: [],
    bytesMax: 1_000,
    wantCommit: true,
  }),
  "pre-vote": () => ({ type: "pre-vote", o: 0, b: 50, last: { e: 0, s: 0 }, e: 34 }),
  probe: () => ({ type: "probe", o: 0 }),
  prepare: () => ({ type: "prepare", o: 0, b: 50, transfer: false }),
  transfer: () => ({ type: "transfer", o: 0, e: 34 }),
  "close-now": () => ({ type: "close-now", o: 0 }),
  cuts: () => ({ type: "cuts", o: 0, cuts: [] }),
  progress: () => ({ type: "progress", o: 0, e: 16, match: 1, storeId: "x", inc: 1 }),
  return: () => ({ type: "return", storeId: "another" }),
  "snapshot-begin": () => ({ type: "snapshot-begin", id: "s" }),
  "snapshot-chunk": () => ({
    type: "snapshot-chunk",
    id: "nobody's",
    cursor: new Uint8Array(0),
    bytesMax: 1_000,
  }),
};

const always = <T>(answer: T, except: Partial<Record<State, T>> = {}): Record<State, T> =>
  ({ ...Object.fromEntries(states.map((state) => [state, answer])), ...except }) as Record<State, T>;

const PEER_ANSWERS: Record<PeerRequest["type"], Record<State, PeerReply["type"]>> = {
  append: always("append-ok"),
  // A restored log begins at its base.
  pull: always("pull-ok", { restoring: "need-snapshot" }),
  // Whoever can answer at all can say whether it would have another leader, and that it is there.
  "pre-vote": always("pre-vote-reply"),
  probe: always("probe-ok"),
  prepare: always("promise"),
  transfer: always("transfer-reply"),
  // Only a leader that may acknowledge says how far its log is.
  "close-now": always("not-leader", { leading: "close-reply" }),
  // Whoever leads keeps them, once it knows what was kept before.
  cuts: always("not-leader", { leading: "cuts-taken", waiting: "cuts-taken" }),
  progress: always("progress-ok"),
  return: always("vouched"),
  // Half an image is given to nobody.
  "snapshot-begin": always("snapshot-begun", { restoring: "snapshot-unknown" }),
  "snapshot-chunk": always("snapshot-unknown"),
};

describe.each(states)("%s", (state) => {
  test.each(Object.keys(PEER_MESSAGES) as PeerRequest["type"][])("answers %s", (type) => {
    const node = STATES[state]();
    const message = PEER_MESSAGES[type](node);
    const reply = settle(
      node,
      { type: "peer", id: 7, from: 2, message },
      (effect) => effect.type === "reply" && effect.id === 7,
    );
    expect(reply?.type === "reply" && reply.message.type).toBe(PEER_ANSWERS[type][state]);
    node.close();
  });
});

/** Takes the event, lets storage confirm, and lets the time of whoever waits run out. */
function settle(
  node: Node,
  event: Parameters<Node["step"]>[0],
  wanted: (effect: ReturnType<Node["step"]>[number]) => boolean,
): ReturnType<Node["step"]>[number] | undefined {
  let effects = node.step(event);
  for (const sync of [1, 2, 3, 4, 5, 6, 7, 8]) {
    const found = effects.find(wanted);
    if (found !== undefined) return found;
    effects = node.step({ type: "synced", sync });
  }
  return effects.find(wanted) ?? node.step({ type: "wake" }, node.now + 10_000).find(wanted);
}

const BATCHES: Record<"the next entry" | "an old epoch" | "too early" | "a doorbell", (node: Node) => Batch> =
  {
    "the next entry": (node) => ({ type: "batch", ...next(node).common, last: next(node).last }),
    "an old epoch": (node) => ({
      type: "batch",
      ...next(node).common,
      e: 2,
      entries: [],
      last: { e: 2, s: 1 },
    }),
    "too early": (node) => {
      const { common, last } = next(node);
      const raw = { ...common.entries[0]!, s: last.s + 5 };
      return {
        type: "batch",
        ...common,
        prev: { e: 34, s: last.s + 4 },
        entries: [raw],
        last: { e: 34, s: raw.s },
      };
    },
    "a doorbell": (node) => ({
      type: "batch",
      ...next(node).common,
      entries: [],
      prev: { e: 34, s: 99 },
      last: { e: 34, s: 99 },
    }),
  };

const BATCH_VERDICTS: Record<keyof typeof BATCHES, Record<State, BatchVerdict>> = {
  "the next entry": always("accepted"),
  // To an empty log no epoch is old.
  "an old epoch": always("stale", { "never opened": "accepted" }),
  "too early": always("buffered"),
  "a doorbell": always("accepted"),
};

describe.each(states)("%s, from its queue,", (state) => {
  test.each(Object.keys(BATCHES) as (keyof typeof BATCHES)[])("judges %s", (which) => {
    const node = STATES[state]();
    const batch = BATCHES[which](node);
    expect(node.batch(batch)).toEqual([BATCH_VERDICTS[which][state]]);
    node.close();
  });
});

type Question =
  | Exclude<ClientRequest["op"], "read">
  | `read ${"leader" | "strong" | "bounded" | "session" | "prefix" | "eventual"}`;

const asked = (node: Node) => ({ from: 0, deadlineAt: node.now + 5_000 });
const read =
  (level: "leader" | "strong" | "bounded" | "session" | "prefix" | "eventual") =>
  (node: Node): ClientRequest =>
    readOf(node.now, "anna", "a", level, { stalenessMsMax: 1_000 });

const QUESTIONS: Record<Question, (node: Node) => ClientRequest> = {
  write: (node) => writeOf(node.now, "anna", "b", "1"),
  "read leader": read("leader"),
  "read strong": read("strong"),
  "read bounded": read("bounded"),
  "read session": read("session"),
  "read prefix": read("prefix"),
  "read eventual": read("eventual"),
  "read-many": (node) => readManyOf(node.now, ["anna/a", "anna/b"], "leader"),
  divergent: (node) => ({
    op: "divergent",
    user: "anna",
    level: "leader",
    committed: false,
    session: NO_SESSION,
    waitMs: 0,
    limit: 10,
    bytesMax: 1_000_000,
    ...asked(node),
  }),
  receipt: (node) => ({ op: "receipt", user: "anna", position: { o: 0, e: 16, s: 3 }, ...asked(node) }),
  changes: (node) => ({
    op: "changes",
    user: "anna",
    limit: 10,
    bytesMax: 1_000_000,
    values: true,
    waitMs: 0,
    session: NO_SESSION,
    ...asked(node),
  }),
  home: (node) => ({ op: "home", user: "anna", certain: true, ...asked(node) }),
  erase: (node) => ({ op: "erase", user: "anna", id: new Uint8Array(16), ...asked(node) }),
  erasure: (node) => ({ op: "erasure", position: { o: 0, e: 16, s: 99 }, ...asked(node) }),
  claim: (node) => ({ op: "claim", user: "carl", home: 0, principal: "carl", ...asked(node) }),
  move: (node) => ({ op: "move", user: "anna", to: 0, principal: "anna", ...asked(node) }),
  status: (node) => ({ op: "status", ...asked(node) }),
  // To where it is, if this replica leads.
  "hand-off": (node) => ({ op: "hand-off", origin: 0, to: 0, ...asked(node) }),
  sink: (node) => ({ op: "sink", name: "nobody", action: { kind: "resume" }, ...asked(node) }),
};

type Said = ClientReply["kind"] | Extract<ClientReply, { kind: "refused" }>["reason"];

/** What is refused is given by its reason. Where a leader is needed and is not to be had, the deadline decides. */
const CLIENT_ANSWERS: Record<Question, Record<State, Said>> = {
  write: {
    "never opened": "unknown-user",
    following: "moved",
    leading: "written",
    waiting: "concern-timeout",
    campaigning: "no-leader",
    restoring: "not-ready",
    parked: "moved",
  },
  "read leader": {
    "never opened": "unknown-user",
    following: "moved",
    leading: "item",
    waiting: "no-leader",
    campaigning: "no-leader",
    restoring: "not-ready",
    parked: "moved",
  },
  "read strong": {
    "never opened": "unknown-user",
    following: "moved",
    leading: "item",
    waiting: "no-leader",
    campaigning: "no-leader",
    restoring: "not-ready",
    parked: "moved",
  },
  "read bounded": {
    "never opened": "unknown-user",
    // Nobody tells them how far the log is.
    following: "no-leader",
    leading: "item",
    waiting: "no-leader",
    campaigning: "no-leader",
    restoring: "not-ready",
    parked: "no-leader",
  },
  "read session": always("item", { "never opened": "unknown-user", restoring: "not-ready" }),
  "read prefix": always("item", { "never opened": "unknown-user", restoring: "not-ready" }),
  "read eventual": always("item", { "never opened": "unknown-user", restoring: "not-ready" }),
  "read-many": {
    // Says of each user that it does not know them.
    "never opened": "items",
    following: "moved",
    leading: "items",
    waiting: "no-leader",
    campaigning: "no-leader",
    restoring: "not-ready",
    parked: "moved",
  },
  divergent: {
    "never opened": "unknown-user",
    following: "moved",
    leading: "divergent",
    waiting: "no-leader",
    campaigning: "no-leader",
    restoring: "not-ready",
    parked: "moved",
  },
  receipt: always("not-leader", {
    leading: "receipt",
    waiting: "no-leader",
    campaigning: "no-leader",
    restoring: "not-ready",
  }),
  // Of any replica, however little of it may be committed here.
  changes: always("changes", { "never opened": "unknown-user", restoring: "not-ready" }),
  home: always("not-leader", {
    leading: "home",
    waiting: "no-leader",
    campaigning: "no-leader",
    restoring: "not-ready",
  }),
  erase: {
    "never opened": "unknown-user",
    following: "moved",
    // Nobody answers it.
    leading: "no-leader",
    waiting: "no-leader",
    campaigning: "no-leader",
    restoring: "not-ready",
    parked: "moved",
  },
  erasure: always("erasure", { restoring: "not-ready" }),
  // Where it is already.
  move: {
    "never opened": "unknown-user",
    following: "moved",
    leading: "home",
    waiting: "not-there",
    campaigning: "no-leader",
    restoring: "not-ready",
    parked: "moved",
  },
  claim: always("not-leader", {
    leading: "no-leader",
    waiting: "no-leader",
    campaigning: "no-leader",
    restoring: "not-ready",
  }),
  status: always("status"),
  "hand-off": always("not-leader", {
    leading: "handed-off",
    waiting: "no-leader",
    campaigning: "no-leader",
    restoring: "not-ready",
  }),
  sink: always("sink"),
};

describe.each(states)("%s, to a client,", (state) => {
  test.each(Object.keys(QUESTIONS) as Question[])("answers %s", (question) => {
    const node = STATES[state]();
    const event = { type: "client", id: 7, request: QUESTIONS[question](node) } as const;
    const effect = settle(node, event, (effect) => effect.type === "respond" && effect.id === 7);
    const reply = effect?.type === "respond" ? effect.reply : null;
    expect(reply?.kind === "refused" ? reply.reason : reply?.kind).toBe(CLIENT_ANSWERS[question][state]);
    node.close();
  });
});

/** Not a message, but as total: what a follower does with each kind of entry and op. */
describe("kinds", () => {
  const KINDS: Record<keyof typeof EntryKind, "applied" | "waits" | "parked"> = {
    open: "applied",
    txn: "applied",
    claim: "applied",
    handoffOut: "applied",
    handoffIn: "applied",
    handoffRefuse: "applied",
    handoffAbort: "applied",
    config: "parked",
    activate: "parked",
    checkpoint: "parked",
    divergent: "applied",
    // For a majority.
    erase: "waits",
    slots: "parked",
    retire: "parked",
    redacted: "applied",
  };
  test.each(Object.keys(KINDS) as (keyof typeof EntryKind)[])("an entry %s", (kind) => {
    const node = new Node({ region: 1 });
    node.peer(
      0,
      new Story(0).open(16).claim("anna", 0).add({ kind: EntryKind[kind], user: "anna" }).append(),
    );
    expect(node.log(0)).toMatchObject({
      head: 3,
      applied: KINDS[kind] === "applied" ? 3 : 2,
      state: KINDS[kind] === "parked" ? "parked" : "following",
    });
    node.close();
  });

  const OPS: Record<keyof typeof OpKind, "applied" | "parked"> = {
    put: "applied",
    delete: "applied",
    merge: "applied",
    add: "applied",
    expire: "applied",
  };
  test.each(Object.keys(OPS) as (keyof typeof OpKind)[])("an op %s", (kind) => {
    const node = new Node({ region: 1 });
    const ops = [{ kind: OpKind[kind], key: "a" }];
    node.peer(0, new Story(0).open(16).claim("anna", 0).add({ user: "anna", ops }).append());
    expect(node.log(0).applied).toBe(OPS[kind] === "applied" ? 3 : 2);
    node.close();
  });
});
