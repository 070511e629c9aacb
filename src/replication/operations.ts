/**
 * What a command does to items: given what is there now, either the ops of one entry or the reason why there is none.
 *
 * Decided once, by the leader that writes the entry; whoever applies it later only copies after-images. So merging and
 * adding, which depend on what was there, stand here and nowhere else. An item that is expired at the write's own
 * instant is absent to it.
 */
import { decodeXdeps } from "../wire/xdeps-codec.ts";
import { addTo, counterIn, COUNTER_CONTENT_TYPE, parseCounter } from "./counter.ts";
import { OpKind, type Entry, type ItemImage, type Op, type ResolveMark } from "./entry.ts";
import { decideImport } from "./import.ts";
import type { Deciding } from "./items-seen.ts";
import { isJsonType, JSON_CONTENT_TYPE } from "./json-text.ts";
import { applyPatch, readPatch } from "./merge-patch.ts";
import { samePosition, type CrossPosition, type Position } from "./position.ts";
import type {
  Command,
  Conditions,
  Facts,
  Import,
  ImportResult,
  ItemCommand,
  ItemVersion,
  Refusal,
  Settlement,
  Transaction,
  WriteResult,
} from "./request.ts";
import type { StoredItem } from "./storage.ts";

/** A refusal that depends on what was seen; the writer adds what the answer says of itself. */
export type Unmet = WithoutFacts<Refusal>;
type WithoutFacts<R> = R extends { readonly facts: Facts } ? Omit<R, "facts"> : never;

export interface Change {
  readonly kind: "change";
  readonly ops: readonly Op[];
  readonly status: number;
  /** Positions in other partitions that the values which were merged or added to depend on. */
  readonly builtOn: readonly CrossPosition[];
  /** Of an import, which may change nothing at all. */
  readonly results?: readonly ImportResult[];
  /** Of a settlement: the lost write that the entry settles. */
  readonly resolve?: ResolveMark;
  /** Positions that the entry has to follow beside what the session has seen. */
  readonly after?: readonly Position[];
}

export type Unfit = Extract<Refusal, { readonly reason: "invalid-command" | "not-ready" }>;

export type Decision = Change | { readonly kind: "unmet"; readonly why: Unmet } | Unfit;

/** An entry is stored in one row of 1,900,000 bytes at most; what is not values and patches in it stays below the rest. */
const ROW_BYTES_MAX = 1_800_000;

export function decide(
  command: Exclude<Command, Settlement>,
  conditions: Conditions,
  deciding: Deciding,
): Decision {
  if (command.kind === "import") return importing(command, deciding);
  const decision =
    command.kind === "transaction"
      ? decideTransaction(command, deciding)
      : decideItem(command, conditions, deciding);
  if (decision.kind !== "change") return decision;
  return { ...decision, ops: decision.ops.map((op) => marked(op, deciding)) };
}

function importing(command: Import, deciding: Deciding): Decision {
  const { items } = command;
  if (items.length === 0 || new Set(items.map(({ key }) => key)).size < items.length) return INVALID;
  if (items.some(({ value }) => value.length > deciding.limits.valueBytesMax)) return INVALID;
  return { kind: "change", ...decideImport(command, deciding), status: 200, builtOn: [] };
}

/** Runs commands on what is there now, whatever they found before; deleting what is not there does nothing. */
export function decideAgain(
  commands: readonly ItemCommand[],
  deciding: Deciding,
  expiries: ReadonlyMap<string, number>,
): Decision {
  const { items } = deciding;
  const writes = commands.filter(({ kind, key }) => kind !== "delete" || items.look(key, false) !== null);
  const decision = decideTransaction({ kind: "transaction", checks: [], writes }, deciding);
  if (decision.kind !== "change") return decision;
  const ops = decision.ops.map((op) => marked(expiring(op, expiries.get(op.key)), deciding));
  return { ...decision, ops };
}

