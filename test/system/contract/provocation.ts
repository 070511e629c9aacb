/**
 * How to provoke every answer that the document lists. First by problem, for all operations alike, out of each one's sample; then by
 * operation, where one needs something of its own. What cannot be provoked over HTTP says why.
 */
import { type Reply } from "../support/http.ts";
import { until } from "../support/store.ts";
import type { Situation } from "./situation.ts";
import { AS_JSON, type Sample, type Stage } from "./stage.ts";

export interface Provocation {
  readonly in: Situation;
  readonly ask: Ask;
}
export interface Unprovoked {
  readonly because: string;
}
type Ask = (stage: Stage, sample: Sample) => Promise<Reply>;
type Table = Readonly<Record<string, Provocation | Unprovoked>>;

/** Less than a lease: nobody takes over meanwhile. */
const SHORT = { region: "weur", timeoutMs: 1_000 } as const;

const at = (situation: Situation, ask: Ask): Provocation => ({ in: situation, ask });
const well = (ask: Ask): Provocation => at("well", ask);

export const BY_PROBLEM: Table = {
  "400 invalid-request": well((stage, sample) => stage.ask(sample, { headers: { "Ithaca-Region": "mars" } })),
  "400 invalid-session": well((stage, sample) => stage.ask(sample, { session: "s1.0.AAAA.made-up" })),
  "401 unauthenticated": well((stage, sample) => stage.askAs("nobody", sample)),
  "403 forbidden": well((stage, sample) => stage.askAs("other", sample)),
  "409 session-lost": well(async (stage, sample) =>
    stage.ask(sample, { session: await stage.lostSession() }),
  ),
  "412 precondition-failed": well((stage, sample) =>
    stage.ask(sample, { headers: { "If-Match": '"weur.16.999999"' } }),
  ),
  "422 idempotency-key-reused": well(async (stage, sample) => {
    const idempotencyKey = stage.fresh("reused");
    await stage.store.put(stage.user, "reused", "by another request", { idempotencyKey });
    return stage.ask(sample, { idempotencyKey });
  }),
  "429 rpo-bound": at("unconfirmed", async (stage, sample) => {
    // Until the write that this situation began with is old enough.
    const wait = () => stage.store.put(stage.user, "late", "x", { region: "weur", concern: "local" });
    await until(wait, ({ status }) => status === 429);
    return stage.ask(sample, { region: "weur", concern: "local" });
  }),
  "500 internal": {
    because: "it says that this code is wrong: a way to provoke it would be a defect to mend",
  },
  "503 no-leader": at("unled", (stage, sample) => stage.ask(sample, SHORT)),
  "503 region-unavailable": at("dark", (stage, sample) => stage.ask(sample, SHORT)),
  "503 overloaded": at("busy", (stage, sample) => stage.ask(sample, SHORT)),
  "504 outcome-unknown": at("stalled", (stage, sample) => stage.ask(sample, SHORT)),
  "504 write-concern-timeout": at("unconfirmed", (stage, sample) =>
    stage.ask(sample, { ...SHORT, concern: "all" }),
  ),
  "504 read-timeout": at("unconfirmed", (stage, sample) =>
    stage.ask(sample, { ...SHORT, headers: { "Ithaca-Read-Concern": "committed" } }),
  ),
};

const plain = well((stage, sample) => stage.ask(sample));
const path = (replaced: (path: string, stage: Stage) => string) =>
  well((stage, sample) => stage.ask({ ...sample, path: replaced(sample.path, stage) }));
const body = (replaced: string | Uint8Array<ArrayBuffer>) =>
  well((stage, sample) => stage.ask({ ...sample, body: replaced }));

const ofNobody = path((at, stage) => at.replace(stage.user, "nobody"));
const ofNoItem = path((at) => at.replace("/items/k", "/items/none"));

/** Of a user whom nobody knows, whose home weur has to arbitrate: one of some is. */
const ofNewcomers = (situation: Situation, status: number): Provocation =>
  at(situation, async (stage, sample) => {
    const names = Array.from({ length: 12 }, () => stage.fresh("newcomer"));
    const ask = (name: string) =>
      stage.ask({ ...sample, path: sample.path.replace(stage.user, name) }, SHORT);
    const replies = await Promise.all(names.map(ask));
    return replies.find((reply) => reply.status === status) ?? (await ask("newcomer"));
  });

