/**
 * Answering reads, level by level.
 *
 * Near levels (eventual, prefix, session, bounded) answer from what is applied here; session and bounded say first what
 * has to be applied, fetch it for a moment, and otherwise send the client on. Levels that rely on the leader are worked
 * out at once and given when they are anchored; strong ones also wait until a majority holds what they show. Applying
 * is gated by dependencies, so every local state is a causal prefix of the partition.
 */
import { Anchor, type Settled } from "./anchor.ts";
import type { Context } from "./context.ts";
import { factsOf, homeReply, Shown } from "./facts.ts";
import { live } from "./items-seen.ts";
import type { Leadership } from "./leader.ts";
import type { Leaderships } from "./leaderships.ts";
import type { Levels } from "./level.ts";
import { isUsersWrite, lostEntry, recordedAt } from "./lost-write.ts";
import { lostWrites } from "./lost-writes.ts";
import type { Moves } from "./move.ts";
import type { RegionIndex } from "./position.ts";
import { receiptOf } from "./receipt.ts";
import type {
  ClientReply,
  DivergentRequest,
  HomeRequest,
  ItemView,
  LostPosition,
  ReadList,
  ReadRequest,
  ReceiptRequest,
} from "./request.ts";
import { claimIsToCome, coverage } from "./session.ts";
import type { StoredItem } from "./storage.ts";
import type { Waiter } from "./waiters.ts";
import { notLeader, sentOn } from "./redirect.ts";
import { viewOf } from "./item-view.ts";
import { wallOf } from "./hlc.ts";
import type { OwnerRow } from "./state-row.ts";

/** Rows of one page of a list's scan: tombstones and expired items are skipped on the way. */
const SCAN_ROWS = 1_001;
const SCAN_ROWS_MIN = 64;
const SCANNED_MAX = 5_000;

type Asked = ReadRequest | DivergentRequest;
type Answer = { readonly reply: ClientReply; readonly through: ReadonlyMap<RegionIndex, number> };

export class Reader {
  readonly #context: Context;
  readonly #leaderships: Leaderships;
  readonly #levels: Levels;
  readonly #moves: Moves;

  constructor(context: Context, leaderships: Leaderships, levels: Levels, moves: Moves) {
    this.#moves = moves;
    this.#context = context;
    this.#leaderships = leaderships;
    this.#levels = levels;
  }

  read(id: number, request: Asked): Waiter {
    const startedAt = this.#context.now;
    let settled: Settled<ClientReply> | null = null;
    const nearUntil =
      request.level === "session"
        ? Math.min(request.deadlineAt, startedAt + request.waitMs)
        : request.deadlineAt;
    return {
      id,
      deadlineAt: nearUntil,
      poll: () => {
        if (settled === null || settled.over()) settled = this.#decide(request, startedAt);
        return settled?.tell() ?? null;
      },
      expire: () => this.#expired(request, startedAt),
    };
  }

  /** The answer to a read that needs nothing but what is applied here; null: it has to wait, or to be anchored. Changes nothing. */
  atOnce(request: ReadRequest): ClientReply | null {
    const { level } = request;
    const near = level === "session" || level === "prefix" || level === "eventual";
    if (!near || request.committed) return null;
    const context = this.#context;
    const owner = context.storage.owner(request.user);
    if (owner === null) return null;
    if (level === "session") {
      const session = coverage(context, request.session.positions);
      if (!session.covered || session.lost.length > 0) return null;
    }
    const why = request.stale === true ? "stale" : level === "session" ? "covered" : "at-hand";
    return this.#answer(request, owner, null, why, [], context.now).reply;
  }

