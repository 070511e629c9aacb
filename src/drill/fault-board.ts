/**
 * Sets faults through the public surface, remembers which are its own, and takes exactly those away again: whatever else goes on at
 * the deployment is none of a drill's business. Should it be killed before it can, each of them ends by itself.
 */
import { jsonOf, sayProblem, type Caller } from "./caller.ts";
import { pause } from "./device.ts";
import type { FaultAction } from "./plan.ts";

export interface ArmedFault {
  readonly action: FaultAction;
  readonly id: string;
  /** When every replica had been told, and how long that took; on the drill's clock. */
  readonly atMs: number;
  readonly armingMs: number;
  /** From when on it may not be in force any more: somebody set out to end it. */
  endingMs: number | undefined;
  /** When it ended, or was ended; undefined: not yet. */
  endedMs: number | undefined;
}

/** The deployment takes no faults from this drill. */
export class FaultsRefused extends Error {}

/** What a drill adds to the end of each fault, so that it ends by the drill's hand and not by chance a moment before. */
const GRACE_MS = 5_000;
const FOR_MS_MAX = 600_000;
const TRIES = 5;
const PAUSE_MS = 300;

export class FaultBoard {
  readonly armed: ArmedFault[] = [];
  readonly #caller: Caller;
  readonly #nowMs: () => number;
  readonly #arming = new Set<Promise<unknown>>();

  constructor(caller: Caller, nowMs: () => number) {
    this.#caller = caller;
    this.#nowMs = nowMs;
  }

  /** Whether faults may be set at all; in words if not. */
  async refusal(): Promise<string | undefined> {
    const reply = await this.#caller.ask({ method: "GET", path: "/v1/faults" });
    if (reply === null) return `${this.#caller.base} does not answer`;
    if (reply.status === 200) {
      const { faults } = jsonOf(reply);
      const others = Array.isArray(faults) ? faults.length : 0;
      return others === 0 ? undefined : `${others} faults are in force there already: somebody else's drill?`;
    }
    if (reply.status === 404) return "drills are off there: it needs DRILLS=on";
    if (reply.status === 401 || reply.status === 403)
      return `it takes a token with the scope admin (${sayProblem(reply)})`;
    return `GET /v1/faults: ${sayProblem(reply)}`;
  }

  async arm(action: FaultAction): Promise<ArmedFault> {
    const arming = this.#arm(action);
    // Whoever takes everything away has to wait for what is on its way.
    const settled = arming.then(
      () => undefined,
      () => undefined,
    );
    this.#arming.add(settled);
    try {
      return await arming;
    } finally {
      this.#arming.delete(settled);
    }
  }

  async #arm(action: FaultAction): Promise<ArmedFault> {
    const { kind, region, peer, ms, probability, forMs } = action;
    const began = this.#nowMs();
    const reply = await this.#caller.ask({
      method: "PUT",
      path: "/v1/faults",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({
        kind,
        region,
        peer,
        ms,
        probability,
        forMs: Math.min(FOR_MS_MAX, forMs + GRACE_MS),
      }),
      timeoutMs: 15_000,
    });
    const { id } = jsonOf(reply);
    if (reply?.status !== 200 || typeof id !== "string")
      throw new FaultsRefused(`${kind} ${region} was not taken: ${sayProblem(reply)}`);
    const atMs = this.#nowMs();
    // A restart happens at once, and is over.
    const over = kind === "restart" ? atMs : undefined;
    const armed: ArmedFault = { action, id, atMs, armingMs: atMs - began, endingMs: over, endedMs: over };
    this.armed.push(armed);
    return armed;
  }

  /** Ends one; that it has ended by itself is as good. */
  async end(fault: ArmedFault): Promise<void> {
    if (fault.endedMs !== undefined) return;
    fault.endingMs ??= this.#nowMs();
    for (let tries = 1; ; tries++) {
      const reply = await this.#caller.ask({
        method: "DELETE",
        path: `/v1/faults/${encodeURIComponent(fault.id)}`,
        timeoutMs: 15_000,
      });
      if (reply !== null && (reply.status === 200 || reply.status === 404)) break;
      if (tries === TRIES)
        throw new FaultsRefused(
          `${fault.action.kind} ${fault.action.region} (${fault.id}) could not be ended: ${reply?.status ?? "no answer"}; it ends by itself`,
        );
      await pause(PAUSE_MS * tries);
    }
    fault.endedMs = this.#nowMs();
  }

  /** Every one of its own, each tried even if another one cannot be ended. Answers what went wrong. */
  async endAll(): Promise<string[]> {
    await Promise.all(this.#arming);
    const ends = await Promise.allSettled(this.armed.map((fault) => this.end(fault)));
    return ends.flatMap((end) => (end.status === "rejected" ? [String(end.reason)] : []));
  }
}
