/**
 * The log entry of a write: what is done, who asked for it, and which positions of other logs and partitions come before it.
 * What an earlier entry of the same leader already names goes without saying.
 */
import type { Attempt } from "./attempt.ts";
import type { Context } from "./context.ts";
import { EntryKind, PROTOCOL_VERSION, type Entry } from "./entry.ts";
import type { Hlc } from "./hlc.ts";
import type { Leadership } from "./leader.ts";
import type { Change } from "./operations.ts";
import type { CrossPosition, Position } from "./position.ts";

export class WriteEntries {
  readonly #context: Context;
  /** Per led log: dependencies that an earlier entry of this leader already names. */
  readonly #implied = new Map<string, number>();

  constructor(context: Context) {
    this.#context = context;
  }

  /** The next one of the led log. */
  next(
    { request, owner, leadership }: Attempt,
    { status, ops, builtOn, resolve, after = [] }: Change,
    hlc: Hlc,
  ): Entry {
    const { log } = leadership;
    return {
      pv: PROTOCOL_VERSION,
      kind: EntryKind.txn,
      o: log.o,
      e: leadership.e,
      s: log.last.s + 1,
      inc: this.#context.incarnation,
      user: request.user,
      principal: request.principal,
      concern: request.concern,
      ...(request.idempotency === undefined ? {} : { idempotency: request.idempotency }),
      deps: this.#dependencies(leadership, [owner, ...request.session.positions, ...after]),
      hlc,
      status,
      ops,
      xdeps: union(request.session.others, builtOn),
      ...(resolve === undefined ? {} : { resolve }),
    };
  }

  /** Positions of other logs that no earlier entry of this leader has named. */
  #dependencies(leadership: Leadership, positions: readonly Position[]): Position[] {
    const deps = new Map<string, Position>();
    for (const { o, e, s } of positions) {
      if (o === leadership.log.o) continue;
      const key = `${leadership.log.o}:${leadership.e}:${o}:${e}`;
      if ((this.#implied.get(key) ?? 0) >= s) continue;
      this.#implied.set(key, s);
      deps.set(key, { o, e, s });
    }
    return [...deps.values()];
  }
}

/** The greatest seq of each epoch of each log, out of two lists. */
function union(a: readonly CrossPosition[], b: readonly CrossPosition[]): readonly CrossPosition[] {
  if (b.length === 0) return a;
  const greatest = new Map<string, CrossPosition>();
  for (const position of [...a, ...b]) {
    const key = `${position.p}:${position.o}:${position.e}`;
    if ((greatest.get(key)?.s ?? 0) < position.s) greatest.set(key, position);
  }
  return [...greatest.values()];
}
