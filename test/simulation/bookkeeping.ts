/**
 * What a device does in transactions: it moves amounts between accounts, counts, gathers members in one document, and writes
 * several items at once. What these add up to in the end is known, whatever happens in between.
 */
import type { Invocation, ItemWrite, Json, ShownItem } from "../../src/checker/operation.ts";
import type { Accounts } from "../../src/checker/transfers.ts";
import type { Version } from "../../src/checker/version.ts";
import type { Concern } from "../../src/replication/entry.ts";
import type { Command, Conditions, ItemCommand, ItemVersion } from "../../src/replication/request.ts";
import { positionOf } from "./describe.ts";
import type { Random } from "./random.ts";
import type { Task } from "./task.ts";

export const ACCOUNTS = { prefix: "t", count: 3, total: 300 } as const satisfies Accounts;
const DOCUMENT_KEY = "d";

const BOOKKEEPING = ["transfer", "count", "merge", "batch"] as const;
export type Bookkept = (typeof BOOKKEEPING)[number];

export function isBookkeeping(action: string): action is Bookkept {
  return (BOOKKEEPING as readonly string[]).includes(action);
}

/** A write as a client means it: the same in every attempt. */
export interface Submission {
  readonly asked: Pick<Invocation, "op"> & Partial<Invocation>;
  readonly command: Command;
  readonly concern: Concern;
  readonly conditions?: Conditions;
  /** Of what its idempotency key stands for. */
  readonly fingerprint: Uint8Array;
}

/** What a device does for whoever keeps the books. */
export interface Hands {
  /** Sends it until the outcome is known, or patience ends. True: done. */
  submit(submission: Submission): Task<boolean>;
  /** All own items whose keys begin with `prefix`, in one answer; null: there was none. */
  listWhole(prefix: string): Task<readonly ShownItem[] | null>;
  /** The version of an own item that this device saw or wrote last; undefined: none. */
  seen(key: string): Version | undefined;
}

interface Means {
  readonly random: Random;
  readonly concerns: Readonly<Partial<Record<Concern, number>>>;
  /** How many keys everything else uses: k0, k1 … */
  readonly keys: number;
  /** A value that nobody else writes. */
  readonly newValue: () => number;
}

/** A write of a transaction, for the leader and for the record. */
interface Paired {
  readonly command: ItemCommand;
  readonly write: ItemWrite;
}

export class Bookkeeping {
  readonly #hands: Hands;
  readonly #means: Means;
  readonly #random: Random;

  constructor(hands: Hands, means: Means) {
    this.#hands = hands;
    this.#means = means;
    this.#random = means.random;
  }

  *act(action: Bookkept): Task<void> {
    switch (action) {
      case "transfer":
        return yield* this.#transfer();
      case "count":
        return yield* this.#count();
      case "merge":
        return yield* this.#merge();
      case "batch":
        return yield* this.#batch();
    }
  }

  /** Of what it has just read, however old that is: the checks see to it. */
  *#transfer(): Task<void> {
    const accounts = yield* this.#hands.listWhole(ACCOUNTS.prefix);
    if (accounts === null) return;
    if (accounts.length === 0) return yield* this.#open();
    const [from, to] = this.#random.shuffled(accounts);
    if (from === undefined || to === undefined) return;
    const amount = this.#random.between(1, 20);
    // Adding needs to know only that the accounts are open; putting needs to know the balances.
    if (this.#random.chance(0.5))
      return yield* this.#submit([from], [add(from.key, -amount), add(to.key, amount)]);
    yield* this.#submit(
      [from, to],
      [put(from.key, Number(from.value) - amount), put(to.key, Number(to.value) + amount)],
    );
  }

  *#open(): Task<void> {
    const { prefix, count, total } = ACCOUNTS;
    const keys = Array.from({ length: count }, (_, n) => `${prefix}${n}`);
    yield* this.#submit(
      keys.map((key) => ({ key, version: null })),
      keys.map((key) => put(key, total / count)),
    );
  }

  /** One counter, or two at once. */
  *#count(): Task<void> {
    const by = this.#random.between(1, 9);
    const keys = this.#random.chance(0.5) ? ["c0"] : ["c0", "c1"];
    yield* this.#submit(
      [],
      keys.map((key) => add(key, by)),
    );
  }

  *#merge(): Task<void> {
    const name = `m${this.#means.newValue()}`;
    yield* this.#submit([], [merge(DOCUMENT_KEY, name)]);
  }

  /** Some of the keys that everything else uses too. */
  *#batch(): Task<void> {
    const keys = this.#random
      .shuffled(Array.from({ length: this.#means.keys }, (_, n) => `k${n}`))
      .slice(0, this.#random.between(1, this.#means.keys));
    const checked = keys.filter((key) => this.#hands.seen(key) !== undefined && this.#random.chance(0.4));
    yield* this.#submit(
      checked.map((key) => ({ key, version: this.#hands.seen(key) ?? null })),
      keys.map((key) => (this.#random.chance(0.15) ? remove(key) : put(key, this.#means.newValue()))),
    );
  }

  *#submit(
    seen: readonly { readonly key: string; readonly version?: string | null | undefined }[],
    pairs: readonly Paired[],
  ): Task<void> {
    const checks = seen.map(({ key, version = null }) => ({ key, version }));
    const asked = { op: "transaction", checks, writes: pairs.map(({ write }) => write) } as const;
    yield* this.#hands.submit({
      asked,
      fingerprint: encoder.encode(JSON.stringify(asked)),
      command: {
        kind: "transaction",
        checks: checks.map(({ key, version }): ItemVersion => ({
          key,
          version: version === null ? null : positionOf(version),
        })),
        writes: pairs.map(({ command }) => command),
      },
      concern: this.#random.weighted(this.#means.concerns),
    });
  }
}

const encoder = new TextEncoder();

function put(key: string, value: Json): Paired {
  const contentType = key.startsWith(ACCOUNTS.prefix) ? "text/plain" : "application/json";
  return {
    command: { kind: "put", key, value: encoder.encode(JSON.stringify(value)), contentType },
    write: { op: "write", key, value },
  };
}

function add(key: string, by: number): Paired {
  return { command: { kind: "add", key, by: String(by) }, write: { op: "add", key, value: by } };
}

function remove(key: string): Paired {
  return { command: { kind: "delete", key }, write: { op: "delete", key } };
}

function merge(key: string, name: string): Paired {
  return {
    command: { kind: "merge", key, patch: encoder.encode(JSON.stringify({ [name]: 1 })) },
    write: { op: "merge", key, value: name },
  };
}
