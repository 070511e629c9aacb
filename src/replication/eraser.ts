/**
 * The part of erasing that takes many turns: redacting what the logs still hold, and then writing over what the database
 * does not use any more. How far it has come is durable; a restart goes on, and an alarm wakes an instance that was thrown
 * away in the middle. Afterwards everything is silent.
 */
import type { Applier } from "./apply.ts";
import type { Context } from "./context.ts";
import { ErasureStage, redacted, type Erasures } from "./erasure.ts";
import { decoded } from "./newer-code.ts";
import type { RegionIndex } from "./position.ts";
import type { ErasureWork } from "./storage.ts";

/** Rows of the logs that are looked at in one turn. */
const ROWS_MAX = 500;
const BYTES_MAX = 2_000_000;
/** An instance that is thrown away in the middle is woken for the rest. */
const ALARM_MS = 5_000;

export class Eraser {
  readonly #context: Context;
  readonly #erasures: Erasures;
  readonly #applier: Applier;
  readonly #restoring: () => boolean;
  /** Ticket of the last step of writing over. */
  #scrubbed = 0;

  constructor(context: Context, erasures: Erasures, applier: Applier, restoring: () => boolean) {
    this.#context = context;
    this.#erasures = erasures;
    this.#applier = applier;
    this.#restoring = restoring;
  }

  advance(): void {
    this.#applier.applyErasures();
    const rows = this.#erasures.all().filter(({ stage }) => stage < ErasureStage.done);
    if (rows.length === 0 || this.#restoring()) return;
    const { now } = this.#context;
    const redacting = rows.filter(({ stage }) => stage === ErasureStage.applied);
    const next = redacting.find((row) => !this.#waitsForNewerCode(row));
    // Nothing to do before other code runs here, which begins with a turn.
    if (next === undefined && redacting.length === rows.length) return;
    if (next !== undefined) this.#redact(next);
    // Written over once for all that were redacted until now.
    else this.#scrub();
    this.#context.alarmAt(now + ALARM_MS);
    if (this.#context.isSynced(this.#scrubbed)) this.#context.wakeAt(now);
  }

  /**
   * Each step has to be confirmed before the next: a page that is written and freed again in one transaction of the
   * database is not written at all.
   */
  #scrub(): void {
    if (!this.#context.isSynced(this.#scrubbed)) return;
    this.#scrubbed = this.#context.syncTicket(false);
    const step = this.#context.storage.scrub();
    if (step === "more") return;
    const stage = step === "done" ? ErasureStage.done : ErasureStage.doneUncleaned;
    for (const row of this.#erasures.all())
      if (row.stage === ErasureStage.redacted)
        this.#erasures.update({ ...row, stage, doneAt: this.#context.now });
  }

  /**
   * The next entry of the log does not decode here. It may be the erased user's, and only code that can read it knows: until then
   * the erasure is not done.
   */
  #waitsForNewerCode(work: ErasureWork): boolean {
    const { storage, codec } = this.#context;
    const o = this.#logOf(work);
    if (o === undefined) return false;
    const after = Math.max(o === work.log ? work.through : 0, this.#context.log(o).base.s);
    const row = storage.entry(o, after + 1);
    return row !== null && decoded(codec, row.bytes) === null;
  }

  /** The log that is looked at next; undefined: all of them were. */
  #logOf(work: ErasureWork): RegionIndex | undefined {
    return [...this.#context.config.voters].toSorted((a, b) => a - b).find((each) => each >= work.log);
  }

  /** One page of one log. */
  #redact(work: ErasureWork): void {
    const { storage, codec } = this.#context;
    const o = this.#logOf(work);
    if (o === undefined || !this.#context.rules.redacts())
      return this.#erasures.update({ ...work, stage: ErasureStage.redacted });
    const after = o === work.log ? work.through : 0;
    const page = storage.entries(o, after, BYTES_MAX, ROWS_MAX).entries;
    let through = after;
    for (const { s, bytes } of page) {
      const entry = decoded(codec, bytes);
      if (entry === null) break;
      if (this.#erasures.covers(entry)) storage.redactEntry(o, s, codec.encode(redacted(entry)));
      through = s;
    }
    const log = this.#context.log(o);
    // The log may have been replaced by a snapshot's since: what came later was looked at when it came.
    const over = page.length === 0 || through >= log.last.s;
    this.#erasures.update({ ...work, log: over ? o + 1 : o, through: over ? 0 : through });
  }
}
