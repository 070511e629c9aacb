/** Load: so many connections that each send the next request when the last one was answered, or one request at fixed instants. */
import { Connection, type Answer } from "./connection.ts";

export interface Round {
  readonly requests: number;
  readonly seconds: number;
  readonly perSecond: number;
  readonly latenciesMs: readonly number[];
}

/** The n-th request of a connection. */
export type RequestMaker = (connection: number, n: number) => Buffer;

export class Load {
  readonly #connections: readonly Connection[];
  #sent = 0;

  constructor(url: URL, connections: number) {
    this.#connections = Array.from({ length: connections }, () => new Connection(url));
  }

  /** Closed loop: as fast as answers come. Any other status than 200 and 201 is an error. */
  async run(seconds: number, make: RequestMaker): Promise<Round> {
    const latenciesMs: number[] = [];
    const startedAt = performance.now();
    const until = startedAt + seconds * 1_000;
    await Promise.all(
      this.#connections.map(async (connection, index) => {
        for (let at = performance.now(); at < until;) {
          expectDone(await connection.send(make(index, this.#sent++)));
          const now = performance.now();
          latenciesMs.push(now - at);
          at = now;
        }
      }),
    );
    const spent = (performance.now() - startedAt) / 1_000;
    return {
      requests: latenciesMs.length,
      seconds: spent,
      perSecond: latenciesMs.length / spent,
      latenciesMs,
    };
  }

  /** Open loop: `perSecond` requests a second, whatever answers do, as long as a connection is free. */
  async pace(seconds: number, perSecond: number, make: RequestMaker): Promise<Round> {
    const latenciesMs: number[] = [];
    const startedAt = performance.now();
    const count = Math.round(seconds * perSecond);
    let next = 0;
    await Promise.all(
      this.#connections.map(async (connection, index) => {
        for (let n = next++; n < count; n = next++) {
          const dueAt = startedAt + (n * 1_000) / perSecond;
          const early = dueAt - performance.now();
          if (early > 0) await new Promise((resolve) => setTimeout(resolve, early));
          expectDone(await connection.send(make(index, this.#sent++)));
          // From when it was due, or waiting for a free connection would not count.
          latenciesMs.push(performance.now() - dueAt);
        }
      }),
    );
    const spent = (performance.now() - startedAt) / 1_000;
    return {
      requests: latenciesMs.length,
      seconds: spent,
      perSecond: latenciesMs.length / spent,
      latenciesMs,
    };
  }

  close(): void {
    for (const connection of this.#connections) connection.close();
  }
}

export function expectDone(answer: Answer): Answer {
  if (answer.status !== 200 && answer.status !== 201) {
    throw new Error(`answered ${answer.head.split("\r\n")[0]}: ${answer.body.toString().slice(0, 300)}`);
  }
  return answer;
}

/** One request on a connection of its own. */
export async function once(url: URL, request: Buffer): Promise<Answer> {
  const connection = new Connection(url);
  try {
    return await connection.send(request);
  } finally {
    connection.close();
  }
}
