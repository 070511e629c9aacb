/**
 * One leader per epoch, and nobody led once somebody else was acknowledged to lead: as far as clients can tell.
 *
 * Every receipt says under which epoch of which log it was written, and who led. Two regions under one epoch, or an epoch
 * that is not its leader's, is a violation by itself. And when a write was acknowledged under a later epoch, no write that
 * began after that may be acknowledged under an earlier one: its leader was deposed and has to be refused.
 */
import type { Operation } from "./operation.ts";
import { showOperation } from "./sentence.ts";
import { acknowledgedWrites, itemId } from "./touch.ts";
import { verdictOf, type Verdict, type Violation } from "./verdict.ts";
import { type ParsedVersion, parseVersion } from "./version.ts";

export interface LeadershipOptions {
  /** Logs are by partition and origin; undefined: the user is none of ours. */
  readonly partitionOf: (user: string) => string | undefined;
  /** The region whose index is in an epoch (`counter * 16 + index`). Without, that is not looked at. */
  readonly regionOf?: (index: number) => string | undefined;
}

const REGIONS_PER_EPOCH = 16n;

interface Led {
  readonly op: Operation;
  readonly log: string;
  readonly epoch: bigint;
}

export function checkLeaderships(
  operations: readonly Operation[],
  { partitionOf, regionOf = () => undefined }: LeadershipOptions,
): Verdict {
  const led = operations.flatMap((op): Led[] => {
    const parsed = typeof op.version === "string" ? parseVersion(op.version) : undefined;
    const partition = partitionOf(op.user);
    if (parsed === undefined || partition === undefined || acknowledgedWrites(op).length === 0) return [];
    if (isRetold(op, parsed)) return [];
    return [{ op, log: `${partition}/${parsed.origin}`, epoch: parsed.epoch }];
  });
  const violations: Violation[] = [];
  const epochs = new Set<string>();
  const leaders = new Map<string, Led>();
  for (const write of led) {
    const { op, log, epoch } = write;
    const name = `${log} epoch ${epoch}`;
    epochs.add(name);
    if (op.leader === undefined) continue;
    const named = regionOf(Number(epoch % REGIONS_PER_EPOCH));
    if (named !== undefined && named !== op.leader)
      violations.push(said(`${op.leader} acknowledged under an epoch of ${named}`, [op], name));
    const first = leaders.get(name);
    if (first === undefined) leaders.set(name, write);
    else if (first.op.leader !== op.leader)
      violations.push(said("two leaders of one epoch", [first.op, op], name));
  }
  const repeats = repeatsIn(operations);
  for (const [log, writes] of Map.groupBy(led, (write) => write.log))
    violations.push(...deposed(log, writes, repeats));
  return verdictOf("leaders", violations, {
    writes: led.length,
    logs: new Set(led.map(({ log }) => log)).size,
    epochs: epochs.size,
  });
}

/**
 * Who answered stood in another epoch, or at another home, than the write did: a request that was sent on found its work done, and is
 * told of it by whoever leads now.
 */
function isRetold({ position }: Operation, { origin, epoch }: ParsedVersion): boolean {
  const stood = parseVersion(position ?? "");
  return stood !== undefined && (stood.origin !== origin || stood.epoch !== epoch);
}

/** An answer to a repeated idempotency key may tell of a write that was done before, under whoever led then. */
function repeatsIn(operations: readonly Operation[]): Set<Operation> {
  const keyed = operations.filter((op) => op.idempotencyKey !== undefined);
  const attempts = Map.groupBy(keyed, (op) => itemId(op.user, op.idempotencyKey ?? ""));
  return new Set([...attempts.values()].flatMap(([, ...later]) => later));
}

function deposed(log: string, writes: readonly Led[], repeats: ReadonlySet<Operation>): Violation[] {
  const ends = writes.toSorted((a, b) => a.op.completedAt - b.op.completedAt);
  const violations: Violation[] = [];
  let known: Led | undefined;
  let absorbed = 0;
  for (const write of writes.toSorted((a, b) => a.op.invokedAt - b.op.invokedAt)) {
    for (let end = ends[absorbed]; end && end.op.completedAt < write.op.invokedAt; end = ends[absorbed]) {
      if (known === undefined || end.epoch > known.epoch) known = end;
      absorbed += 1;
    }
    if (known === undefined || known.epoch <= write.epoch || repeats.has(write.op)) continue;
    violations.push(said("a deposed leader was not refused", [known.op, write.op], log));
  }
  return violations;
}

function said(what: string, ops: readonly Operation[], where: string): Violation {
  return {
    message: `${what} in ${where}: ${ops.map(showOperation).join("; ")}`,
    ops: ops.map(({ id }) => id),
  };
}
