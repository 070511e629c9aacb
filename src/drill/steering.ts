/** Carries the plan's actions out: faults, hand-offs, moves of users. */
import { HEADER } from "../api/header.ts";
import { jsonOf, sayProblem, type Caller, type Reply } from "./caller.ts";
import type { Member } from "./cohort.ts";
import { pause } from "./device.ts";
import type { FaultBoard } from "./fault-board.ts";
import type { Takeover } from "./leadership.ts";
import type { Action, FaultAction, HandOffAction, MoveAction } from "./plan.ts";

export interface SteeringOptions {
  readonly caller: Caller;
  readonly members: readonly Member[];
  readonly board: FaultBoard;
  readonly nowMs: () => number;
}

/** The deployment refused a hand-off or a move. */
class NotDone extends Error {}

const PATIENCE_MS = 30_000;

export class Steering {
  handOffs = 0;
  moves = 0;
  /** What the deployment said of what was asked of it. */
  readonly said: string[] = [];
  /** Resolves when what was begun last stands. */
  armed: Promise<unknown> = Promise.resolve();
  readonly #options: SteeringOptions;
  readonly #planned: { readonly to: string; readonly fromMs: number; toMs: number }[] = [];
  readonly #hurry = Promise.withResolvers<void>();

  constructor(options: SteeringOptions) {
    this.#options = options;
  }

  /** The fault phase is over: nothing is waited for any more. */
  hurry(): void {
    this.#hurry.resolve();
  }

  act(action: Action): Promise<void> {
    switch (action.action) {
      case "fault":
        return this.#fault(action);
      case "hand-off":
        return this.#handOff(action);
      case "move":
        return this.#move(action);
    }
  }

  /** A change of leaders that this drill asked for, and nothing took over. */
  wasPlanned({ to, atMs }: Takeover): boolean {
    return this.#planned.some((plan) => plan.to === to && atMs >= plan.fromMs && atMs <= plan.toMs + 2_000);
  }

  async #fault(action: FaultAction): Promise<void> {
    const { board } = this.#options;
    const arming = board.arm(action);
    this.armed = arming.catch(() => undefined);
    const fault = await arming;
    await Promise.race([pause(action.forMs), this.#hurry.promise]);
    await board.end(fault);
  }

  async #handOff({ region, to }: HandOffAction): Promise<void> {
    const plan = { to, fromMs: this.#options.nowMs(), toMs: Infinity };
    this.#planned.push(plan);
    try {
      const { unavailableMs } = jsonOf(
        await this.#until(`/v1/regions/${encodeURIComponent(region)}/leader`, { to }),
      );
      const without = typeof unavailableMs === "number" ? `${unavailableMs} ms` : "not told how long";
      this.said.push(`hand-off of ${region} to ${to}: without a leader ${without}, by its own word`);
      this.handOffs += 1;
    } finally {
      plan.toMs = this.#options.nowMs();
    }
  }

  async #move({ users, to }: MoveAction): Promise<void> {
    const leaving = this.#options.members.filter(({ home }) => home !== to).slice(0, users);
    for (const { user } of leaving) {
      await this.#until(`/v1/users/${encodeURIComponent(user)}/home`, { region: to });
      this.moves += 1;
    }
  }

  /** Both are idempotent: asked again until they are done. */
  async #until(path: string, body: object): Promise<Reply> {
    const { caller, nowMs } = this.#options;
    const end = nowMs() + PATIENCE_MS;
    for (;;) {
      const reply = await caller.ask({
        method: "PUT",
        path,
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify(body),
        timeoutMs: 10_000,
      });
      if (reply?.status === 200) return reply;
      const final =
        reply !== null &&
        reply.status < 500 &&
        reply.status !== 429 &&
        reply.headers.get(HEADER.retryAfter) === null;
      if (final || reply?.status === 501 || nowMs() > end)
        throw new NotDone(`PUT ${path}: ${sayProblem(reply)}`);
      await pause(300);
    }
  }
}
