/**
 * What every call passes on its way into a replica, and its answer on its way out: where faults are injected. faults.ts
 * decides; this sleeps, refuses and falls silent.
 *
 * In a store on one machine that keeps its regions apart, what reaches a replica by a queue, or leaves it without having been
 * asked for, gets its distance here too. Calls have theirs from whoever makes them (transport.ts).
 */
import type { RegionIndex } from "../src/replication/position.ts";
import { judge, judgeQueued, type Crossing, type FaultRecord, type QueueVerdict } from "./faults.ts";
import { sleep } from "./sleep.ts";
import type { FaultStore } from "./fault-store.ts";
import type { Interference, QueuedMessage } from "./region-object.ts";

/** A queue that is so late is late enough; a delivery that takes longer than its consumer waits would be delivered again. */
const QUEUE_DELAY_MS_MAX = 5_000;

export class FaultGate {
  /** Null where drills are off. */
  readonly #store: FaultStore | null;
  readonly #region: RegionIndex;
  /** One way, by the region at the other end. */
  readonly #awayMs: ReadonlyMap<RegionIndex, number>;

  constructor(store: FaultStore | null, region: RegionIndex, awayMs: ReadonlyMap<RegionIndex, number>) {
    this.#store = store;
    this.#region = region;
    this.#awayMs = awayMs;
  }

  async through<T>(
    from: RegionIndex,
    sender: Crossing["sender"],
    work: () => Promise<T>,
  ): Promise<T | Interference> {
    if (this.#anyFault) {
      const stopped = await this.#cross({ from, to: this.#region, sender, receiver: "replica" });
      if (stopped !== null) return stopped;
    }
    const answer = await work();
    // A fault may have come while the replica worked: then the answer meets it.
    if (this.#anyFault) {
      const stopped = await this.#cross({
        from: this.#region,
        to: from,
        sender: "replica",
        receiver: sender,
      });
      if (stopped !== null) return stopped;
    }
    return answer;
  }

  /** No fault is set, and no region is away. */
  get isQuiet(): boolean {
    return !this.#anyFault && this.#awayMs.size === 0;
  }

  get #anyFault(): boolean {
    return this.#store?.any === true;
  }

  /** Does something that this replica says by itself reach an edge of that region? Waits while it is on its way. */
  async outward(to: RegionIndex): Promise<boolean> {
    if (this.isQuiet) return true;
    const crossing = { from: this.#region, to, sender: "replica", receiver: "edge" } as const;
    return (await this.#cross(crossing, this.#distanceMs(crossing))) === null;
  }

  /** Nothing that it says now does. */
  isCut(to: RegionIndex): boolean {
    const now = Date.now();
    const crossing = { from: this.#region, to, sender: "replica", receiver: "edge" } as const;
    return judge(this.#faults(now), crossing, now).kind !== "pass";
  }

  /** The fate of each message of a queue delivery, `senders` being the regions they come from. Null: nothing is amiss. */
  async queued(
    messages: readonly QueuedMessage[],
    senders: readonly RegionIndex[],
  ): Promise<readonly QueueVerdict[] | null> {
    if (this.isQuiet) return null;
    const now = Date.now();
    const faults = this.#faults(now);
    const crossings = senders.map((from): Crossing => {
      return { from, to: this.#region, sender: "replica", receiver: "replica" };
    });
    const verdicts = crossings.map((crossing, at) =>
      judgeQueued(faults, crossing, messages[at]?.attempts ?? 1, now, Math.random),
    );
    // They travel together, so all wait for the slowest.
    const delays = crossings
      .map((crossing) => ({ crossing, verdict: judge(faults, crossing, now) }))
      .map(({ crossing, verdict }) =>
        verdict.kind === "pass" ? verdict.delayMs + this.#distanceMs(crossing) : 0,
      );
    const ms = Math.min(QUEUE_DELAY_MS_MAX, Math.max(0, ...delays));
    if (ms > 0) await sleep(ms);
    return verdicts;
  }

  /** Waits while the message is on its way; answers what stopped it, or null when it has crossed. */
  async #cross(crossing: Crossing, distanceMs = 0): Promise<Interference | null> {
    const now = Date.now();
    const verdict = judge(this.#faults(now), crossing, now);
    if (verdict.kind === "refuse") return { kind: "interference", answer: "refused", until: null };
    if (verdict.kind === "silent") return { kind: "interference", answer: "silent", until: verdict.until };
    const ms = verdict.delayMs + distanceMs;
    if (ms > 0) await sleep(ms);
    return null;
  }

  #faults(now: number): readonly FaultRecord[] {
    return this.#store?.active(now) ?? [];
  }

  #distanceMs({ from, to }: Crossing): number {
    return this.#awayMs.get(from === this.#region ? to : from) ?? 0;
  }
}
