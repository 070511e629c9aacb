/**
 * How to provoke an answer of the document: a state of the world, and a request made out of an operation's sample. By problem here, for all
 * operations alike; the files beside this one say what an operation needs of its own. What cannot be provoked over HTTP says why.
 */
import type { Reply } from "../support/http.ts";
import { until, type Asked } from "../support/store.ts";
import type { Situation } from "./situation.ts";
import type { Sample, Stage } from "./stage.ts";

export interface Provocation {
  readonly in: Situation;
  readonly ask: Ask;
}
export interface Unprovoked {
  readonly because: string;
}
/** `short`: to be asked with where an answer is to be had by waiting in vain. Less than a lease: nobody takes over meanwhile. */
export type Ask = (stage: Stage, sample: Sample, short: Asked) => Promise<Reply>;
export type Table = Readonly<Record<string, Provocation | Unprovoked>>;

export const at = (situation: Situation, ask: Ask): Provocation => ({ in: situation, ask });
export const well = (ask: Ask): Provocation => at("well", ask);

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
    await stage.put(stage.user, "reused", "by another request", { idempotencyKey });
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
  "503 no-leader": at("unled", (stage, sample, short) => stage.ask(sample, short)),
  "503 region-unavailable": at("dark", (stage, sample, short) => stage.ask(sample, short)),
  "503 overloaded": at("busy", (stage, sample, short) => stage.ask(sample, short)),
  "504 outcome-unknown": at("stalled", (stage, sample, short) => stage.ask(sample, short)),
  "504 write-concern-timeout": at("unconfirmed", (stage, sample, short) =>
    stage.ask(sample, { ...short, concern: "all" }),
  ),
  "504 read-timeout": at("unconfirmed", (stage, sample, short) =>
    stage.ask(sample, { ...short, headers: { "Ithaca-Read-Concern": "committed" } }),
  ),
};

export const plain = well((stage, sample) => stage.ask(sample));

/** The sample with something changed. */
export const changed = (change: (sample: Sample, stage: Stage) => Partial<Sample>): Provocation =>
  well((stage, sample) => stage.ask({ ...sample, ...change(sample, stage) }));
export const path = (replaced: (path: string, stage: Stage) => string): Provocation =>
  changed((sample, stage) => ({ path: replaced(sample.path, stage) }));
export const body = (replaced: string | Uint8Array<ArrayBuffer>): Provocation =>
  changed(() => ({ body: replaced }));

export const ofNobody = path((at, stage) => at.replace(stage.user, "nobody"));
export const nowhere = path((at) => at.replace("/v1/", "/v1/ns/nowhere/"));

/** Of a user whom nobody knows, whose home weur has to arbitrate: one of some is. */
export const ofNewcomers = (situation: Situation, status: number): Provocation =>
  at(situation, async (stage, sample, short) => {
    const names = Array.from({ length: 12 }, () => stage.fresh("newcomer"));
    const ask = (name: string) =>
      stage.ask({ ...sample, path: sample.path.replace(stage.user, name) }, short);
    const replies = await Promise.all(names.map(ask));
    return replies.find((reply) => reply.status === status) ?? (await ask("newcomer"));
  });