/** A deletion of something that is there. */
const ofDeletable = (provocation: Provocation | Unprovoked | undefined): Provocation => {
  if (provocation === undefined || !("ask" in provocation)) throw new Error("cannot be asked");
  return at(provocation.in, async (stage, sample) => {
    const key = stage.fresh("d");
    await stage.store.put(stage.user, key, "to be deleted", { region: "weur", concern: "local" });
    return provocation.ask(stage, { ...sample, path: sample.path.replace("d/1", key) });
  });
};

const WITHOUT_DRILLS = well((stage, sample) => stage.askWithoutDrills(sample));
const PAST_ALL_FAULTS: Unprovoked = {
  because: "faults are set past all faults: only the platform can keep a replica from hearing of one",
};

export const BY_OPERATION: Table = {
  "listItems 200": plain,
  "listItems 404 not-found": ofNobody,

  "getItem 200": plain,
  "getItem 304": well((stage, sample) => stage.ask(sample, { headers: { "If-None-Match": "*" } })),
  "getItem 404 not-found": ofNoItem,

  "getItemHead 200": plain,
  "getItemHead 304": well((stage, sample) => stage.ask(sample, { headers: { "If-None-Match": "*" } })),
  "getItemHead 404 not-found": ofNoItem,

  "putItem 200": plain,
  "putItem 201": path((at, stage) => at.replace("/items/k", `/items/${stage.fresh("new")}`)),
  "putItem 413 value-too-large": body(new Uint8Array(1_048_577)),
  "putItem 404 not-found": path((at) => at.replace("/v1/", "/v1/ns/nowhere/")),

  "deleteItem 200": ofDeletable(plain),
  "deleteItem 404 not-found": path((at) => at.replace("/items/d/1", "/items/none")),
  "deleteItem 412 precondition-failed": ofDeletable(BY_PROBLEM["412 precondition-failed"]),
  "deleteItem 429 rpo-bound": ofDeletable(BY_PROBLEM["429 rpo-bound"]),
  "deleteItem 504 write-concern-timeout": ofDeletable(BY_PROBLEM["504 write-concern-timeout"]),

  "getReceipt 200": plain,
  "getReceipt 404 not-found": path((at, stage) => at.replace(stage.position, "weur.16.999999")),

  "getHome 200": plain,
  "getHome 404 not-found": ofNobody,
  "getHome 503 no-leader": ofNewcomers("unled", 503),

  "putHome 200": plain,
  "putHome 404 not-found": path((at) => at.replace("/v1/", "/v1/ns/nowhere/")),
  "putHome 501 not-implemented": body('{"region":"apac"}'),
  "putHome 503 no-leader": ofNewcomers("unled", 503),
  "putHome 504 outcome-unknown": ofNewcomers("stalled", 504),

  "listRegions 200": plain,

  "putFault 200": well((stage, sample) => stage.askAs("admin", sample)),
  "putFault 400 invalid-request": body('{"kind":"flood"}'),
  "putFault 404 not-found": WITHOUT_DRILLS,
  "putFault 503 region-unavailable": PAST_ALL_FAULTS,
  "listFaults 200": plain,
  "listFaults 404 not-found": WITHOUT_DRILLS,
  "listFaults 503 region-unavailable": PAST_ALL_FAULTS,
  "endFaults 200": well((stage, sample) => stage.askAs("admin", sample)),
  "endFaults 404 not-found": WITHOUT_DRILLS,
  "endFaults 503 region-unavailable": PAST_ALL_FAULTS,
  "endFault 200": well(async (stage, sample) => {
    const fault = { kind: "delay", region: "enam", peer: "apac", ms: 1, forMs: 60_000 };
    const set = await stage.ask({ method: "PUT", path: "/v1/faults", body: JSON.stringify(fault) }, AS_JSON);
    return stage.ask({ ...sample, path: sample.path.replace("none", String(set.members["id"])) });
  }),
  "endFault 404 not-found": plain,
  "endFault 503 region-unavailable": PAST_ALL_FAULTS,

  "health 200": plain,
  "metrics 200": plain,
  "openApi 200": plain,
  "docs 200": plain,
  "listProblems 200": plain,
  "getProblem 200": plain,
  "getProblem 404 not-found": path((at) => at.replace("not-found", "no-such-problem")),
};
