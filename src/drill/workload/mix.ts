/** All workloads of a drill, weighed. */
import type { Device } from "../device.ts";
import { WORKLOADS, type WorkloadName } from "../scenario.ts";
import { Appends } from "./append.ts";
import { Counters } from "./counter.ts";
import { Questions } from "./question.ts";
import { Recreations } from "./recreate.ts";
import { Registers } from "./register.ts";
import { Travels } from "./session.ts";
import { Transfers } from "./transfer.ts";
import type { Surroundings, Workload } from "./workload.ts";

export class Mix {
  readonly #workloads: Readonly<Record<WorkloadName, Workload>> = {
    register: new Registers(),
    session: new Travels(),
    counter: new Counters(),
    append: new Appends(),
    transfer: new Transfers(),
    recreate: new Recreations(),
    question: new Questions(),
  };
  readonly #weights: Readonly<Partial<Record<WorkloadName, number>>>;

  constructor(weights: Readonly<Partial<Record<WorkloadName, number>>> | undefined) {
    this.#weights = weights ?? Object.fromEntries(WORKLOADS.map((name) => [name, 1]));
  }

  act(device: Device, surroundings: Surroundings): Promise<void> {
    return this.#workloads[device.random.weighted(this.#weights)].act(device, surroundings);
  }
}
