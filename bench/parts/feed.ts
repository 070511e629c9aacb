/**
 * How long a committed change takes to a reader at a follower, by long poll and by socket, beside how long the entry takes to that
 * follower. The change has further to go: the follower's acknowledgement back to the leader, and the word that a majority has it.
 */
import type { Figure } from "../figure.ts";
import { Connection, requestBytes } from "../load/connection.ts";
import { expectDone, Load } from "../load/load.ts";
import { onlyUser, writes } from "../load/requests.ts";
import { HOST } from "../runtime/runtime.ts";
import { sleep, startMetered, type MeteredRuntime } from "../runtime/meter.ts";
import { quantile } from "../statistics.ts";
import type { Settings } from "./part.ts";

const PART = "feed";
/** Apart enough that each change is a delivery of its own. */
const WRITES_PER_SECOND = 10;
const AWAY = "enam";
const BEYOND_LAG_MS_MAX = 20;
const FEED = `/v1/users/${onlyUser[0]}`;

interface Page {
  readonly changes: readonly { readonly at: number }[];
  readonly cursor: string;
}

export async function feed(settings: Settings): Promise<readonly Figure[]> {
  const seconds = settings.quick ? 3 : 20;
  const runtime = await startMetered({ dataRoot: settings.data });
  const load = new Load(runtime.url, 4);
  const make = writes(onlyUser);
  try {
    await load.pace(2, WRITES_PER_SECOND, make);
    await sleep(1_000);
    const poll = new Poll(runtime);
    const socket = await Socket.open(runtime);
    await runtime.reset();
    poll.start();
    socket.start();
    await load.pace(seconds, WRITES_PER_SECOND, make);
    await sleep(1_000);
    await poll.stop();
    socket.stop();
    const lagMs = (await runtime.tally()).lags.map(({ ms }) => ms);
    return figuresOf({ lagMs, poll: poll.deliveredMs, socket: socket.deliveredMs });
  } finally {
    load.close();
    await runtime.stop();
  }
}

function figuresOf(measured: Record<"lagMs" | "poll" | "socket", readonly number[]>): Figure[] {
  const { lagMs, poll, socket } = measured;
  const lag = quantile(lagMs, 0.5);
  const figure = (name: string, value: number, most?: number): Figure => ({
    part: PART,
    name,
    value,
    unit: "ms",
    ...(most === undefined ? {} : { target: { is: "at most", value: most } as const }),
  });
  return [
    { ...figure("replication lag, p50", lag), detail: { samples: lagMs.length } },
    {
      ...figure("to a long poll, p50", quantile(poll, 0.5), lag + BEYOND_LAG_MS_MAX),
      detail: { samples: poll.length },
    },
    figure("to a long poll, p99", quantile(poll, 0.99)),
    {
      ...figure("to a socket, p50", quantile(socket, 0.5), lag + BEYOND_LAG_MS_MAX),
      detail: { samples: socket.length },
    },
    figure("to a socket, p99", quantile(socket, 0.99)),
  ];
}

/** Takes note of pages as they come, once it has started. */
class Arrivals {
  readonly deliveredMs: number[] = [];
  #counting = false;

  start(): void {
    this.#counting = true;
  }

  note({ changes }: Page): void {
    const now = Date.now();
    if (this.#counting) for (const { at } of changes) this.deliveredMs.push(now - at);
  }
}

class Poll extends Arrivals {
  readonly #connection: Connection;
  readonly #run: Promise<void>;
  #stopped = false;

  constructor({ url }: MeteredRuntime) {
    super();
    this.#connection = new Connection(url);
    this.#run = this.#live();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#run;
    this.#connection.close();
  }

  async #live(): Promise<void> {
    let after = "";
    while (!this.#stopped) {
      const path = `${FEED}/changes?limit=1000&waitMs=500${after}`;
      const headers = { "Ithaca-Region": AWAY };
      const request = requestBytes({ method: "GET", host: HOST.ithaca, path, headers });
      const page = JSON.parse(expectDone(await this.#connection.send(request)).body.toString()) as Page;
      this.note(page);
      after = `&after=${page.cursor}`;
    }
  }
}

class Socket extends Arrivals {
  readonly #socket: WebSocket;

  private constructor(socket: WebSocket) {
    super();
    this.#socket = socket;
    socket.addEventListener("message", ({ data }) => this.note(JSON.parse(String(data)) as Page));
  }

  /** By ticket, which places it: a browser's socket can send no headers, and neither can this one. */
  static async open({ url }: MeteredRuntime): Promise<Socket> {
    const connection = new Connection(url);
    const request = requestBytes({
      method: "POST",
      host: HOST.ithaca,
      path: "/v1/tickets",
      headers: { "Ithaca-Region": AWAY, "Content-Type": "application/json" },
      body: Buffer.from(JSON.stringify({ path: `${FEED}/live` })),
    });
    const { ticket } = JSON.parse(expectDone(await connection.send(request)).body.toString()) as {
      ticket: string;
    };
    connection.close();
    const socket = new Socket(new WebSocket(`ws://${url.host}${FEED}/live?ticket=${ticket}`));
    await new Promise((resolve, reject) => {
      // The first one tells what was written before.
      socket.#socket.addEventListener("message", resolve, { once: true });
      socket.#socket.addEventListener("error", () => reject(new Error("the socket was not let in")));
    });
    return socket;
  }

  stop(): void {
    this.#socket.close();
  }
}
