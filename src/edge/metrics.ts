/** Counters of this isolate, as OpenMetrics text. Whoever scrapes adds isolates up; nothing here touches an object. */

/** Upper bounds in ms; the last one is infinity. */
const BUCKETS_MS = [5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000] as const;

interface Latency {
  readonly counts: number[];
  sum: number;
}

export class Metrics {
  readonly #requests = new Map<string, number>();
  readonly #latency = new Map<string, Latency>();
  readonly #attempts = new Map<string, number>();

  request(route: string, status: number, ms: number): void {
    const key = `route="${route}",status="${status}"`;
    this.#requests.set(key, (this.#requests.get(key) ?? 0) + 1);
    let latency = this.#latency.get(route);
    if (latency === undefined) {
      latency = { counts: Array.from({ length: BUCKETS_MS.length + 1 }, () => 0), sum: 0 };
      this.#latency.set(route, latency);
    }
    const at = BUCKETS_MS.findIndex((bound) => ms <= bound);
    const bucket = at === -1 ? BUCKETS_MS.length : at;
    latency.counts[bucket] = (latency.counts[bucket] ?? 0) + 1;
    latency.sum += ms;
  }

  /** A call to a replica and how it ended: answered, timeout, refused, overloaded. */
  attempt(region: string, op: string, outcome: string): void {
    const key = `region="${region}",op="${op}",outcome="${outcome}"`;
    this.#attempts.set(key, (this.#attempts.get(key) ?? 0) + 1);
  }

  text(): string {
    const lines = [
      "# TYPE ithaca_requests counter",
      "# HELP ithaca_requests Requests answered by this isolate.",
      ...counters("ithaca_requests_total", this.#requests),
      "# TYPE ithaca_attempts counter",
      "# HELP ithaca_attempts Calls from the edge to replicas.",
      ...counters("ithaca_attempts_total", this.#attempts),
      "# TYPE ithaca_request_seconds histogram",
      "# UNIT ithaca_request_seconds seconds",
      "# HELP ithaca_request_seconds Time from a request's arrival to its answer.",
    ];
    for (const [route, { counts, sum }] of this.#latency) lines.push(...histogram(route, counts, sum));
    return `${lines.join("\n")}\n# EOF\n`;
  }
}

function counters(name: string, values: ReadonlyMap<string, number>): string[] {
  return [...values].map(([labels, value]) => `${name}{${labels}} ${value}`);
}

function histogram(route: string, counts: readonly number[], sumMs: number): string[] {
  const name = "ithaca_request_seconds";
  let below = 0;
  const buckets = counts.map((count, at) => {
    below += count;
    const bound = BUCKETS_MS[at];
    const le = bound === undefined ? "+Inf" : (bound / 1_000).toString();
    return `${name}_bucket{route="${route}",le="${le}"} ${below}`;
  });
  return [
    ...buckets,
    `${name}_count{route="${route}"} ${below}`,
    `${name}_sum{route="${route}"} ${sumMs / 1_000}`,
  ];
}
