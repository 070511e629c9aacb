/** What makes faults happen over time: cuts, crashes and evictions of idle objects, clocks that jump, takeovers. */
import type { Cluster } from "./cluster.ts";
import { range } from "./cluster.ts";
import { handOverSomeLog } from "./hand-offs.ts";
import type { Random } from "./random.ts";
import { controlSomeSink } from "./sinks.ts";
import { type Usurper, USURPER } from "./usurper.ts";

const TICK_MS = 250;

export class Nemesis {
  readonly #cluster: Cluster;
  readonly #random: Random;
  readonly #usurper: Usurper;
  #on = false;

  constructor(cluster: Cluster, random: Random, usurper: Usurper) {
    this.#cluster = cluster;
    this.#random = random;
    this.#usurper = usurper;
  }

  start(): void {
    this.#on = true;
    this.#plan();
  }

  stop(): void {
    this.#on = false;
  }

  #plan(): void {
    this.#cluster.timeline.after(TICK_MS, () => {
      if (!this.#on) return;
      this.#tick();
      this.#plan();
    });
  }

  #tick(): void {
    const { network, crash, clockJumpsPerSecond, takeover, handOff, receiver } = this.#cluster.faults;
    if (this.#happens(network.cutsPerSecond)) this.cut();
    for (const host of this.#cluster.allHosts()) {
      if (!this.#happens(crash.idlePerSecond) || !host.isAwake) continue;
      const evicted = this.#random.chance(0.5);
      const { long, longMs, downMs } = crash;
      host.crash(
        evicted ? "of eviction" : "in between",
        evicted ? 0 : this.#random.between(...(this.#random.chance(long) ? longMs : downMs)),
      );
    }
    for (const [region, clock] of this.#cluster.clocks.entries()) {
      if (!this.#happens(clockJumpsPerSecond)) continue;
      const by = clock.jump();
      this.#cluster.tally.add("clock jumps");
      this.#cluster.transcript.line(
        this.#cluster.timeline.now,
        `clock of region ${region} jumps by ${by} ms`,
      );
    }
    if (this.#cluster.sinks.length > 0 && this.#happens(receiver.controlsPerSecond))
      controlSomeSink(this.#cluster, this.#random);
    if (this.#happens(handOff.perSecond)) handOverSomeLog(this.#cluster, this.#random);
    if (this.#happens(takeover.perSecond)) {
      this.#usurper.takeOver(
        this.#random.below(this.#cluster.partitions),
        this.#random.below(this.#cluster.regions),
      );
    }
  }

  #happens(perSecond: number): boolean {
    return perSecond > 0 && this.#random.chance((perSecond * TICK_MS) / 1000);
  }

  /** Isolates a region, splits the regions in two, or cuts one link; perhaps one way only. */
  cut(): void {
    const { network, timeline, tally, transcript, regions, faults } = this.#cluster;
    const all = this.#random.shuffled(range(regions));
    const oneWay = this.#random.chance(faults.network.oneWay);
    const size = this.#random.chance(0.3) ? Math.floor(regions / 2) : 1;
    const [left, right] = this.#random.chance(0.3)
      ? [all.slice(0, 1), all.slice(1, 2)]
      : [all.slice(0, size), all.slice(size)];
    // Whoever takes logs over mostly stands with the others.
    if (left.length + right.length === regions && this.#random.chance(0.7)) right.push(USURPER);
    const links = left.flatMap((a) =>
      right.flatMap((b): [number, number][] =>
        oneWay
          ? [[a, b]]
          : [
              [a, b],
              [b, a],
            ],
      ),
    );
    if (oneWay && this.#random.chance(0.5)) for (const link of links) link.reverse();
    const ms = this.#random.between(...faults.network.cutMs);
    tally.add(oneWay ? "cuts one way" : "cuts");
    transcript.line(timeline.now, `cut ${links.map(([a, b]) => `${a}→${b}`).join(" ")} for ${ms} ms`);
    for (const [a, b] of links) network.cut(a, b);
    timeline.after(ms, () => {
      for (const [a, b] of links) network.mend(a, b);
    });
  }
}
