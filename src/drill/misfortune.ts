/** The fault phase: once it is seen who leads, the scenario's steps become a plan, and each is taken at its time. */
import type { Member } from "./cohort.ts";
import type { FaultBoard } from "./fault-board.ts";
import type { Interrupt } from "./interrupt.ts";
import { planOf, showAction, type Action } from "./plan.ts";
import type { Stage } from "./stage.ts";
import { Steering } from "./steering.ts";
import { look, type RegionView } from "./watch.ts";

export interface MisfortuneOptions extends Stage {
  readonly board: FaultBoard;
  readonly interrupt: Interrupt;
  /** For whoever looks on. */
  readonly tell: (line: string) => void;
  /** For the report as well. */
  readonly note: (line: string) => void;
  /** For as long as there is load. */
  readonly wait: (ms: number) => Promise<void>;
}

export class Misfortune {
  readonly steering: Steering;
  /** What the drill meant to do to the deployment and could not. */
  readonly undone: string[] = [];
  actions: readonly Action[] = [];
  readonly #options: MisfortuneOptions;

  constructor(options: MisfortuneOptions) {
    this.#options = options;
    const { caller, members, board, nowMs } = options;
    this.steering = new Steering({ caller, members, board, nowMs });
  }

  async run(): Promise<void> {
    const { scenario, random, tell, nowMs, wait, interrupt } = this.#options;
    const began = nowMs();
    const order = await interrupt.guard(this.#leaderFirst());
    this.actions = planOf(scenario, order, random.fork("plan"));
    const left = (atMs: number): number => atMs - (nowMs() - began);
    const running: Promise<void>[] = [];
    for (const action of this.actions) {
      if (left(action.atMs) > 0) await wait(left(action.atMs));
      tell(showAction(action));
      running.push(this.#act(action));
      // One after the other as far as setting them goes; how long they last is their own matter.
      await interrupt.guard(this.steering.armed);
    }
    const rest = left(scenario.phases.fault);
    if (rest > 0) await wait(rest);
    this.steering.hurry();
    await interrupt.guard(Promise.all(running));
  }

  async #act(action: Action): Promise<void> {
    try {
      await this.steering.act(action);
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      this.undone.push(`${showAction(action)}: ${why}`);
      this.#options.tell(`failed: ${showAction(action)}: ${why}`);
    }
  }

  async #leaderFirst(): Promise<string[]> {
    const { caller, regions, members, note } = this.#options;
    const views = await look(caller, regions[0]);
    const leads = (region: string): number => leadsOf(region, views ?? [], members);
    const order = regions.toSorted((a, b) => leads(b) - leads(a));
    note(`leader is ${order[0]}: it leads the logs of ${leads(order[0] ?? "")} of ${members.length} users`);
    return order;
  }
}

function leadsOf(region: string, views: readonly RegionView[], members: readonly Member[]): number {
  const own = views.find((view) => view.region === region)?.logs ?? [];
  return members.filter(({ partition, home }) =>
    own.some((log) => log.partition === partition && log.origin === home && log.leader === region),
  ).length;
}
