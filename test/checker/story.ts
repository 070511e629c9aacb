/** Writes histories for the checkers' tests: things that happen one after the other, or that begin and end apart. */
import type { LogEntry } from "../../src/checker/authority.ts";
import { History } from "../../src/checker/history.ts";
import type { Answer, Invocation, Operation } from "../../src/checker/operation.ts";

type Asked = Partial<Invocation> & Pick<Invocation, "op">;

export class Story {
  readonly history = new History();
  #now = 0;
  #process = 0;

  /** Begins an operation of alice's; every one gets a process of its own unless it names one. */
  begin(asked: Asked): number {
    this.#process += 1;
    return this.history.invoke({ process: this.#process, user: "alice", key: "a", ...asked }, this.#tick());
  }

  ok(id: number, answer: Answer = {}): void {
    this.history.ok(id, answer, this.#tick());
  }

  /** Begins and is answered before anything else happens. */
  did(asked: Asked, answer: Answer = {}): number {
    const id = this.begin(asked);
    this.ok(id, answer);
    return id;
  }

  failed(asked: Asked, answer: Answer = {}): number {
    const id = this.begin(asked);
    this.history.fail(id, this.#tick(), answer);
    return id;
  }

  unknown(asked: Asked, answer: Answer = {}): number {
    const id = this.begin(asked);
    this.history.info(id, this.#tick(), answer);
    return id;
  }

  get operations(): Operation[] {
    return this.history.operations();
  }

  #tick(): number {
    this.#now += 1;
    return this.#now;
  }
}

/** A put of alice's item a, unless said otherwise. */
export function entry(position: string, rest: Partial<LogEntry> = {}): LogEntry {
  return { user: "alice", key: "a", op: "put", position, ...rest };
}

/** Positions of the log weur, epoch 16. */
export function v(seq: number): string {
  return `weur.16.${seq}`;
}
