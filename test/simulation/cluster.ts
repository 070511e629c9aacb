/** Regions, partitions and what lies between them: all objects of one simulated deployment, with its clocks, network and queues. */
import {
  DEFAULT_LIMITS,
  DEFAULT_TIMING,
  type Limits,
  type ReplicaConfig,
  type SinkConfig,
  type Timing,
} from "../../src/replication/config.ts";
import type { Effect, Event } from "../../src/replication/effect.ts";
import type { EntryCodec } from "../../src/replication/entry.ts";
import { EPOCH_REGIONS } from "../../src/replication/position.ts";
import type { ClientReply } from "../../src/replication/request.ts";
import { type Rules, RULES } from "../../src/replication/rules.ts";
import { entryCodec } from "../../src/wire/entry-codec.ts";
import { RegionClock } from "./clock.ts";
import { CALM, type Faults } from "./faults.ts";
import { type Distortion, type Endpoint, Host, type Surroundings, type Undated } from "./host.ts";
import { type CallEnd, Network } from "./network.ts";
import { Queue } from "./queue.ts";
import { Receiver } from "./receiver.ts";
import { Random } from "./random.ts";
import { Tally } from "./tally.ts";
import { Timeline } from "./timeline.ts";
import { Transcript } from "./transcript.ts";

export interface ClusterOptions {
  readonly seed: number;
  readonly regions: number;
  readonly partitions: number;
  readonly faults: Faults;
  readonly timing?: Partial<Timing>;
  readonly limits?: Partial<Limits>;
  readonly sinks?: readonly SinkConfig[];
  readonly rules?: Rules;
  readonly distortion?: Distortion;
  /** Lines of transcript to hold. */
  readonly keep: number;
}

/** Who wants to know what happened. */
export interface Observer {
  /** Before the request's turn. */
  asked(host: Host, id: number, request: Undated, leftMs: number): void;
  turned(host: Host, event: Event, effects: readonly Effect[], now: number): void;
  threw(host: Host, event: Event, error: unknown): void;
  /** An instance that was replaced is about to say what only the present one may say. */
  haunted?(host: Host, what: string): void;
  toldByReplaced?(host: Host, event: Event, effects: readonly Effect[]): void;
  /** It is about to lose its instance. */
  died?(host: Host): void;
}

export class Cluster implements Surroundings {
  readonly timeline = new Timeline();
  readonly tally = new Tally();
  readonly transcript: Transcript;
  readonly random: Random;
  readonly network: Network;
  readonly codec: EntryCodec = entryCodec;
  readonly regions: number;
  readonly partitions: number;
  readonly timing: Timing;
  readonly limits: Limits;
  readonly rules: Rules;
  readonly sinks: readonly SinkConfig[];
  readonly receiver: Receiver;
  readonly clocks: readonly RegionClock[];
  /** By partition, then region. */
  readonly hosts: readonly (readonly Host[])[];
  readonly queues: readonly Queue[];
  /** Regions without a replica that take part as proposers (usurper.ts). */
  readonly guests = new Map<number, Endpoint>();
  readonly #observers: Observer[] = [];
  faults: Faults;

  constructor(options: ClusterOptions) {
    const { seed, regions, partitions, faults } = options;
    const random = new Random(seed);
    this.regions = regions;
    this.partitions = partitions;
    this.faults = faults;
    this.random = random.fork("hosts");
    this.transcript = new Transcript(options.keep);
    this.timing = { ...DEFAULT_TIMING, ...options.timing };
    this.limits = { ...DEFAULT_LIMITS, ...options.limits };
    this.rules = options.rules ?? RULES;
    this.sinks = options.sinks ?? [];
    this.receiver = new Receiver(this.timeline, random.fork("receiver"), this.tally, faults.receiver);
    this.network = new Network(
      this.timeline,
      random.fork("network"),
      this.tally,
      faults.network,
      EPOCH_REGIONS,
    );
    this.clocks = range(regions).map(
      (region) => new RegionClock(random.fork(`clock ${region}`), faults.clock),
    );
    this.hosts = range(partitions).map((partition) =>
      range(regions).map((region) => {
        const clock = this.clocks[region] as RegionClock;
        return new Host(
          this,
          this.#config(partition, region),
          clock,
          faults.crash,
          options.rules,
          options.distortion,
        );
      }),
    );
    this.queues = range(regions).map(
      (region) =>
        new Queue(
          this.timeline,
          random.fork(`queue ${region}`),
          this.tally,
          faults.queue,
          (partition, messages, settled) => {
            this.at(region, partition).batch(messages, settled);
          },
        ),
    );
  }

