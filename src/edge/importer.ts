/**
 * Sends the items of an import to the leader, in chunks and in their order, and counts what became of them.
 *
 * While one chunk is on its way the next is read: two are in memory, however long the import is. Each chunk is a write like
 * any other, with the caller's time and an idempotency key of its own, so that it survives a leader that changes. Its
 * session is that of the chunks before it: when a failover loses one that was counted, the import hears of it.
 */
import { IMPORT_CHUNK_BYTES, IMPORT_CHUNK_ITEMS, IMPORT_FAILURES_MAX } from "../api/limit.ts";
import type { ProblemName } from "../api/problem.ts";
import type { ImportItem } from "../replication/request.ts";
import type { Addressed, Exchange } from "./exchange.ts";
import type { LineFailure } from "./import-line.ts";
import { Journey, type Outcome } from "./journey.ts";
import { emptyView, mergeView, shownBy } from "./session-merge.ts";
import { write, type WriteTerms } from "./write.ts";

export interface FailedLine {
  readonly line: number;
  readonly problem: ProblemName;
  readonly detail: string;
}

export interface ImportCounts {
  readonly imported: number;
  readonly unchanged: number;
  readonly failed: readonly FailedLine[];
  readonly failedCount: number;
}

/** Why an import ended early. */
export interface Stop {
  readonly outcome: Outcome;
  /** First line that is not known to be done. */
  readonly line: number;
}

interface Numbered {
  readonly line: number;
  readonly item: ImportItem;
}

type Imported = Extract<Outcome, { kind: "imported" }>;

export class Importer {
  readonly #exchange: Exchange;
  readonly #subject: Addressed;
  #terms: WriteTerms;
  #chunk: Numbered[] = [];
  #chunkBytes = 0;
  readonly #chunkKeys = new Set<string>();
  #sending: Promise<void> = Promise.resolve();
  #stop: Stop | null = null;
  #journey: Journey;
  #last: Imported | null = null;
  #imported = 0;
  #unchanged = 0;
  #failedCount = 0;
  readonly #failed: FailedLine[] = [];

  constructor(exchange: Exchange, subject: Addressed, terms: WriteTerms) {
    this.#exchange = exchange;
    this.#subject = subject;
    this.#terms = terms;
    this.#journey = this.#newJourney();
  }

  /** Where the last chunk went. */
  get journey(): Journey {
    return this.#journey;
  }

  get terms(): WriteTerms {
    return this.#terms;
  }

  /** What the last chunk was answered; null: none was sent, or none was done. */
  get last(): Imported | null {
    return this.#last;
  }

  /** Set once a chunk could not be written: nothing is sent any more. */
  get stopped(): Stop | null {
    return this.#stop;
  }

  counts(): ImportCounts {
    // A chunk's failures are known after those of the lines that were read meanwhile.
    const failed = this.#failed.toSorted((a, b) => a.line - b.line);
    return {
      imported: this.#imported,
      unchanged: this.#unchanged,
      failed,
      failedCount: this.#failedCount,
    };
  }

  fail(line: number, { problem, detail }: LineFailure): void {
    this.#failedCount += 1;
    if (this.#failed.length < IMPORT_FAILURES_MAX) this.#failed.push({ line, problem, detail });
  }

  async add(line: number, item: ImportItem): Promise<void> {
    const bytes = item.value.length + item.key.length;
    const full =
      this.#chunk.length >= IMPORT_CHUNK_ITEMS ||
      (this.#chunk.length > 0 && this.#chunkBytes + bytes > IMPORT_CHUNK_BYTES);
    // One entry changes an item once: the same key again has to wait for the next.
    if (full || this.#chunkKeys.has(item.key)) await this.#send();
    this.#chunk.push({ line, item });
    this.#chunkBytes += bytes;
    this.#chunkKeys.add(item.key);
  }

  /** Sends what is left and waits for all of it. */
  async finish(): Promise<void> {
    await this.#send();
    await this.#sending;
  }

  /** The body ended too soon: what is on its way is waited for, and no more is sent. */
  async abandon(): Promise<void> {
    this.#chunk = [];
    await this.#sending;
  }

  async #send(): Promise<void> {
    await this.#sending;
    const chunk = this.#chunk;
    this.#chunk = [];
    this.#chunkBytes = 0;
    this.#chunkKeys.clear();
    if (this.#stop === null && chunk.length > 0) this.#sending = this.#deliver(chunk);
  }

  async #deliver(chunk: readonly Numbered[]): Promise<void> {
    // The leader may look at fewer than it was sent, where they replace much.
    for (let rest = chunk; rest.length > 0;) {
      this.#journey = this.#newJourney();
      const outcome = await write(this.#exchange, this.#journey, this.#terms, {
        identity: this.#subject.identity,
        command: { kind: "import", items: rest.map(({ item }) => item) },
        digested: [],
      });
      if (outcome.kind !== "imported") {
        this.#stop = { outcome, line: rest[0]?.line ?? 0 };
        return;
      }
      this.#note(rest, outcome);
      rest = rest.slice(outcome.results.length);
    }
  }

  #note(sent: readonly Numbered[], outcome: Imported): void {
    outcome.results.forEach((result, at) => {
      const line = sent[at]?.line ?? 0;
      if (result === "imported") this.#imported += 1;
      else if (result === "unchanged") this.#unchanged += 1;
      else this.fail(line, { problem: "invalid-request", detail: "it expired before it was imported" });
    });
    const { receipt, facts } = outcome;
    const { namespace, partition } = this.#subject;
    const before =
      this.#terms.session.view ?? emptyView(namespace, this.#exchange.edge.deployment.mapVersion);
    const shown = shownBy(facts, partition);
    if (receipt !== undefined) shown.push({ ...receipt.position, p: partition, durable: receipt.committed });
    const view = mergeView(before, shown, facts.seenAt);
    if (view !== before) this.#terms = { ...this.#terms, session: { view, token: null } };
    this.#last = outcome;
  }

  /** Each chunk has the caller's time anew. */
  #newJourney(): Journey {
    const { edge } = this.#exchange;
    return new Journey(edge, this.#subject, {
      from: this.#exchange.placed(),
      startedAt: Date.now(),
      budgetMs: this.#exchange.budgetMs(),
      effect: "write",
    });
  }
}
