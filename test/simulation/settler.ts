/**
 * What a device does about its user's lost writes: it looks at the list of the region at hand, and has one run again or given up.
 *
 * For the record a replay is a transaction of the same writes. What that record could not be held to afterwards is given up: a
 * deletion, which may find nothing to delete; balances, which were right only beside each other; and what no checker follows.
 */
import type { Invocation, ItemWrite, Json } from "../../src/checker/operation.ts";
import type { LostOpView, LostWriteView } from "../../src/replication/request.ts";
import { ACCOUNTS, type Submission } from "./bookkeeping.ts";
import { position } from "./describe.ts";
import type { Random } from "./random.ts";

const decoder = new TextDecoder();
const encoder = new TextEncoder();

/** Keys of which a replay can be followed. */
const FOLLOWED = /^(k|c|d)\d*$/;

export function settlementOf(
  views: readonly LostWriteView[],
  random: Random,
  concern: Submission["concern"],
): Submission | null {
  // Mostly of what is open; sometimes of what is not, which has to be refused or answered as before.
  const open = views.filter(({ state }) => state === "open");
  const choice = open.length > 0 && !random.chance(0.15) ? open : views;
  if (choice.length === 0) return null;
  const lost = random.pick(choice);
  const writes = lost.ops.map(writeOf);
  const replay = random.chance(0.7) && writes.every((write) => write !== null);
  const asked = {
    op: "transaction",
    checks: [],
    writes: replay ? writes.filter((write) => write !== null) : [],
  } as const satisfies Pick<Invocation, "op"> & Partial<Invocation>;
  const action = replay ? "replay" : "discard";
  return {
    asked,
    command: { kind: "settle", lost: lost.place, action },
    concern,
    fingerprint: encoder.encode(`${action} ${position(lost.place)}`),
  };
}

function writeOf({ op, key, after, command }: LostOpView): ItemWrite | null {
  if (!FOLLOWED.test(key) || key.startsWith(ACCOUNTS.prefix) || after === undefined) return null;
  const text = decoder.decode(command);
  switch (op) {
    case "put":
      return { op: "write", key, value: JSON.parse(decoder.decode(after.value)) as Json };
    case "add":
      return { op: "add", key, value: Number(text) };
    case "merge":
      return { op: "merge", key, value: Object.keys(JSON.parse(text) as object)[0] ?? "" };
    default:
      return null;
  }
}