function expiring(op: Op, expiresAt: number | undefined): Op {
  return op.after === undefined || expiresAt === undefined
    ? op
    : { ...op, after: { ...op.after, expiresAt } };
}

/** What was once imported stays known as that. */
function marked(op: Op, { items, rules }: Deciding): Op {
  const mark = items.markOf(op.key);
  if (op.after === undefined || mark === undefined || !rules.carriesMarks()) return op;
  return { ...op, after: { ...op.after, mark } };
}

function decideItem(command: ItemCommand, conditions: Conditions, deciding: Deciding): Decision {
  const current = deciding.items.look(command.key, true);
  if (!conditionsHold(conditions, current))
    return unmet({ kind: "refused", reason: "precondition-failed", current: versionOf(current) });
  if (current === null && (command.kind === "delete" || command.kind === "merge"))
    return unmet({ kind: "refused", reason: "not-found" });
  const op = opOf(command, current, deciding);
  if (op.kind === "refused" || op.kind === "unmet") return op;
  const created = command.kind === "put" && current === null;
  return {
    kind: "change",
    ops: fitted([op]),
    status: created ? 201 : 200,
    builtOn: causesOf(command, current),
  };
}

function decideTransaction({ checks, writes }: Transaction, deciding: Deciding): Decision {
  const { items, limits } = deciding;
  if (new Set(writes.map(({ key }) => key)).size < writes.length) return INVALID;
  const failed = failedChecks(checks, deciding);
  if (failed.length > 0) return unmet({ kind: "refused", reason: "check-failed", failed });
  const ops: Op[] = [];
  const builtOn: CrossPosition[] = [];
  let bytes = 0;
  for (const command of writes) {
    const current = items.look(command.key, true);
    if (items.bytes > limits.replacedBytesMax)
      return unmet({ kind: "refused", reason: "too-large", what: "replaced" });
    const op = opOf(command, current, deciding);
    if (op.kind === "unmet" && op.why.reason === "too-large") return TOO_MUCH;
    if (op.kind === "refused" || op.kind === "unmet") return op;
    bytes += op.after?.value.length ?? 0;
    if (bytes > limits.valueBytesMax) return TOO_MUCH;
    ops.push(op);
    builtOn.push(...causesOf(command, current));
  }
  return { kind: "change", ops: fitted(ops), status: 200, builtOn };
}

function failedChecks(checks: readonly ItemVersion[], { items, rules }: Deciding): ItemVersion[] {
  return checks.flatMap(({ key, version: wanted }) => {
    const version = versionOf(items.look(key, false));
    return rules.checkHolds(wanted, version) ? [] : [{ key, version }];
  });
}

function conditionsHold({ ifMatch, ifNoneMatch }: Conditions, current: StoredItem | null): boolean {
  const isCurrent = (version: Position): boolean => current !== null && samePosition(version, current);
  if (ifMatch !== undefined && !(ifMatch === "any" ? current !== null : ifMatch.some(isCurrent)))
    return false;
  return (
    ifNoneMatch === undefined || !(ifNoneMatch === "any" ? current !== null : ifNoneMatch.some(isCurrent))
  );
}

type Operated = Op | Exclude<Decision, Change>;

function opOf(command: ItemCommand, current: StoredItem | null, deciding: Deciding): Operated {
  switch (command.kind) {
    case "put":
      return put(command, current, deciding);
    case "delete":
      return { kind: OpKind.delete, key: command.key };
    case "merge":
      return merge(command, current, deciding);
    case "add":
      return add(command, current);
    default:
      // Of newer code.
      return { kind: "refused", reason: "not-ready" };
  }
}

type Of<K extends ItemCommand["kind"]> = Extract<ItemCommand, { readonly kind: K }>;

function put(command: Of<"put">, current: StoredItem | null, { at, limits }: Deciding): Operated {
  const { key, contentType, value, expiresInS } = command;
  if (value.length > limits.valueBytesMax) return TOO_LARGE;
  const expiresAt = expiresInS === undefined ? 0 : at + expiresInS * 1_000;
  return { kind: OpKind.put, key, after: successor(current, { contentType, value, expiresAt }) };
}

