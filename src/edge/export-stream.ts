/**
 * The lines of an export as a stream that is pulled: a page of a list becomes one piece, and while somebody reads that one the next
 * is fetched. So it holds two pages at most, however long the export is and however slow its reader; a reader who goes
 * away stops it.
 *
 * The answer's status is long sent when a later page fails. So the last line says how it ended.
 */
import { EXPORT_PAGE_BYTES, EXPORT_PAGE_ITEMS } from "../api/limit.ts";
import { lineValue } from "../api/value-text.ts";
import type { ReadList, SessionPart } from "../replication/request.ts";
import type { Addressed, Exchange } from "./exchange.ts";
import { floorAfter } from "./floor.ts";
import { itemText } from "./item-text.ts";
import { Journey, type Outcome } from "./journey.ts";
import { positionText } from "./position-text.ts";
import { outcomeAnswer, thrownAnswer } from "./problem-answer.ts";
import { read, type ReadResult, type ReadTerms } from "./read.ts";
import { emptyView, mergeView, shownBy, withoutLost, type SessionView } from "./session-merge.ts";

export type ListOutcome = Extract<Outcome, { kind: "list" }>;

export function exportedPage(after: string | undefined): ReadList {
  return {
    kind: "list",
    prefix: "",
    ...(after === undefined ? {} : { after }),
    limit: EXPORT_PAGE_ITEMS,
    reverse: false,
    values: true,
    bytesMax: EXPORT_PAGE_BYTES,
  };
}

export class ExportStream {
  readonly #exchange: Exchange;
  readonly #subject: Addressed;
  readonly #terms: ReadTerms;
  readonly #encoder = new TextEncoder();
  #next: Promise<Page> | null;
  #floor: SessionPart | undefined;
  #view: SessionView;
  #items = 0;
  #lastKey: string | undefined;
  #begun = false;

  /** `first`: the page that was fetched before the answer began, so that a refusal is still one. */
  constructor(
    exchange: Exchange,
    subject: Addressed,
    terms: ReadTerms,
    first: { readonly outcome: ListOutcome; readonly stale: boolean },
  ) {
    this.#exchange = exchange;
    this.#subject = subject;
    // Only an export that began without any promise may go on without one.
    this.#terms = { ...terms, staleIfUnreachable: terms.staleIfUnreachable && first.stale };
    this.#view = terms.session.view ?? emptyView(subject.namespace, exchange.edge.deployment.mapVersion);
    this.#next = Promise.resolve({ result: first, journey: null });
  }

  readable(): ReadableStream<Uint8Array> {
    return new ReadableStream<Uint8Array>(
      {
        pull: async (controller) => {
          const text = await this.#piece();
          controller.enqueue(this.#encoder.encode(text));
          if (this.#next === null) controller.close();
        },
        cancel: () => {
          this.#next = null;
        },
      },
      { highWaterMark: 0 },
    );
  }

  async #piece(): Promise<string> {
    let text = "";
    while (this.#next !== null && text === "") {
      try {
        text = await this.#lines(await this.#next);
      } catch (error) {
        text = await this.#broken(thrownAnswer(this.#exchange, error));
      }
    }
    return text;
  }

  #lines(page: Page): string | Promise<string> {
    const { outcome } = page.result;
    if (outcome.kind !== "list") {
      const journey = page.journey ?? this.#journey();
      return this.#broken(outcomeAnswer(this.#exchange, journey, outcome, this.#terms));
    }
    this.#cover(outcome);
    const { regions } = this.#exchange.edge;
    const lines = outcome.items.map((item) => itemText(regions, item, lineValue));
    if (!this.#begun) lines.unshift(this.#firstLine(outcome));
    this.#begun = true;
    this.#items += outcome.items.length;
    this.#lastKey = outcome.items.at(-1)?.key ?? this.#lastKey;
    this.#next = outcome.next === undefined ? null : this.#fetch(outcome.next);
    if (this.#next === null) lines.push(this.#lastLine());
    return lines.map((line) => `${line}\n`).join("");
  }

  #cover({ facts, lost = [] }: ListOutcome): void {
    const { partition } = this.#subject;
    this.#floor = floorAfter(facts, this.#floor);
    this.#view = mergeView(withoutLost(this.#view, partition, lost), shownBy(facts, partition), facts.seenAt);
  }

  #firstLine({ facts }: ListOutcome): string {
    const position = positionText(this.#exchange.edge.regions, facts.position);
    return JSON.stringify({ user: this.#subject.user, position, at: this.#exchange.startedAt });
  }

  #lastLine(): string {
    const session = this.#exchange.edge.sessions.issue(this.#view, Date.now());
    return JSON.stringify({ end: true, items: this.#items, session });
  }

  async #broken(answer: Response): Promise<string> {
    this.#next = null;
    const problem = await answer.json();
    const after = this.#lastKey === undefined ? {} : { after: this.#lastKey };
    return `${JSON.stringify({ end: false, items: this.#items, ...after, problem })}\n`;
  }

  #fetch(after: string): Promise<Page> {
    const journey = this.#journey();
    const page = read(journey, this.#terms, exportedPage(after), this.#floor).then((result) => ({
      result,
      journey,
    }));
    // Awaited by the next pull; nobody pulls after a reader has gone.
    page.catch(() => {});
    return page;
  }

  /** Each page has the caller's time anew. */
  #journey(): Journey {
    const { edge } = this.#exchange;
    return new Journey(edge, this.#subject, {
      from: this.#exchange.placed(),
      startedAt: Date.now(),
      budgetMs: this.#exchange.budgetMs(),
      effect: null,
    });
  }
}

interface Page {
  readonly result: ReadResult;
  readonly journey: Journey | null;
}
