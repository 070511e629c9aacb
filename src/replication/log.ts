/**
 * One log as one replica holds it: where it begins and ends, what is committed and applied, its epochs, and what
 * this replica promised as its acceptor. Memory is a copy of storage, taken at the start and kept in step.
 */
import { assert } from "../lib/assert.ts";
import { epochAt, type Judgement, type LogKnowledge } from "./epoch-table.ts";
import type { EpochStart } from "./message.ts";
import { EMPTY_TAIL, leaderOf, type Epoch, type RegionIndex, type Tail } from "./position.ts";
import type { Rules } from "./rules.ts";
import { SinkLedger } from "./sink-ledger.ts";
import type { AcceptorRow, BaseRow, LogHead, SinkRow, Storage } from "./storage.ts";

/** The chain hash of an empty log. */
export const CHAIN_START = new Uint8Array(16);

export class Log implements LogKnowledge {
  readonly o: RegionIndex;
  readonly #storage: Storage;

  base: BaseRow;
  /** Last stored entry. Rows cover exactly (base.s, last.s] (I4). */
  last: Tail;
  chain: Uint8Array;
  hlc: number;
  /** <= last.s. */
  applied: number;
  /** base.s <= commit <= last.s. Knowledge, not state: a restart may know less of it. */
  commit: number;
  /** How much of `commit` a restart would know: the row of the last entry says it. */
  #kept: number;
  /** Ascending; the whole history, also of what was compacted. */
  epochs: EpochStart[];
  acceptor: AcceptorRow;
  readonly sinks: SinkLedger;
  /** Applying stops before an entry that this code does not understand. */
  parkedAt: number | null = null;
  parkedWhy = "";
  /** Greatest epoch that others spoke of. Volatile: it only says whom to ask. */
  heard: Epoch = 0;
  /** When this instance last promised anything. Volatile: it only keeps two candidates from each other's way. */
  promisedAt = -Infinity;

  constructor(
    o: RegionIndex,
    storage: Storage,
    rows: {
      base: BaseRow | undefined;
      epochs: EpochStart[];
      acceptor: AcceptorRow | undefined;
      sinks: readonly SinkRow[];
    },
  ) {
    this.o = o;
    this.#storage = storage;
    this.base = rows.base ?? { o, e: 0, s: 0, chain: CHAIN_START, hlc: 0, reclaimed: EMPTY_TAIL };
    this.epochs = rows.epochs;
    this.acceptor = rows.acceptor ?? { o, promised: 0, maxCounter: 0, leaderE: 0, leaderInc: 0 };
    this.sinks = new SinkLedger(o, storage, rows.sinks);
    const head = storage.head(o);
    this.last = head ?? { e: this.base.e, s: this.base.s };
    this.chain = head?.chain ?? this.base.chain;
    this.hlc = head?.hlc ?? this.base.hlc;
    this.commit = Math.max(this.base.s, Math.min(head?.commit ?? 0, this.last.s));
    this.#kept = this.commit;
    this.applied = Math.max(this.base.s, storage.appliedHead(o));
  }

  get promised(): Epoch {
    return this.acceptor.promised;
  }

  /** Epoch of the entry at `s`; base.s <= s <= last.s. */
  epochAt(s: number): Epoch {
    return epochAt(this.epochs, this.base, s);
  }

  /** The greatest epoch that this replica knows to have had a leader; 0: never opened. */
  get leaderEpoch(): Epoch {
    return Math.max(this.last.e, this.acceptor.leaderE, this.heard);
  }

  /** Region that leads this log as far as this replica knows; the origin where it was never opened. */
  get leader(): RegionIndex {
    return this.leaderEpoch === 0 ? this.o : leaderOf(this.leaderEpoch);
  }

  judge(rules: Rules, e: Epoch, s: number): Judgement {
    return rules.judge(this, e, s);
  }

  /** Durable before anything that relies on it is said (I5: never decreases). */
  promise(change: Partial<Omit<AcceptorRow, "o">>): void {
    const next: AcceptorRow = { ...this.acceptor, ...change };
    const same =
      next.promised === this.acceptor.promised &&
      next.maxCounter === this.acceptor.maxCounter &&
      next.leaderE === this.acceptor.leaderE &&
      next.leaderInc === this.acceptor.leaderInc;
    if (same) return;
    this.acceptor = next;
    this.#storage.putAcceptor(next);
  }

  /** The log ends there now. `commit`: what its last row says. */
  endAt({ e, s, chain, hlc, commit }: LogHead): void {
    this.last = { e, s };
    this.chain = chain;
    this.hlc = hlc;
    this.#kept = commit;
  }

  /** What is committed through `s` will be known to be so after a restart too. */
  keepCommit(s: number): void {
    if (Math.min(s, this.commit) <= Math.max(this.base.s, this.#kept)) return;
    this.#storage.keepCommit(this.o, this.last.s, this.commit);
    this.#kept = this.commit;
  }

  advanceCommit(to: number): boolean {
    assert(to <= this.last.s, `log ${this.o}: commit ${to} beyond the last entry ${this.last.s}`);
    if (to <= this.commit) return false;
    this.commit = to;
    return true;
  }
}
