/**
 * Applying entries, and taking them back.
 *
 * Followers apply on receipt, the leader when it writes; both may turn out to hold entries that a later leader cut off.
 * So an entry above the commit position keeps pre-images of what it changed, and truncation restores them in reverse.
 * An entry waits for its dependencies: every state of a replica is a causal prefix of its partition.
 */
import { encodeXdeps } from "../wire/xdeps-codec.ts";
import { assert } from "../lib/assert.ts";
import type { Context } from "./context.ts";
import { EntryKind, type Entry, type Op, type RawEntry } from "./entry.ts";
import { survivorOf } from "./epoch-table.ts";
import { redacted, type Erasures } from "./erasure.ts";
import { moved, versionAt } from "./home.ts";
import type { Log } from "./log.ts";
import { idempotencyDigest, identityOf, isUsersWrite } from "./lost-write.ts";
import { decoded, strangeness, UNREADABLE_PV } from "./newer-code.ts";
import { leaderOf, type Epoch } from "./position.ts";
import type { IdempotencyRow, ItemRow, OwnerRow } from "./state-row.ts";
import type { UndoImage } from "./storage.ts";

const NO_BYTES = new Uint8Array(0);
const UNREADABLE_KIND = 0;
const UNREADABLE = {
  pv: UNREADABLE_PV,
  inc: 0,
  user: "",
  principal: "",
  concern: "local",
  deps: [],
  xdeps: [],
  ops: [],
  status: 0,
} as const;

export class Applier {
  readonly #context: Context;
  readonly #erasures: Erasures;
  /** Erasures that wait for a majority: by log, their seq. */
  readonly #erasing = new Map<number, number>();
  /** While a snapshot is taken over: entries up to these seqs are stored and not applied until the image is whole. */
  #held = new Map<number, number>();

  constructor(context: Context, erasures: Erasures) {
    this.#context = context;
    this.#erasures = erasures;
  }

  /** Adds an entry that came from elsewhere; what is committed already (through `committed`) will never be taken back. */
  receive(log: Log, raw: RawEntry, committed = log.commit): void {
    this.append(log, raw, this.#read(log, raw), committed);
  }

  /** Adds the entry at the log's end, verbatim, and applies it if nothing stands in its way. One row, plus what it changes. */
  append(log: Log, raw: RawEntry, entry: Entry, committed = log.commit): void {
    assert(raw.s === log.last.s + 1, `log ${log.o}: entry ${raw.s} does not follow ${log.last.s}`);
    assert(raw.e >= log.last.e, `log ${log.o}: epoch ${raw.e} after ${log.last.e}`);
    const { storage } = this.#context;
    if (raw.e !== log.last.e) {
      assert(entry.kind === EntryKind.open, `log ${log.o}: epoch ${raw.e} does not begin with its OPEN`);
      log.epochs.push({ e: raw.e, start: raw.s });
      storage.putEpoch({ o: log.o, e: raw.e, start: raw.s });
      if (entry.open?.gaveUp !== undefined) this.#release(log, raw.e, entry.open.gaveUp);
    }
    const chain = this.#chainAfter(log, raw, entry);
    const stored = this.#erasures.covers(entry) ? redacted(entry) : entry;
    const bytes = stored === entry ? raw.bytes : this.#context.codec.encode(stored);
    const applied = this.#mayApply(log, stored, committed);
    const undo = applied ? this.#apply(log, stored, bytes, raw.s > committed) : null;
    const commit = Math.max(log.commit, Math.min(committed, raw.s));
    // What does not decode belongs to somebody whom newer code may know.
    const user = stored.pv === UNREADABLE_PV ? null : stored.user;
    storage.insertEntry({
      o: log.o,
      e: raw.e,
      s: raw.s,
      bytes,
      hlc: entry.hlc,
      commit,
      applied,
      user,
      chain,
      undo,
      redacted: stored.kind === EntryKind.redacted,
    });
    log.endAt({ e: raw.e, s: raw.s, chain, hlc: entry.hlc, commit });
    this.#context.hlc = Math.max(this.#context.hlc, entry.hlc);
    if (applied) log.applied = raw.s;
    this.#context.changed = true;
  }

  /**
   * Who gave an epoch up for this one acts on no lease of it any more: what was granted to it binds nobody, the next heir neither. Unless
   * it leads again by now, and the grant is of that.
   */
  #release(log: Log, e: Epoch, gaveUp: Epoch): void {
    if (gaveUp === 0 || log.acceptor.leaderE > e) return;
    this.#context.storage.putGrant({ o: log.o, grantee: leaderOf(gaveUp), until: 0 });
  }