  /** Who is the user's home, and is it certain that there is none? */
  home(id: number, request: HomeRequest): Waiter {
    const since = this.#context.now;
    let settled: Settled<ClientReply> | null = null;
    return {
      id,
      deadlineAt: request.deadlineAt,
      poll: () => {
        if (settled !== null && !settled.over()) return settled.tell();
        const owner = this.#context.storage.owner(request.user);
        if (owner?.moving !== undefined && request.settled === true) {
          this.#moves.press(owner);
          return null;
        }
        if (!request.certain)
          return owner === null ? { kind: "unknown-user" } : homeReply(this.#context, owner);
        const { anchor } = this.#context.config;
        const way = this.#leaderships.way(anchor, { suspects: request.suspects, since });
        if (way.kind === "wait") return null;
        if (way.kind === "elsewhere") return notLeader(way);
        const guard = new Anchor(
          this.#context,
          way.leadership,
          owner !== null && owner.o === anchor ? owner.s : 0,
        );
        const answer: ClientReply =
          owner === null ? { kind: "refused", reason: "no-user" } : homeReply(this.#context, owner);
        settled = guard.settle(answer);
        return settled.tell();
      },
      expire: () => ({ kind: "refused", reason: "no-leader" }),
    };
  }

  /** How a write stands, asked of the leader of its log. */
  receipt(id: number, request: ReceiptRequest): Waiter {
    const startedAt = this.#context.now;
    const { position } = request;
    let anchor: Anchor | null = null;
    const answer = (leadership: Leadership, met: boolean): ClientReply =>
      this.#receipt(request, leadership, met, startedAt);
    return {
      id,
      deadlineAt: request.deadlineAt,
      poll: () => {
        const log = this.#context.logs.get(position.o);
        if (log === undefined || position.s === 0) return { kind: "refused", reason: "no-receipt" };
        const way = this.#leaderships.way(position.o, { suspects: request.suspects, since: startedAt });
        if (way.kind === "wait") return null;
        if (way.kind === "elsewhere") return notLeader(way);
        const { leadership } = way;
        if (anchor === null || anchor.over()) anchor = new Anchor(this.#context, leadership, 0);
        if (!anchor.holds()) return null;
        const concern = request.concern;
        const judgement = log.judge(this.#context.rules, position.e, position.s);
        if (concern === undefined || judgement !== "contained")
          return answer(leadership, concern === undefined);
        const holding = {
          s: position.s,
          commit: log.commit,
          matches: leadership.matches(),
          depsSettled: true,
        };
        if (this.#context.rules.concernMet(concern, leadership.standing(), holding, this.#context.now))
          return answer(leadership, true);
        leadership.hurry(position.s);
        return null;
      },
      expire: () => {
        const leadership = this.#leaderships.of(position.o);
        return leadership !== null && anchor?.holds() === true
          ? answer(leadership, false)
          : { kind: "refused", reason: "no-leader" };
      },
    };
  }

  #receipt(request: ReceiptRequest, leadership: Leadership, met: boolean, startedAt: number): ClientReply {
    const { context, position } = { context: this.#context, position: request.position };
    const { log } = leadership;
    const owner = context.storage.owner(request.user);
    if (owner === null) return { kind: "refused", reason: "no-receipt" };
    const shown = new Shown();
    const facts = () =>
      factsOf(context, owner, {
        shown,
        why: "leader",
        stalenessMs: 0,
        waitedMs: context.now - startedAt,
        leadership,
      });
    const judgement = log.judge(context.rules, position.e, position.s);
    const row =
      judgement === "contained" && position.s > log.base.s ? context.storage.entry(log.o, position.s) : null;
    const lost = judgement === "lost" ? context.storage.lostAt(request.user, position) : null;
    const entry =
      lost !== null ? lostEntry(context, lost) : row === null ? null : context.codec.decode(row.bytes);
    if (lost !== null && entry === null) return { kind: "refused", reason: "not-ready" };
    // What the leader did by itself nobody was given a receipt for.
    if (entry === null || entry.user !== request.user || !isUsersWrite(entry))
      return { kind: "refused", reason: "no-receipt" };
    shown.position(context, lost === null ? position : recordedAt(lost));
    const single = entry.ops.length === 1 ? entry.ops[0]!.key : undefined;
    const base = receiptOf(
      context,
      leadership,
      entry.user,
      single,
      position,
      entry.concern,
      wallOf(entry.hlc),
    );
    if (lost === null)
      return {
        kind: "receipt",
        receipt: base,
        state: base.committed ? "committed" : "pending",
        met,
        facts: facts(),
      };
    return {
      kind: "receipt",
      receipt: { ...base, committed: false, durableIn: [] },
      state: "lost",
      divergent: lost.state === "folded" ? (lost.by ?? position) : position,
      met: false,
      facts: facts(),
    };
  }

  #decide(request: Asked, startedAt: number): Settled<ClientReply> | null {
    const context = this.#context;
    const now = context.now;
    const owner = context.storage.owner(request.user);
    if (request.claim !== undefined && claimIsToCome(context, request.claim)) {
      this.#levels.fetch(request.claim.o);
      return null;
    }
    // Claimed once, perhaps, and erased since.
    if (owner === null) return answered({ kind: "unknown-user" });
    const near = (why: string, lost: readonly LostPosition[]) =>
      this.#near(request, owner, why, lost, startedAt);
    if (request.stale === true)
      return answered(this.#answer(request, owner, null, "stale", [], startedAt).reply);
    const session = coverage(context, request.session.positions);
    if (request.level === "eventual") return near("at-hand", []);
    if (request.level === "prefix") return near("at-hand", []);
    if (session.lost.length > 0 && request.reportLost !== true) {
      const facts = factsOf(context, owner, {
        shown: new Shown(),
        why: "lost",
        stalenessMs: null,
        waitedMs: now - startedAt,
        leadership: null,
      });
      return answered({ kind: "refused", reason: "session-lost", lost: session.lost, facts });
    }
    if (session.missing !== null) {
      this.#levels.fetch(session.missing.o);
      return null;
    }
    if (request.level === "session") return near("covered", session.lost);
    if (request.level === "bounded") {
      const freshness = this.#levels.freshness(
        this.#levels.logsOf(owner),
        request.stalenessMsMax ?? 0,
        startedAt,
      );
      if (freshness === "fresh") return near("fresh", session.lost);
      if (freshness === "ask") return null;
    }
    const way = this.#levels.leader(owner.home, { suspects: request.suspects, since: startedAt });
    if (way.kind === "wait") return null;
    if (way.kind === "elsewhere") return answered(sentOn(context, owner, way));
    if (!this.#moves.settled(owner)) return null;
    const { leadership } = way;
    const answer = this.#answer(request, owner, leadership, "leader", session.lost, startedAt);
    const committed = request.level === "strong" || request.committed;
    return committed
      ? this.#levels.settle(durable(answer.reply), [leadership], answer.through)
      : this.#levels.settle(answer.reply, [leadership]);
  }

  /** An answer of this replica, at the read concern asked for. */
  #near(
    request: Asked,
    owner: OwnerRow,
    why: string,
    lost: readonly LostPosition[],
    startedAt: number,
  ): Settled<ClientReply> {
    const answer = this.#answer(request, owner, null, why, lost, startedAt);
    if (!request.committed) return answered(answer.reply);
    return this.#levels.settle(durable(answer.reply), [], answer.through);
  }

  #expired(request: Asked, startedAt: number): ClientReply {
    const session = coverage(this.#context, request.session.positions);
    if (request.level === "session") {
      // Not covered, or covered and not known to be committed: either way the leader can tell.
      const needed = session.missing ??
        request.session.positions[0] ?? { o: this.#context.config.region, e: 0, s: 0 };
      const log = this.#context.logs.get(needed.o);
      const found =
        log === undefined ? { o: needed.o, e: 0, s: 0 } : { o: log.o, e: log.last.e, s: log.applied };
      return {
        kind: "behind",
        waitedMs: this.#context.now - startedAt,
        needed: { o: needed.o, e: needed.e, s: needed.s },
        found,
      };
    }
    if (session.missing !== null || request.committed) return { kind: "refused", reason: "read-timeout" };
    return { kind: "refused", reason: "no-leader" };
  }

  #answer(
    request: Asked,
    owner: OwnerRow,
    leadership: Leadership | null,
    why: string,
    lost: readonly LostPosition[],
    startedAt: number,
  ): Answer {
    const context = this.#context;
    const shown = new Shown();
    const at = context.rules.readsAt(context.now, request.session.seenAt);
    const nothing = (): void => shown.nothing(context, owner);
    const facts = () =>
      factsOf(context, owner, {
        shown,
        why,
        stalenessMs: leadership === null ? this.#levels.stalenessMs(this.#levels.logsOf(owner)) : 0,
        waitedMs: context.now - startedAt,
        leadership: leadership ?? this.#levels.leading(owner.home),
      });
    const losses = lost.length === 0 ? {} : { lost };
    if (request.op === "divergent") {
      const page = lostWrites(context, request, at, shown);
      return { reply: { kind: "divergent", ...page, facts: facts(), ...losses }, through: shown.through };
    }
    const { what } = request;
    if (what.kind === "item") {
      const stored = context.storage.item(request.user, what.key, !what.head);
      if (stored !== null) shown.row(context, stored);
      else nothing();
      const item = live(stored, at);
      if (item === null && stored !== null && !stored.tombstone) shown.expired(stored.expiresAt);
      return {
        reply: {
          kind: "item",
          item: item === null ? null : viewOf(item, !what.head),
          facts: facts(),
          ...losses,
        },
        through: shown.through,
      };
    }
    nothing();
    const page = this.#page(request.user, what, at, shown);
    const next = page.next === null ? {} : { next: page.next };
    return {
      reply: { kind: "list", items: page.items, ...next, facts: facts(), ...losses },
      through: shown.through,
    };
  }

  #page(user: string, list: ReadList, at: number, shown: Shown): { items: ItemView[]; next: string | null } {
    const context = this.#context;
    const found: StoredItem[] = [];
    const page = (next: string | null) => ({ items: this.#views(user, found, list.values), next });
    let after = list.after;
    let bytes = 0;
    let scanned = 0;
    for (;;) {
      const rowsMax = Math.min(SCAN_ROWS, Math.max(SCAN_ROWS_MIN, list.limit + 1 - found.length));
      const rows = context.storage.list({
        user,
        prefix: list.prefix,
        ...(list.start === undefined ? {} : { start: list.start }),
        ...(list.end === undefined ? {} : { end: list.end }),
        ...(after === undefined ? {} : { after }),
        reverse: list.reverse,
        rowsMax,
      });
      for (const row of rows) {
        const item = live(row, at);
        if (item !== null) {
          const size = list.values ? row.size + row.key.length : row.key.length;
          if (found.length >= list.limit || (found.length > 0 && bytes + size > list.bytesMax))
            return page(after ?? null);
          found.push(item);
          bytes += size;
        } else if (!row.tombstone) shown.expired(row.expiresAt);
        shown.row(context, row);
        after = row.key;
      }
      if (rows.length < rowsMax) return page(null);
      scanned += rows.length;
      // Deleted and expired items are walked over a bounded way in one turn: the page ends early, maybe with nothing on it.
      if (scanned >= SCANNED_MAX) return page(after ?? null);
    }
  }
  #views(user: string, found: readonly StoredItem[], withValues: boolean): ItemView[] {
    if (!withValues) return found.map((item) => viewOf(item, false));
    const values = this.#context.storage.values(
      user,
      found.map(({ key }) => key),
    );
    return found.map((item) => viewOf({ ...item, value: values.get(item.key) ?? item.value }, true));
  }
}

export function answered(reply: ClientReply): Settled<ClientReply> {
  return { tell: () => reply, over: never };
}

function never(): boolean {
  return false;
}

/** All that the answer shows was waited for and is committed by now: the token may say so. */
function durable(reply: ClientReply): ClientReply {
  if (reply.kind !== "item" && reply.kind !== "list" && reply.kind !== "divergent") return reply;
  const shown = reply.facts.shown.map((position) => ({ ...position, durable: true }));
  return { ...reply, facts: { ...reply.facts, shown } };
}
