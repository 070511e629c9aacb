/**
 * Moving a user's home from one log of the partition to another, while everybody goes on.
 *
 *      log A, the home      1 HANDOFF_OUT  ────────────┐                    5 HANDOFF_ABORT, or "moved"
 *      log B, the target                    2, 3 seen, committed   4 HANDOFF_IN or HANDOFF_REFUSE
 *
 * From its OUT on log A takes nothing more of the user. Log B decides: whichever of IN and REFUSE its leader appends first is
 * the answer, and it appends neither before it has applied the OUT and knows it to be committed. IN depends on the OUT, so
 * every replica changes the home at the same place of both logs. After a REFUSE log A's leader appends an ABORT, and only
 * then writes for the user again. So nobody coordinates: both sides are logs that outlive their leaders, each step is
 * an entry, and whoever leads a log does what its entries call for, wherever it is.
 *
 * What keeps two logs from answering for one user:
 *  - The OUT is appended by a leader that could acknowledge at that moment (R6): no lease of an earlier leader, which would not
 *    know of it, is left. So nobody can acknowledge for the user in log A without having it in the log.
 *  - The new home acts on its IN only when that is committed: before, a successor might refuse instead.
 *  - Log A goes on only when the REFUSE is committed: before, a successor might take the user in.
 *
 * Nothing ticks. A leader that is told of the other log's entry acts in that turn; what was not brought to it stays where it
 * is until somebody asks for the user, or until the retry schedule brings it. A leader refuses that does not stand in its own
 * region, since the one that the user was to live in has been lost meanwhile, and one that hears of the user too late.
 */
import { Anchor, type Settled } from "./anchor.ts";
import type { Applier } from "./apply.ts";
import type { Context } from "./context.ts";
import { EntryKind, PROTOCOL_VERSION, type Entry, type HandoffMark } from "./entry.ts";
import type { Follower } from "./follower.ts";
import { nextVersion } from "./home.ts";
import { hlcAt } from "./hlc.ts";
import type { Leadership } from "./leader.ts";
import type { Leaderships } from "./leaderships.ts";
import type { Log } from "./log.ts";
import { samePosition, type Position, type RegionIndex } from "./position.ts";
import { homeReply } from "./facts.ts";
import { claimIsToCome } from "./session.ts";
import { sentOn } from "./redirect.ts";
import type { ClientReply, MoveRequest } from "./request.ts";
import type { Moving, OwnerRow } from "./state-row.ts";
import type { Waiter } from "./waiters.ts";

/** A target that is further behind than this is not there yet: the user would have to wait for it. */
const BEHIND_ENTRIES_MAX = 64;
/** Each step is hurried along for so long; then it is left to whoever waits for it, and to the retry schedule. */
const HURRY_MS = 5_000;
/** The leader of a log is asked to tell its commit position at once for so long after somebody here has needed it. */
const WATCH_MS = 1_000;

/** An OUT that this request waits for. */
interface Begun {
  readonly from: Log;
  readonly out: Position;
  readonly version: number;
}

export class Moves {
  readonly #context: Context;
  readonly #applier: Applier;
  readonly #leaderships: Leaderships;
  readonly #followers: ReadonlyMap<RegionIndex, Follower>;
  readonly #onWritten: (leadership: Leadership) => void;
  /** While a snapshot is taken over, the homes are not what the logs say. */
  readonly #paused: () => boolean;
  /** Steps that wait for their commit in logs led here. */
  readonly #hurried = new Map<RegionIndex, { readonly s: number; readonly until: number }>();
  readonly #watchedUntil = new Map<RegionIndex, number>();

  constructor(options: {
    context: Context;
    applier: Applier;
    leaderships: Leaderships;
    followers: ReadonlyMap<RegionIndex, Follower>;
    onWritten: (leadership: Leadership) => void;
    paused: () => boolean;
  }) {
    this.#context = options.context;
    this.#applier = options.applier;
    this.#leaderships = options.leaderships;
    this.#followers = options.followers;
    this.#onWritten = options.onWritten;
    this.#paused = options.paused;
  }

