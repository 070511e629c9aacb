/**
 * What adds up: counters that are only ever added to, and objects that only ever gain members.
 *
 * In the end a counter is the sum of what was acknowledged and stands, plus some of what was never answered, each at most
 * once, however often it was sent under one idempotency key; and an object has the members of all the merges that were
 * acknowledged and stand, plus some of the others'. An update that began from an old value loses what came between and
 * is found here, also where every single answer looked right.
 */
import type { Authority } from "./authority.ts";
import type { ReplicaState } from "./convergence.ts";
import { canonical, type Json, type Operation } from "./operation.ts";
import { showItem } from "./sentence.ts";
import { isUpdate, itemId, type Touch, touchesOf } from "./touch.ts";
import { verdictOf, type Verdict, type Violation } from "./verdict.ts";

/** Sums that the unanswered adds of one counter may come to, before the question is left open. */
const SUMS_MAX = 100_000;

/** The attempts at one add or merge. */
interface Update {
  readonly input: Json | undefined;
  /** Acknowledged under a version that stands. */
  readonly certain: boolean;
  readonly ops: readonly number[];
}

export function checkAccumulation(
  operations: readonly Operation[],
  authority: Authority,
  replicas: readonly ReplicaState[],
): Verdict {
  const items = Map.groupBy(operations.flatMap(touchesOf).filter(isUpdate), (touch) =>
    itemId(touch.user, touch.key),
  );
  const violations: Violation[] = [];
  const counted = { counters: 0, adds: 0, objects: 0, merges: 0, unanswered: 0, open: 0 };
  for (const touches of items.values()) {
    const [{ user, key }] = touches as [Touch, ...Touch[]];
    const kinds = new Set(touches.map(({ kind }) => kind));
    if (kinds.size > 1 || !(kinds.has("add") || kinds.has("merge"))) continue;
    const updates = updatesOf(touches, authority);
    counted.unanswered += updates.filter(({ certain }) => !certain).length;
    const adds = kinds.has("add");
    counted[adds ? "counters" : "objects"] += 1;
    counted[adds ? "adds" : "merges"] += updates.length;
    for (const replica of replicas) {
      // A partition that has never heard of the user is another one.
      if (!replica.items.some((item) => item.user === user)) continue;
      const held = replica.items.find((item) => item.user === user && item.key === key)?.value;
      const wrong = adds ? wrongSum(updates, held) : wrongMembers(updates, held);
      if (wrong === null) counted.open += 1;
      else if (wrong !== undefined)
        violations.push({
          message: `in the end ${showItem(user, key)} in ${replica.region} ${wrong}`,
          ops: updates.flatMap(({ ops }) => ops),
        });
    }
  }
  const { open, ...rest } = counted;
  return verdictOf("accumulation", violations, rest, open);
}

function updatesOf(touches: readonly Touch[], authority: Authority): Update[] {
  // What stands and nobody was told of may be an attempt that the edge made by itself, after another that was answered and is lost.
  const told = new Set(touches.map(({ version }) => version));
  const untold = touches
    .slice(0, 1)
    .some(({ user, key }) => authority.keptOf(user, key).some(({ position }) => !told.has(position)));
  const groups = Map.groupBy(touches, ({ op }) =>
    op.idempotencyKey === undefined ? `#${op.id}` : itemId(op.principal ?? op.user, op.idempotencyKey),
  );
  return [...groups.values()].flatMap((attempts): Update[] => {
    const [first] = attempts;
    const answered = attempts.filter(({ op }) => op.outcome === "ok");
    const stands = answered.filter(
      ({ user, version }) => typeof version !== "string" || !authority.isLost(user, version),
    );
    // Every attempt was answered, and a failover took away whatever they were told.
    const gone = stands.length === 0 && answered.length === attempts.length;
    if (first === undefined || (gone && !untold)) return [];
    return [{ input: first.input, certain: stands.length > 0, ops: attempts.map(({ op }) => op.id) }];
  });
}

/** In words; undefined: nothing; null: that cannot be told. */
function wrongSum(updates: readonly Update[], held: Json | undefined): string | null | undefined {
  const value = held === undefined ? 0n : integer(held);
  if (value === undefined) return `holds ${canonical(held)}, which is no counter`;
  const certain = updates
    .filter(({ certain }) => certain)
    .reduce((sum, { input }) => sum + (integer(input) ?? 0n), 0n);
  let sums = new Set([certain]);
  for (const { input } of updates.filter(({ certain }) => !certain)) {
    const by = integer(input) ?? 0n;
    sums = new Set([...sums].flatMap((sum) => [sum, sum + by]));
    if (sums.size > SUMS_MAX) return null;
  }
  if (sums.has(value)) return undefined;
  return `counts ${value}: acknowledged and standing are ${certain}, and no choice among ${updates.length} adds explains the rest`;
}

function wrongMembers(updates: readonly Update[], held: Json | undefined): string | undefined {
  const members = new Set(held !== null && typeof held === "object" ? Object.keys(held) : []);
  const named = updates.map(({ input, certain }) => ({ name: nameIn(input), certain }));
  const missing = named.filter(({ name, certain }) => certain && !members.has(name));
  if (missing.length > 0)
    return `lacks ${missing.map(({ name }) => name).join(", ")}, which was acknowledged`;
  const known = new Set(named.map(({ name }) => name));
  const strange = [...members].filter((name) => !known.has(name));
  return strange.length > 0 ? `has ${strange.join(", ")}, which nobody merged into it` : undefined;
}

function nameIn(input: Json | undefined): string {
  return typeof input === "string" ? input : canonical(input);
}

function integer(value: Json | undefined): bigint | undefined {
  if (typeof value === "number") return Number.isSafeInteger(value) ? BigInt(value) : undefined;
  return typeof value === "string" && /^-?\d+$/u.test(value) ? BigInt(value) : undefined;
}
