/**
 * Expiry: nothing expired is shown or comes back, a write judges at its own time, the leader reclaims nothing but what is over,
 * and whoever is shown that an item is gone is told the time. Silence, and that everything is reclaimed in the end, is
 * judged in liveness.ts.
 */
import { OpKind, type Entry, type ItemImage } from "../../src/replication/entry.ts";
import { wallOf } from "../../src/replication/hlc.ts";
import { leaderOf } from "../../src/replication/position.ts";
import type { ClientReply, ItemView } from "../../src/replication/request.ts";
import { position } from "./describe.ts";
import { isLeaver } from "./leaver-name.ts";
import { storyBefore } from "./story.ts";
import type { Turn } from "./turn.ts";

const OPS_MAX = 100;

/** An item is not shown after it expired, by the clock of the replica or the time in the token. */
export function nothingExpiredIsShown(turn: Turn): void {
  for (const { reply, request, lowestNow } of turn.answered) {
    if (request.op !== "read" && request.op !== "read-many") continue;
    const { seenAt } = request.session;
    for (const item of itemsIn(reply)) {
      if (item === null || item.expiresAt === 0 || item.expiresAt > Math.max(seenAt, lowestNow)) continue;
      turn.fail(
        "nothing expired is shown",
        `${turn.host.name} shows an item ${item.key}, which expired at ${item.expiresAt}; its clock read ${lowestNow} or more, and the token has seen ${seenAt}`,
      );
    }
  }
}

function itemsIn(reply: ClientReply): readonly (ItemView | null)[] {
  if (reply.kind === "item") return [reply.item];
  if (reply.kind === "list") return reply.items;
  return reply.kind === "items" ? reply.items.map((item) => (item.kind === "item" ? item.item : null)) : [];
}

/** A put creates where what was there is over at the entry's own time, and replaces otherwise. */
export function writesJudgeAtTheirOwnTime(turn: Turn): void {
  for (const { reply, request } of turn.answered) {
    if (reply.kind !== "written" || request.op !== "write" || request.command.kind !== "put") continue;
    // Who has left and come back is somebody new, of whom the log still knows what the one before had.
    if (isLeaver(request.user)) continue;
    const { o, e, s } = reply.receipt.position;
    const log = turn.ghost.log(turn.host.partition, o);
    const entry = log.known(e, s)?.entry;
    if (entry === undefined) continue;
    const before = imageBefore(turn, entry, request.command.key);
    const created = before === null || isOver(before, wallOf(entry.hlc));
    if (created !== (reply.status === 201))
      turn.fail(
        "writes judge at their own time",
        `${turn.host.name} answers ${reply.status} for ${position(reply.receipt.position)} at ${wallOf(entry.hlc)}, over ${describe(before)}`,
      );
  }
}

/** An entry that reclaims names what is expired at its own time, and nothing that was written again since. */
export function onlyTheExpiredIsReclaimed(turn: Turn): void {
  for (const { o, appended } of turn.deltas) {
    const log = turn.ghost.log(turn.host.partition, o);
    for (const { e, s } of appended) {
      const entry = log.known(e, s)?.entry;
      if (entry === undefined || leaderOf(e) !== turn.host.region) continue;
      const named = entry.ops.filter(({ kind }) => kind === OpKind.expire);
      if (named.length === 0) continue;
      turn.tally.add("items reclaimed", named.length);
      const what = `${turn.host.name} reclaims with ${o}.${e}.${s} at ${wallOf(entry.hlc)}`;
      if (named.length !== entry.ops.length || named.length > OPS_MAX || entry.idempotency !== undefined)
        turn.fail("only the expired is reclaimed", `${what}: it is no entry of a leader's own`);
      for (const { key } of named) {
        const before = imageBefore(turn, entry, key);
        if (before === null || !isOver(before, wallOf(entry.hlc)))
          turn.fail("only the expired is reclaimed", `${what} ${entry.user}/${key}: ${describe(before)}`);
      }
    }
  }
}

/** Who is shown nothing because an item was reclaimed takes the time along: no replica may show him the item again. */
export function timesAreTold(turn: Turn): void {
  const { host, ghost } = turn;
  for (const { reply, request } of turn.answered) {
    if (request.op !== "read" || reply.kind !== "item" || reply.item !== null) continue;
    if (request.what.kind !== "item") continue;
    const { key } = request.what;
    const row = host.driver.rows(
      `SELECT o, e, s FROM items WHERE user = ? AND key = ? AND tombstone = 1`,
      request.user,
      key,
    )[0];
    // What was reclaimed after the answer had been worked out it need not know.
    if (row === undefined || Number(row[0]) !== reply.facts.home || Number(row[2]) > reply.facts.position.s)
      continue;
    const log = ghost.log(host.partition, Number(row[0]));
    const entry = log.known(Number(row[1]), Number(row[2]))?.entry;
    if (entry === undefined || !entry.ops.some((op) => op.key === key && op.kind === OpKind.expire)) continue;
    const expiresAt = imageBefore(turn, entry, key)?.expiresAt ?? 0;
    if (reply.facts.seenAt < expiresAt)
      turn.fail(
        "times are told",
        `${host.name} shows that ${request.user}/${key} is gone, which expired at ${expiresAt}, and tells ${reply.facts.seenAt}`,
      );
  }
}

/** What the log says of an item just before an entry; null: it is not there, expired or not. */
function imageBefore(
  { ghost, host }: Pick<Turn, "ghost" | "host">,
  entry: Entry,
  key: string,
): ItemImage | null {
  const known = ghost.log(host.partition, entry.o).known(entry.e, entry.s);
  if (known === undefined) return null;
  for (const earlier of storyBefore(ghost, host.partition, known, entry.user)) {
    const op = earlier.entry.ops.findLast((one) => one.key === key);
    if (op !== undefined) return op.after ?? null;
  }
  return null;
}

function isOver({ expiresAt }: ItemImage, at: number): boolean {
  return expiresAt !== 0 && expiresAt <= at;
}

function describe(image: ItemImage | null): string {
  if (image === null) return "nothing";
  return image.expiresAt === 0 ? "what never expires" : `what expires at ${image.expiresAt}`;
}
