/**
 * What is moved from one item to another is neither made nor lost on the way.
 *
 * The workload opens a user's accounts in one transaction, all with the same balance, and afterwards only moves amounts between
 * them, each time in one transaction. So every answer that shows the accounts together shows all of them or none, and
 * the same total; and so does every replica when all is over. A failover may take a transfer back, whole.
 */
import type { ReplicaState } from "./convergence.ts";
import { canonical, type Json, type Operation } from "./operation.ts";
import { showOperation } from "./sentence.ts";
import { verdictOf, type Verdict, type Violation } from "./verdict.ts";

export interface Accounts {
  /** What the keys of accounts begin with, and nobody else's. */
  readonly prefix: string;
  /** Of one user. */
  readonly count: number;
  /** Of one user's accounts together. */
  readonly total: number;
}

export function checkTransfers(
  operations: readonly Operation[],
  replicas: readonly ReplicaState[],
  accounts: Accounts,
): Verdict {
  const cuts = operations.filter(
    ({ op, outcome, prefix }) => op === "list" && outcome === "ok" && prefix === accounts.prefix,
  );
  const violations = cuts.flatMap((op): Violation[] => {
    const wrong = wrongWith(op.items ?? [], accounts);
    return wrong === undefined ? [] : [{ message: `${showOperation(op)}: ${wrong}`, ops: [op.id] }];
  });
  let ledgers = 0;
  for (const replica of replicas) {
    const held = replica.items.filter(({ key }) => key.startsWith(accounts.prefix));
    for (const [user, items] of Map.groupBy(held, (item) => item.user)) {
      ledgers += 1;
      const wrong = wrongWith(items, accounts);
      if (wrong !== undefined)
        violations.push({ message: `in the end ${user}'s accounts in ${replica.region}: ${wrong}`, ops: [] });
    }
  }
  const transfers = operations.filter(
    ({ op, outcome, applied, writes = [] }) =>
      op === "transaction" &&
      outcome === "ok" &&
      applied !== false &&
      writes.some(({ key }) => key.startsWith(accounts.prefix)),
  );
  const opened = cuts.filter(({ items = [] }) => items.length > 0).length;
  return verdictOf("transfers", violations, { cuts: opened, transfers: transfers.length, ledgers });
}

/** In words; undefined: nothing. */
function wrongWith(
  items: readonly { readonly key: string; readonly value?: Json | undefined }[],
  { count, total }: Accounts,
): string | undefined {
  if (items.length === 0) return undefined;
  const shown = items.map(({ key, value }) => `${key}=${canonical(value)}`).join(" ");
  if (items.length !== count) return `${items.length} of ${count} accounts (${shown})`;
  const sum = items.reduce((whole, { value }) => whole + (typeof value === "number" ? value : Number.NaN), 0);
  return sum === total ? undefined : `a total of ${sum} instead of ${total} (${shown})`;
}
