/** The load of a drill: every device acts in its own time, all together at the rate that was asked for. */
import { ChangeReader } from "./change-reader.ts";
import { Device, pause } from "./device.ts";
import type { Stage } from "./stage.ts";
import { Mix } from "./workload/mix.ts";

export interface LoadOptions extends Stage {
  readonly rate: number;
}

const CONCERNS = { local: 5, one: 2, majority: 3 } as const;
/** Users whose changes are followed. A page that is waited for holds a connection: a few are enough to judge feeds by. */
const FOLLOWED_MAX = 6;

export class Load {
  readonly readers: readonly ChangeReader[];
  readonly #options: LoadOptions;
  readonly #devices: readonly Device[];
  readonly #mix: Mix;
  #stopped = false;
  #running: Promise<unknown> = Promise.resolve();

  constructor(options: LoadOptions) {
    const { caller, recorder, random, members, regions, scenario } = options;
    this.#options = options;
    this.#mix = new Mix(scenario.workloads);
    this.#devices = members.flatMap(({ user }) =>
      Array.from({ length: scenario.devicesPerUser }, (_, n) => {
        const name = `${user}-d${n}`;
        return new Device({
          caller,
          recorder,
          random: random.fork(name),
          user,
          name,
          region: regions[n % regions.length] ?? "",
          // One in three forgets its tokens: what every device sees must not rest on them.
          withTokens: n % 3 !== 2,
          concerns: scenario.concerns ?? CONCERNS,
          stopped: () => this.#stopped,
        });
      }),
    );
    this.readers = members.slice(0, FOLLOWED_MAX).flatMap(({ user, home }) => [
      new ChangeReader(caller, user, regions, random.fork(`changes ${user}`)),
      // Who leads is told of a write before anybody else is, and must not be told too soon: a traveller is seldom there at that moment.
      new ChangeReader(caller, user, [home], random.fork(`changes ${user} at home`)),
    ]);
  }

  get devices(): number {
    return this.#devices.length;
  }

  start(): void {
    const stopped = (): boolean => this.#stopped;
    this.#running = Promise.all([
      ...this.#devices.map((device) => this.#keepBusy(device)),
      ...this.readers.map((reader) => reader.follow(stopped)),
    ]);
  }

  /** Resolves when the last operation has been answered, or given up. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#running;
  }

  /** Rejects when a device breaks: a mistake of the drill, and the drill must not go on as if it had load. */
  get running(): Promise<unknown> {
    return this.#running;
  }

  async #keepBusy(device: Device): Promise<void> {
    const { members, regions, rate, recorder } = this.#options;
    const users = members.map(({ user }) => user);
    // An act is about one and a half operations.
    const everyMs = (this.#devices.length / rate) * 1_000 * 1.5;
    await pause(device.random.next() * everyMs);
    while (!this.#stopped) {
      const began = recorder.nowMs;
      await this.#mix.act(device, { regions, users });
      const waitMs = everyMs * (0.5 + device.random.next()) - (recorder.nowMs - began);
      if (waitMs > 0 && !this.#stopped) await pause(waitMs);
    }
  }
}