  /** Of a redacted entry nobody can compute it any more: it comes along. */
  #chainAfter(log: Log, raw: RawEntry, entry: Entry): Uint8Array {
    if (entry.kind !== EntryKind.redacted) return this.#context.hash(log.chain, raw.bytes);
    assert(raw.chain !== undefined, `log ${log.o}: redacted entry ${raw.s} without its chain hash`);
    return raw.chain;
  }

  /** Erasures that a majority holds by now. */
  applyErasures(): void {
    for (const [o, s] of this.#erasing) {
      const log = this.#context.log(o);
      if (log.commit < s && log.applied === s - 1 && log.last.s >= s) continue;
      this.#erasing.delete(o);
      this.applyWaiting();
    }
  }

  /** Logs whose next entry is an erasure that is not known to be on a majority. */
  erasing(): Iterable<number> {
    return this.#erasing.keys();
  }

  /** Applies what can be applied now, in every log, until nothing moves. */
  applyWaiting(): void {
    for (let moved = true; moved;) {
      moved = false;
      for (const log of this.#context.logs.values()) {
        while (log.applied < log.last.s) {
          const row = this.#context.storage.entry(log.o, log.applied + 1);
          assert(row !== null, `log ${log.o}: entry ${log.applied + 1} is missing`);
          const entry = this.#read(log, row);
          if (!this.#mayApply(log, entry, log.commit)) break;
          this.#context.storage.markApplied(
            log.o,
            row.s,
            this.#apply(log, entry, row.bytes, row.s > log.commit),
          );
          log.applied = row.s;
          this.#context.changed = true;
          moved = true;
        }
      }
    }
  }

  /** What the entry after `applied` waits for in other logs. */
  blockedOn(log: Log): { o: number; e: number; s: number } | null {
    if (log.applied >= log.last.s || log.parkedAt !== null) return null;
    const row = this.#context.storage.entry(log.o, log.applied + 1);
    if (row === null) return null;
    const entry = this.#read(log, row);
    return entry.deps.find((dep) => !this.#satisfied(dep)) ?? null;
  }

  /** Cuts the log before `from`. Never at or below the commit position. What is cut is kept for its user. */
  truncate(log: Log, from: number): void {
    const { storage, now } = this.#context;
    assert(
      from > log.commit,
      `log ${log.o}: truncating ${from} at or below the commit position ${log.commit}`,
    );
    for (let s = log.last.s; s >= from; s--) {
      const row = storage.entry(log.o, s);
      assert(row !== null, `log ${log.o}: entry ${s} is missing`);
      if (row.applied && this.#context.rules.undoes()) {
        assert(row.undo !== null, `log ${log.o}: entry ${s} above the commit position has no undo image`);
        this.#restore(row.undo);
      }
      const entry = this.#read(log, row);
      if (this.#context.rules.keepsCut(isWorthKeeping(entry)) && !this.#erasures.covers(entry, true)) {
        storage.putDivergent({
          o: log.o,
          e: row.e,
          s,
          // What only newer code understands waits for that: this one would take it for nobody's.
          user: strangeness(entry) === null ? entry.user : null,
          applied: row.applied,
          foundAt: now,
          entry: row.bytes,
          undo: row.undo,
        });
      }
      storage.deleteEntry(log.o, s);
    }
    storage.dropEpochs(log.o, from);
    log.epochs = log.epochs.filter((epoch) => epoch.start < from);
    const head = storage.head(log.o);
    log.endAt(head ?? { ...log.base, commit: log.base.s });
    log.applied = Math.min(log.applied, log.last.s);
    if (log.parkedAt !== null && log.parkedAt >= from) log.parkedAt = null;
    this.#context.changed = true;
  }

  /** Sets how far each log is only stored; an empty map releases. */
  hold(until: ReadonlyMap<number, number>): void {
    this.#held = new Map(until);
  }

  /** What newer code wrote may not even decode here: it is kept as it is, and parks the log like an unknown kind. */
  #read(log: Log, raw: RawEntry): Entry {
    try {
      const entry = this.#context.codec.decode(raw.bytes);
      // Bytes of another place are not this entry, however well they decode.
      assert(entry.s === raw.s && entry.e === raw.e && entry.o === log.o, "an entry in another's place");
      return entry;
    } catch {
      const kind = raw.e === log.last.e ? UNREADABLE_KIND : EntryKind.open;
      return { ...UNREADABLE, kind, o: log.o, e: raw.e, s: raw.s, hlc: log.hlc };
    }
  }

  #mayApply(log: Log, entry: Entry, committed: number): boolean {
    if (log.applied !== entry.s - 1 || log.parkedAt !== null || this.#held.has(log.o)) return false;
    const strange = strangeness(entry);
    if (strange !== null) {
      log.parkedAt = entry.s;
      log.parkedWhy = strange;
      return false;
    }
    if (entry.kind === EntryKind.erase && !this.#context.rules.mayErase(entry.s, committed)) {
      this.#erasing.set(log.o, entry.s);
      return false;
    }
    return entry.deps.every((dep) => this.#satisfied(dep));
  }

  #satisfied(dep: { o: number; e: number; s: number }): boolean {
    const { rules } = this.#context;
    const log = this.#context.log(dep.o);
    const rest = survivorOf(log.epochs, dep.e);
    return rules.dependencySatisfied(log.judge(rules, dep.e, dep.s), rest === null || rest <= log.applied);
  }

  /** Answers the undo image, or null where the entry is committed and will never be taken back. */
  #apply(log: Log, entry: Entry, bytes: Uint8Array, keep: boolean): UndoImage | null {
    const undo: {
      items: UndoImage["items"][number][];
      owner: UndoImage["owner"];
      idempotency: UndoImage["idempotency"];
      lost?: NonNullable<UndoImage["lost"]>;
    } = {
      items: [],
      owner: null,
      idempotency: null,
    };
    if (entry.kind === EntryKind.erase && entry.erase !== undefined) this.#erasures.apply(entry, entry.erase);
    if (this.#isOfErased(entry)) return keep ? undo : null;
    if (entry.kind === EntryKind.txn) this.#applyOps(log, entry, keep, undo.items);
    if (entry.kind === EntryKind.claim && entry.claim !== undefined)
      undo.owner = this.#applyClaim(log, entry, entry.claim);
    const lost = this.#applyLoss(entry, bytes);
    if (lost !== null) undo.lost = lost;
    if (entry.handoff !== undefined) undo.owner = this.#applyHandoff(entry);
    if (entry.idempotency?.by === "client")
      undo.idempotency = this.#applyIdempotency(log, entry, entry.idempotency);
    return keep ? undo : null;
  }

  /**
   * What it did would be removed, or is removed already: its user was erased since, as a snapshot has told that came after the entry; or the
   * user has no home because the claim was redacted where it came from, and the erasure has not come here yet.
   */
  #isOfErased(entry: Entry): boolean {
    const { storage, config } = this.#context;
    if (this.#erasures.covers(entry)) return true;
    return (
      entry.kind === EntryKind.txn && storage.owner(entry.user) === null && storage.hasRedacted(config.anchor)
    );
  }

  #applyOps(log: Log, entry: Entry, keep: boolean, undo: UndoImage["items"][number][]): void {
    const { storage, rules } = this.#context;
    const owner = storage.owner(entry.user);
    assert(owner !== null, `log ${log.o}: entry ${entry.s} of a user without a home`);
    // While a snapshot's image is made whole by replay, the home may be a later one already.
    const ownerVersion = versionAt(owner, log.o, entry.s);
    const xdeps = entry.xdeps.length === 0 ? NO_BYTES : encodeXdeps(entry.xdeps);
    for (const op of rules.opsApplied(entry.ops)) {
      const before = storage.item(entry.user, op.key, keep);
      // A snapshot's image may already hold this write or a later one.
      if (before !== null && supersedes(before, log.o, entry.s, ownerVersion)) continue;
      if (keep) undo.push({ user: entry.user, key: op.key, before });
      storage.putItem({
        user: entry.user,
        key: op.key,
        o: log.o,
        e: entry.e,
        s: entry.s,
        hlc: entry.hlc,
        ownerVersion,
        tombstone: op.after === undefined,
        expiresAt: op.after?.expiresAt ?? 0,
        contentType: op.after?.contentType ?? "",
        xdeps,
        value: op.after?.value ?? NO_BYTES,
        ...markAfter(op, before),
      });
    }
  }

  /** A lost write that the entry records or settles. A snapshot's image may show that already, and what came after it. */
  #applyLoss(entry: Entry, record: Uint8Array): NonNullable<UndoImage["lost"]> | null {
    const { codec, hash, storage } = this.#context;
    const { divergent, o, resolve, user } = entry;
    if (entry.kind === EntryKind.divergent && divergent !== undefined) {
      const place = { o, e: divergent.e, s: divergent.s };
      if (storage.lostAt(user, place) !== null) return null;
      // What newer code wrote is recorded like any: only what stands in it is not known here.
      const lost = decoded(codec, divergent.entry);
      storage.putLost({
        ...place,
        user,
        hlc: lost?.hlc ?? entry.hlc,
        recorded: { e: entry.e, s: entry.s },
        state: divergent.state,
        ...(divergent.by === undefined ? {} : { by: divergent.by }),
        identity: lost === null ? NO_BYTES : identityOf(hash, lost.principal, lost.idempotency),
        record,
      });
      return { ...place, user, did: "record" };
    }
    if (entry.kind !== EntryKind.txn || resolve === undefined || !this.#context.rules.settles()) return null;
    const place = { o: resolve.o, e: resolve.e, s: resolve.s };
    if (storage.lostAt(user, place)?.state !== "open") return null;
    storage.settleLost(user, place, resolve.how, { o, e: entry.e, s: entry.s });
    return { ...place, user, did: "settle" };
  }

  #applyClaim(log: Log, entry: Entry, claim: NonNullable<Entry["claim"]>): UndoImage["owner"] {
    const { storage } = this.#context;
    const before = storage.owner(entry.user);
    if (before !== null && before.version >= claim.version) return null;
    const row: OwnerRow = {
      user: entry.user,
      home: claim.home,
      version: claim.version,
      o: log.o,
      e: entry.e,
      s: entry.s,
      past: [],
    };
    storage.putOwner(row);
    return { user: entry.user, before };
  }

  /** Of a user who is not known here any more nothing is left to hand on. */
  #applyHandoff(entry: Entry): UndoImage["owner"] {
    const { storage } = this.#context;
    const before = storage.owner(entry.user);
    const after = before === null ? null : moved(before, entry);
    if (after === null) return null;
    storage.putOwner(after);
    return { user: entry.user, before };
  }

  #applyIdempotency(
    log: Log,
    entry: Entry,
    mark: NonNullable<Entry["idempotency"]>,
  ): UndoImage["idempotency"] {
    const { storage } = this.#context;
    const k = idempotencyDigest(this.#context.hash, entry.principal, mark.key);
    const before = storage.idempotency(entry.user, k);
    const row: IdempotencyRow = {
      user: entry.user,
      k,
      fingerprint: mark.fingerprint,
      o: log.o,
      e: entry.e,
      s: entry.s,
      status: entry.status,
      hlc: entry.hlc,
    };
    storage.putIdempotency(row);
    return { user: entry.user, k, before };
  }

  #restore(undo: UndoImage): void {
    const { storage } = this.#context;
    for (const item of undo.items.toReversed()) {
      if (item.before === null) storage.deleteItem(item.user, item.key);
      else storage.putItem(item.before);
    }
    if (undo.owner !== null) {
      if (undo.owner.before === null) storage.deleteOwner(undo.owner.user);
      else storage.putOwner(undo.owner.before);
    }
    if (undo.idempotency !== null) {
      if (undo.idempotency.before === null)
        storage.deleteIdempotency(undo.idempotency.user, undo.idempotency.k);
      else storage.putIdempotency(undo.idempotency.before);
    }
    if (undo.lost?.did === "record") storage.deleteLost(undo.lost.user, undo.lost);
    else if (undo.lost !== undefined) storage.settleLost(undo.lost.user, undo.lost, "open", null);
  }
}

/** What nobody was told of is not missed. What this code does not understand may be somebody's. */
function isWorthKeeping(entry: Entry): boolean {
  return strangeness(entry) !== null || isUsersWrite(entry);
}

/**
 * Of an item that was imported. A deletion keeps what the item had; of a tombstone it does not, because replicas forget
 * tombstones each in its own time.
 */
function markAfter({ after }: Op, before: ItemRow | null): Pick<ItemRow, "mark"> {
  const mark = after === undefined && before?.tombstone === false ? before.mark : after?.mark;
  return mark === undefined ? {} : { mark };
}

function supersedes(before: ItemRow, o: number, s: number, ownerVersion: number): boolean {
  return before.o === o ? before.s >= s : before.ownerVersion > ownerVersion;
}