  /** Does somebody here wait for the log's commit position? */
  watches(o: RegionIndex): boolean {
    if (this.#context.now < (this.#watchedUntil.get(o) ?? 0)) return true;
    for (const moving of this.#all()) if (moving.o === o || moving.to === o) return true;
    return false;
  }

  /**
   * May this leader of the user's log answer for the user, as far as moves go? Otherwise asks for what is missing; said anew
   * each turn by whoever waits.
   */
  settled(owner: OwnerRow): boolean {
    const { rules } = this.#context;
    const { moving } = owner;
    if (rules.holdsStill(moving)) {
      this.#press(moving);
      return false;
    }
    const log = this.#context.log(owner.o);
    const { s } = owner;
    if (isClaimed(owner) ? rules.mayLiveBy(s, log.commit) : rules.hasArrived(s, log.commit)) return true;
    this.#fetchCommit(log, owner.s);
    return false;
  }

  /**
   * The leader of the user's log writes for the user: what made it the home is settled, and has to be known as that after a restart
   * too, or the user would wait for a log that may have lost its leader. A row for each user's first write, at most; in the home's own log
   * the write's own row says it.
   */
  keep(owner: OwnerRow): void {
    if (isClaimed(owner) && owner.o !== owner.home) this.#context.log(owner.o).keepCommit(owner.s);
  }

  /** Asks whoever can bring a move that is under way to its end, and waits on. */
  press(owner: OwnerRow): void {
    if (owner.moving !== undefined) this.#press(owner.moving);
  }

  move(id: number, request: MoveRequest): Waiter {
    const since = this.#context.now;
    const wait = null;
    let begun: Begun | null = null;
    let round: { readonly leadership: Leadership; readonly number: number } | null = null;
    let arrived: Settled<ClientReply> | null = null;
    const poll = (): ClientReply | null => {
      if (arrived !== null && !arrived.over()) return arrived.tell();
      const owner = this.#context.storage.owner(request.user);
      if (request.claim !== undefined && claimIsToCome(this.#context, request.claim)) {
        this.#followers.get(request.claim.o)?.want();
        return wait;
      }
      // Claimed once, perhaps, and erased since.
      if (owner === null) return { kind: "unknown-user" };
      if (begun !== null) {
        const outcome = this.#outcome(owner, begun);
        if (outcome !== "cut") return outcome;
        begun = null;
      }
      const way = this.#leaderships.way(owner.home, { suspects: request.suspects, since });
      if (way.kind === "wait") return wait;
      if (way.kind === "elsewhere") return sentOn(this.#context, owner, way);
      if (owner.moving?.to === request.to) begun = begunBy(this.#context, owner.moving);
      if (!this.settled(owner)) return wait;
      if (owner.home === request.to) {
        arrived = new Anchor(this.#context, way.leadership, 0).settle(homeReply(this.#context, owner));
        return arrived.tell();
      }
      const version = nextVersion(owner.version);
      if (version === null) return { kind: "refused", reason: "moved-too-often" };
      if (this.#context.log(request.to).leader !== request.to) return NOT_THERE;
      if (round?.leadership !== way.leadership)
        round = { leadership: way.leadership, number: way.leadership.readIndex() };
      if (!this.#isReady(way.leadership, request.to, round.number, since)) return wait;
      begun = begunBy(this.#context, this.#begin(way.leadership, owner, request, version));
      return wait;
    };
    return {
      id,
      deadlineAt: request.deadlineAt,
      poll,
      expire: () => {
        if (begun !== null) return { kind: "refused", reason: "no-leader", underWay: true };
        const owner = this.#context.storage.owner(request.user);
        const leads = owner !== null && this.#leaderships.of(owner.home)?.opened === true;
        return leads && owner.moving === undefined
          ? { kind: "refused", reason: "not-there", soon: true }
          : { kind: "refused", reason: "no-leader" };
      },
    };
  }

  /** Does what the entries of moves call for in the logs that this replica leads. */
  advance(): void {
    if (this.#paused()) return;
    for (const user of this.#context.storage.movingUsers()) {
      const owner = this.#context.storage.owner(user);
      if (owner?.moving !== undefined) this.#advanceUser(owner, owner.moving);
    }
    for (const [o, { s, until }] of this.#hurried) {
      const leadership = this.#leaderships.of(o);
      if (leadership === null || leadership.log.commit >= s) this.#hurried.delete(o);
      else if (this.#context.now < until) leadership.hurry(s);
    }
  }

  #advanceUser(owner: OwnerRow, moving: Moving): void {
    const { rules, config } = this.#context;
    const target = this.#usable(moving.to);
    if (target !== null && rules.mayAnswer(moving, this.#context.log(moving.o).commit)) {
      const takesIn = moving.to === config.region && !this.#isLate(moving);
      const kind = takesIn ? EntryKind.handoffIn : EntryKind.handoffRefuse;
      return this.#append(target, owner, kind, moving, moving);
    }
    if (target !== null && moving.refused === undefined) return this.#expectCommit(moving.o, moving.s);
    const home = this.#usable(moving.o);
    if (home === null) return;
    if (rules.mayResume(moving, this.#context.log(moving.to).commit))
      this.#append(home, owner, EntryKind.handoffAbort, moving, moving.refused ?? moving);
    else if (moving.refused !== undefined) this.#expectCommit(moving.to, moving.refused.s);
  }

  /** Nobody waits for it any more: who was not reached in time is no good home. */
  #isLate({ o, s }: Moving): boolean {
    const { config, now, storage } = this.#context;
    return (storage.entry(o, s)?.hlc ?? 0) < hlcAt(now - config.timing.moveLateMs);
  }

  /** A leader that has applied all that it holds: it judges by the present state. */
  #usable(o: RegionIndex): Leadership | null {
    const leadership = this.#leaderships.of(o);
    return leadership?.opened === true && leadership.log.applied === leadership.log.last.s
      ? leadership
      : null;
  }

  /** What became of the OUT; "cut": it is no longer in the log, and the move has to be begun anew. */
  #outcome(owner: OwnerRow, { from, out, version }: Begun): ClientReply | null | "cut" {
    if (owner.version >= version) {
      const log = this.#context.log(owner.o);
      if (log.commit >= owner.s) return homeReply(this.#context, owner);
      this.#fetchCommit(log, owner.s);
      return null;
    }
    if (owner.moving !== undefined && samePosition(owner.moving, out)) {
      this.#press(owner.moving);
      return null;
    }
    const judged = from.judge(this.#context.rules, out.e, out.s);
    return judged === "contained" ? NOT_THERE : "cut";
  }

  /** Is the target's region there, does it lead its log, and would it hold the OUT in a moment? */
  #isReady(home: Leadership, to: RegionIndex, round: number, since: number): boolean {
    const { now } = this.#context;
    if (now < home.ackAfter) {
      this.#context.wakeAt(home.ackAfter);
      return false;
    }
    if (to === this.#context.config.region) return this.#leaderships.way(to, { since }).kind === "here";
    const behind = home.behindOf(to, round);
    if (behind > BEHIND_ENTRIES_MAX) home.hurry(home.log.last.s);
    const follower = this.#followers.get(to);
    // Only who could acknowledge at that moment answers such a question.
    const led = follower?.freshSince(since) === true;
    if (!led) follower?.wantFresh(since);
    return led && behind <= BEHIND_ENTRIES_MAX;
  }

  #begin(home: Leadership, owner: OwnerRow, { to }: MoveRequest, version: number): Moving {
    this.#append(home, owner, EntryKind.handoffOut, { o: home.log.o, to, version }, null);
    home.expectEager(to);
    const { moving } = this.#context.storage.owner(owner.user) ?? {};
    if (moving === undefined) throw new Error("a move was begun and not applied");
    return moving;
  }

  /** `answers`: the entry of the other log that it follows from. */
  #append(
    leadership: Leadership,
    owner: OwnerRow,
    kind: number,
    move: Pick<Moving, "o" | "to" | "version"> & Partial<Moving>,
    answers: Position | null,
  ): void {
    const { codec, now, incarnation } = this.#context;
    const { log, e } = leadership;
    const out = kind === EntryKind.handoffOut ? {} : { out: { o: move.o, e: move.e ?? 0, s: move.s ?? 0 } };
    const handoff: HandoffMark = { from: move.o, to: move.to, version: move.version, ...out };
    const first = answers ?? owner;
    const entry: Entry = {
      pv: PROTOCOL_VERSION,
      kind,
      o: log.o,
      e,
      s: log.last.s + 1,
      inc: incarnation,
      hlc: this.#context.nextHlc(),
      user: owner.user,
      principal: "",
      concern: "majority",
      deps: first.o === log.o ? [] : [{ o: first.o, e: first.e, s: first.s }],
      xdeps: [],
      ops: [],
      status: 0,
      handoff,
    };
    this.#applier.append(log, { e, s: entry.s, bytes: codec.encode(entry) }, entry);
    this.#onWritten(leadership);
    this.#hurried.set(log.o, { s: entry.s, until: now + HURRY_MS });
    this.#watch(move.o);
    this.#watch(move.to);
    leadership.hurry(entry.s);
  }

  /** Somebody waits for the end of it here. */
  #press(moving: Moving): void {
    const { config } = this.#context;
    const { o, s, to, refused } = moving;
    const from = this.#context.log(o);
    const target = this.#context.log(to);
    if (from.commit < s) this.#fetchCommit(from, s);
    if (refused !== undefined) return this.#fetchCommit(target, refused.s);
    // Whoever leads the target's log, or should, is told by the question that it is needed.
    if (target.leader === config.region || this.#leaderships.of(to) !== null)
      this.#leaderships.way(to, { since: this.#context.now });
    else {
      this.#watch(to);
      this.#followers.get(to)?.want(true);
    }
  }

  #fetchCommit(log: Log, s: number): void {
    this.#watch(log.o);
    const leadership = this.#leaderships.of(log.o);
    if (leadership === null) this.#followers.get(log.o)?.want(true);
    else leadership.hurry(s);
  }

  /** As a rule its leader tells it by itself; it is asked a few times. */
  #expectCommit(o: RegionIndex, s: number): void {
    const leadership = this.#leaderships.of(o);
    if (leadership === null) this.#followers.get(o)?.needCommit();
    else if ((this.#hurried.get(o)?.s ?? 0) < s)
      this.#hurried.set(o, { s, until: this.#context.now + HURRY_MS });
  }

  #watch(o: RegionIndex): void {
    this.#watchedUntil.set(o, this.#context.now + WATCH_MS);
  }

  *#all(): Generator<Moving> {
    for (const user of this.#context.storage.movingUsers()) {
      const moving = this.#context.storage.owner(user)?.moving;
      if (moving !== undefined) yield moving;
    }
  }
}

/** Never moved. */
function isClaimed({ past }: OwnerRow): boolean {
  return past.length === 0;
}

const NOT_THERE: ClientReply = { kind: "refused", reason: "not-there" };

function begunBy(context: Context, { o, e, s, version }: Moving): Begun {
  return { from: context.log(o), out: { o, e, s }, version };
}
