/**
 * Deciding what becomes of a lost write: its ops run again on what is there now, or it is given up. Either is one entry that
 * settles the lost write as it is applied, so that it is never done twice.
 *
 * What runs again is what was asked for: an add adds, a merge merges its patch, a put puts its value. What the write had
 * checked (conditions, a transaction's checks) the entry does not say, and it is not checked again: whoever has it run has seen
 * what is there. What it had put to expire expires as long after it is run as it would have after it was written.
 */
import { getTextEncoding } from "@bufbuild/protobuf/wire";
import type { Acknowledgements } from "./acknowledgement.ts";
import type { Attempt, Outcome } from "./attempt.ts";
import type { Context } from "./context.ts";
import { OpKind, type Entry, type Op, type ResolveMark } from "./entry.ts";
import { Shown } from "./facts.ts";
import { wallOf } from "./hlc.ts";
import type { Deciding } from "./items-seen.ts";
import { identityOf, lostEntry, recordedAt } from "./lost-write.ts";
import { decideAgain, type Decision } from "./operations.ts";
import type { ItemCommand, Settlement, WriteRequest } from "./request.ts";
import type { Rules } from "./rules.ts";
import type { LostRow } from "./state-row.ts";

/** `row`: the lost write, open. */
export function decideSettlement(
  context: Context,
  { action }: Settlement,
  row: LostRow,
  deciding: Deciding,
): Decision {
  const place = { o: row.o, e: row.e, s: row.s };
  const after = [recordedAt(row)];
  if (action === "discard") {
    const resolve = { ...place, how: "discarded" } as const;
    return { kind: "change", ops: [], status: 200, builtOn: [], resolve, after };
  }
  const lost = lostEntry(context, row);
  // Whoever runs half of it again has not run it again.
  if (lost === null) return { kind: "refused", reason: "not-ready" };
  const commands = lost.ops.flatMap((op) => commandOf(op, deciding.rules) ?? []);
  const decision = decideAgain(commands, deciding, expiriesOf(lost, deciding.at));
  if (decision.kind !== "change") return decision;
  const resolve = { ...place, how: "replayed" } as const;
  // What it writes comes of what its writer had seen then.
  return { ...decision, status: 200, builtOn: [...decision.builtOn, ...lost.xdeps], resolve, after };
}

/** There is no such lost write, or it was settled. Null: it is open. */
export function settledBefore(
  context: Context,
  acknowledgements: Acknowledgements,
  attempt: Attempt,
  { action }: Settlement,
  row: LostRow | null,
): Outcome | null {
  const { request, owner, leadership } = attempt;
  const facts = acknowledgements.facts(attempt, new Shown());
  if (row === null || row.state === "folded")
    return acknowledgements.refuse(attempt, 0, { kind: "refused", reason: "no-divergent", facts });
  const { state, by } = row;
  if (state === "open") return null;
  if (by === undefined || state !== (action === "replay" ? "replayed" : "discarded")) {
    const judged = by?.o === leadership.log.o ? by.s : 0;
    return acknowledgements.refuse(attempt, judged, {
      kind: "refused",
      reason: "settled",
      state,
      by: by ?? null,
      facts,
    });
  }
  const entry = context.entryAt(by);
  const deps = [...(entry?.deps ?? []), owner, ...request.session.positions].filter(({ o }) => o !== by.o);
  const at = wallOf(entry?.hlc ?? row.hlc);
  return acknowledgements.logged(attempt, { position: by, status: 200, at, deps, replayed: true });
}

/** A request whose first attempt is among the lost writes: it is done now, and nobody has to decide about that any more. */
export function settlingToo(
  { hash, rules, storage }: Context,
  { user, principal, idempotency }: WriteRequest,
  decision: Decision,
): Decision {
  if (decision.kind !== "change" || idempotency === undefined || !rules.knowsRetries()) return decision;
  const row = storage
    .lostOfRequest(user, identityOf(hash, principal, idempotency))
    .find(({ state }) => state === "open");
  if (row === undefined) return decision;
  const resolve: ResolveMark = { o: row.o, e: row.e, s: row.s, how: "replayed" };
  return { ...decision, resolve, after: [recordedAt(row)] };
}

function commandOf(op: Op, rules: Rules): ItemCommand | null {
  const { key, after, command = NO_BYTES } = op;
  switch (rules.runsAgain(op)) {
    case "put":
      return after === undefined
        ? null
        : { kind: "put", key, value: after.value, contentType: after.contentType };
    case "delete":
      return { kind: "delete", key };
    case "merge":
      return { kind: "merge", key, patch: command };
    case "add":
      return { kind: "add", key, by: getTextEncoding().decodeUtf8(command) };
    case null:
      return null;
  }
}

const NO_BYTES = new Uint8Array(0);

/** Of what it put: at which instant it expires if it is put now. */
function expiriesOf({ hlc, ops }: Entry, at: number): ReadonlyMap<string, number> {
  return new Map(
    ops.flatMap(({ kind, key, after }) =>
      kind === OpKind.put && after !== undefined && after.expiresAt > 0
        ? [[key, at + after.expiresAt - wallOf(hlc)] as const]
        : [],
    ),
  );
}
