/**
 * The record of what clients asked and were told, in the order in which one observer saw it.
 *
 * An invocation is recorded before the request leaves and an answer after it arrived. So if one operation's answer
 * stands above another's invocation, the first really was over when the second began; that is all that any checker
 * assumes about time. Clocks are noted for people. What never got an answer counts as unknown, whoever forgot to say so.
 */
import type { Answer, Invocation, Operation, Outcome } from "./operation.ts";

export type EventType = "invoke" | "ok" | "fail" | "info";

/** What was recorded, one event after the other; the lines of a history file are made of these. */
export type RecordedEvent =
  | { readonly type: "invoke"; readonly id: number; readonly time: number; readonly invocation: Invocation }
  | {
      readonly type: "ok" | "fail" | "info";
      readonly id: number;
      readonly time: number;
      readonly invocation: Invocation;
      readonly answer: Answer;
    };

interface Pending {
  readonly invocation: Invocation;
  readonly start: number;
  readonly invokedAt: number;
  completion?: {
    readonly outcome: Outcome;
    readonly answer: Answer;
    readonly end: number;
    readonly at: number;
  };
}

const OUTCOMES: Record<Exclude<EventType, "invoke">, Outcome> = { ok: "ok", fail: "failed", info: "unknown" };

export class History {
  readonly #pending: Pending[] = [];
  readonly #events: RecordedEvent[] = [];

  /** Returns the operation's id, by which its answer is recorded. */
  invoke(invocation: Invocation, time: number): number {
    const id = this.#pending.length;
    this.#pending.push({ invocation, start: time, invokedAt: this.#events.length });
    this.#events.push({ type: "invoke", id, time, invocation });
    return id;
  }

  /** Answered. A refused precondition too, with applied: false. */
  ok(id: number, answer: Answer, time: number): void {
    this.#complete("ok", id, answer, time);
  }

  /** Definitely not done. The answer may still report positions as lost. */
  fail(id: number, time: number, answer: Answer = {}): void {
    this.#complete("fail", id, answer, time);
  }

  /** Maybe done: a time-out or a lost connection on a write. Known parts of a late receipt may come along. */
  info(id: number, time: number, answer: Answer = {}): void {
    this.#complete("info", id, answer, time);
  }

  get events(): readonly RecordedEvent[] {
    return this.#events;
  }

  /** By invocation. Those without an answer are unknown, without an end. */
  operations(): Operation[] {
    return this.#pending.map(({ invocation, start, invokedAt, completion }, id) => {
      const { value: valueWritten, ...asked } = invocation;
      const { value: valueRead, ...told } = completion?.answer ?? {};
      return {
        ...asked,
        ...told,
        id,
        valueWritten,
        valueRead,
        start,
        invokedAt,
        outcome: completion?.outcome ?? "unknown",
        end: completion?.end ?? Infinity,
        completedAt: completion?.at ?? Infinity,
      };
    });
  }

  #complete(type: Exclude<EventType, "invoke">, id: number, answer: Answer, time: number): void {
    const pending = this.#pending[id];
    // The first answer stands: a second one, or one to nothing, is a slip of the recording side and proves nothing.
    if (pending === undefined || pending.completion !== undefined) return;
    pending.completion = { outcome: OUTCOMES[type], answer, end: time, at: this.#events.length };
    this.#events.push({ type, id, time, invocation: pending.invocation, answer });
  }
}