function merge({ key, patch }: Of<"merge">, current: StoredItem | null, { limits }: Deciding): Operated {
  const read = readPatch(patch);
  if (typeof read === "string") return INVALID;
  if (current !== null && !isJsonType(current.contentType)) return notJson(key);
  const value = applyPatch(read, current?.value ?? null, limits.valueBytesMax);
  if (value === "not-json") return notJson(key);
  if (value === "too-large") return TOO_LARGE;
  const contentType = current?.contentType ?? JSON_CONTENT_TYPE;
  return { kind: OpKind.merge, key, after: successor(current, { value, contentType }), command: patch };
}

function add({ key, by }: Of<"add">, current: StoredItem | null): Operated {
  const counter = current === null ? 0n : counterIn(current);
  if (counter === null) return unmet({ kind: "refused", reason: "not-a-counter", key });
  const summand = parseCounter(by);
  if (summand === null) return INVALID;
  const value = addTo(counter, summand);
  if (value === null) return unmet({ kind: "refused", reason: "counter-overflow", key });
  const after = successor(current, { value, contentType: COUNTER_CONTENT_TYPE });
  return { kind: OpKind.add, key, after, command: digitsOf(by) };
}

/** The one place where an item is made out of the one before: what the command does not say of it stays as it was. */
function successor(
  current: StoredItem | null,
  said: Pick<ItemImage, "contentType" | "value"> & Partial<ItemImage>,
): ItemImage {
  return { expiresAt: current?.expiresAt ?? 0, ...said };
}

/** Who sees the new value sees what the old one said, and so has to see what that came from. */
function causesOf({ kind }: ItemCommand, current: StoredItem | null): readonly CrossPosition[] {
  const keeps = kind === "merge" || kind === "add";
  return current === null || !keeps || current.xdeps.length === 0 ? [] : decodeXdeps(current.xdeps);
}

/** Patches are left out where they and the values together do not fit into a row. */
function fitted(ops: readonly Op[]): readonly Op[] {
  const bytes = ops.reduce((sum, op) => sum + (op.after?.value.length ?? 0) + (op.command?.length ?? 0), 0);
  return bytes <= ROW_BYTES_MAX ? ops : ops.map(withoutPatch);
}

function withoutPatch(op: Op): Op {
  const { command: _patch, ...rest } = op;
  return op.kind === OpKind.merge ? rest : op;
}

/** What each write of an entry came to, in their order. */
export function resultsOf({ o, e, s, ops }: Entry): WriteResult[] {
  const version: Position = { o, e, s };
  return ops.map(({ kind, after }) =>
    after !== undefined && tellsValue(kind) ? { version, value: after.value } : { version },
  );
}

/** Only of a transaction, and only where the caller cannot know it. */
export function answersValues(command: Command): boolean {
  return (
    command.kind === "transaction" && command.writes.some(({ kind }) => kind === "merge" || kind === "add")
  );
}

function tellsValue(kind: number): boolean {
  return kind === OpKind.merge || kind === OpKind.add;
}

function versionOf(item: StoredItem | null): Position | null {
  return item === null ? null : { o: item.o, e: item.e, s: item.s };
}

function digitsOf(text: string): Uint8Array {
  return Uint8Array.from(text, (digit) => digit.charCodeAt(0));
}

const INVALID = { kind: "refused", reason: "invalid-command" } as const satisfies Unfit;

const TOO_LARGE = unmet({ kind: "refused", reason: "too-large", what: "value" });
const TOO_MUCH = unmet({ kind: "refused", reason: "too-large", what: "values" });

function notJson(key: string): { kind: "unmet"; why: Unmet } {
  return unmet({ kind: "refused", reason: "not-json", key });
}

function unmet(why: Unmet): { kind: "unmet"; why: Unmet } {
  return { kind: "unmet", why };
}