  observe(observer: Observer): void {
    this.#observers.push(observer);
  }

  at(region: number, partition: number): Host {
    const host = this.hosts[partition]?.[region];
    if (host === undefined) throw new Error(`no object ${partition}/${region}`);
    return host;
  }

  allHosts(): readonly Host[] {
    return this.hosts.flat();
  }

  host(region: number, partition: number): Endpoint | null {
    return this.hosts[partition]?.[region] ?? this.guests.get(region) ?? null;
  }

  queue(region: number): Queue {
    const queue = this.queues[region];
    if (queue === undefined) throw new Error(`no queue for region ${region}`);
    return queue;
  }

  /** The origin that decides homes in a partition. */
  anchorOf(partition: number): number {
    return partition % this.regions;
  }

  turned(host: Host, event: Event, effects: readonly Effect[], now: number): void {
    for (const observer of this.#observers) observer.turned(host, event, effects, now);
  }

  died(host: Host): void {
    for (const observer of this.#observers) observer.died?.(host);
  }

  /** Something has just happened at which this object may die, once the turn is over that is under way. */
  aimAt(host: Host): void {
    const { aimed } = this.faults.crash;
    if (aimed === 0 || !this.random.chance(aimed)) return;
    this.timeline.after(0, () => {
      // Unless the faults are over.
      const { aimed: still, downMs } = this.faults.crash;
      if (still > 0 && host.isAwake) host.crash("at a moment aimed at", this.random.between(...downMs));
    });
  }

  haunted(host: Host, what: string): void {
    for (const observer of this.#observers) observer.haunted?.(host, what);
  }

  clockReadings(): readonly number[] {
    return this.clocks.map((clock) => clock.read(this.timeline.now));
  }

  toldByReplaced(host: Host, event: Event, effects: readonly Effect[]): void {
    for (const observer of this.#observers) observer.toldByReplaced?.(host, event, effects);
  }

  threw(host: Host, event: Event, error: unknown): void {
    for (const observer of this.#observers) observer.threw(host, event, error);
  }

  /** An edge in one region asks a replica in another (or the same). */
  ask(
    edge: number,
    region: number,
    partition: number,
    request: Undated,
    leftMs: number,
    done: (end: CallEnd<ClientReply>) => void,
  ): void {
    const sentAt = this.timeline.now;
    this.network.call<ClientReply>({
      from: edge,
      to: region,
      timeoutMs: leftMs + 50,
      replication: false,
      once: true,
      deliver: (reply, refuse) => {
        const host = this.hosts[partition]?.[region];
        if (host === undefined) {
          refuse();
          return;
        }
        const left = Math.max(1, Math.floor(leftMs - (this.timeline.now - sentAt)));
        host.client(request, left, reply, refuse, (id) => {
          for (const observer of this.#observers) observer.asked(host, id, request, left);
        });
      },
      done,
    });
  }

  /** From now on nothing goes wrong: cuts are mended, objects are up, clocks run true, what is in the queues arrives. */
  heal(): void {
    this.faults = CALM;
    this.network.setFaults(CALM.network);
    this.network.heal();
    for (const queue of this.queues) queue.setFaults(CALM.queue);
    this.receiver.setFaults(CALM.receiver);
    for (const host of this.allHosts()) {
      host.setFaults(CALM.crash);
      host.revive();
    }
    for (const clock of this.clocks) clock.steady(this.timeline.now);
  }

  #config(partition: number, region: number): ReplicaConfig {
    return {
      namespace: "default",
      partition,
      region,
      voters: range(this.regions),
      anchor: this.anchorOf(partition),
      timing: this.timing,
      limits: this.limits,
      sinks: this.sinks,
    };
  }
}

export function range(n: number): number[] {
  return Array.from({ length: n }, (_, index) => index);
}
