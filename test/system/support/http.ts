/**
 * Requests as they are written down here: fetch would mend the path before it sends it. Each has a connection of its own,
 * because one that was kept may just have been closed, or belong to a process that is gone.
 */
import { request, type IncomingMessage } from "node:http";
import { expect } from "vitest";

/** Nothing here is expected to take this long. Whoever waits longer has been forgotten. */
const FORGOTTEN_MS = 60_000;

export interface RawRequest {
  readonly headers?: Readonly<Record<string, string>>;
  /** Without a Content-Length: sent without saying how much there will be. */
  readonly parts?: readonly Uint8Array[];
}

/** `path` is sent as it is. */
export function send(url: string, method: string, path: string, sent: RawRequest = {}): Promise<Reply> {
  const { hostname, port } = new URL(url);
  // The local runtime would compress, and hide the length.
  const headers = { "Accept-Encoding": "identity", ...sent.headers };
  const signal = AbortSignal.timeout(FORGOTTEN_MS);
  return new Promise((resolve, reject) => {
    const outgoing = request({ hostname, port, method, path, agent: false, headers, signal }, (incoming) => {
      const chunks: Uint8Array[] = [];
      incoming.on("data", (chunk: Uint8Array) => chunks.push(chunk));
      incoming.on("error", reject);
      incoming.on("end", () => {
        const bytes = new Uint8Array(Buffer.concat(chunks));
        resolve(new Reply(incoming.statusCode ?? 0, headersOf(incoming), bytes));
      });
    });
    // A socket is ended at once: whoever wants to talk over it opens one by itself.
    outgoing.on("upgrade", (incoming, socket) => {
      socket.destroy();
      resolve(new Reply(incoming.statusCode ?? 0, headersOf(incoming), new Uint8Array()));
    });
    outgoing.on("error", reject);
    for (const part of sent.parts ?? []) outgoing.write(part);
    outgoing.end();
  });
}

function headersOf({ headersDistinct }: IncomingMessage): Headers {
  const received = new Headers();
  for (const [name, values] of Object.entries(headersDistinct)) {
    for (const value of values ?? []) received.append(name, value);
  }
  return received;
}

export interface Receipt {
  readonly user: string;
  readonly key?: string;
  readonly version: string;
  readonly position: string;
  readonly leader: string;
  readonly concern: string;
  readonly durableIn: readonly string[];
  readonly committed: boolean;
  readonly at: number;
}

export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly definite: boolean;
  readonly retryable: boolean;
  readonly [member: string]: unknown;
}

export interface Listed {
  readonly key: string;
  readonly version: string;
  readonly contentType: string;
  readonly size: number;
  readonly expiresAt?: number;
  readonly value?: unknown;
  readonly valueBase64?: string;
}

export interface Page {
  readonly items: readonly Listed[];
  readonly cursor?: string;
}

export interface Home {
  readonly user: string;
  readonly home: string;
  readonly leader: string;
  readonly epoch: string;
  readonly partition: number;
}

export class Reply {
  readonly status: number;
  readonly headers: Headers;
  readonly bytes: Uint8Array<ArrayBuffer>;

  constructor(status: number, headers: Headers, bytes: Uint8Array<ArrayBuffer>) {
    this.status = status;
    this.headers = headers;
    this.bytes = bytes;
  }

  header(name: string): string {
    return this.headers.get(name) ?? "";
  }

  get text(): string {
    return new TextDecoder().decode(this.bytes);
  }

  json(): unknown {
    return JSON.parse(this.text);
  }

  get members(): Readonly<Record<string, unknown>> {
    return this.json() as Record<string, unknown>;
  }

  get page(): Page {
    expect(this.status, this.text).toBe(200);
    return this.json() as Page;
  }

  get home(): Home {
    expect(this.status, this.text).toBe(200);
    return this.json() as Home;
  }

  /** The receipt of a write that was done. */
  get receipt(): Receipt {
    expect([200, 201], this.text).toContain(this.status);
    return this.json() as Receipt;
  }

  get problem(): Problem {
    expect(this.header("Content-Type"), this.text).toBe("application/problem+json");
    const problem = this.json() as Problem;
    expect(problem.status).toBe(this.status);
    return problem;
  }

  /** Name of the problem; `null` where it is none. */
  get problemName(): string | null {
    if (this.header("Content-Type") !== "application/problem+json") return null;
    return this.problem.type.replace("/problems/", "");
  }

  get session(): string {
    return this.header("Ithaca-Session");
  }

  get servedBy(): string {
    return this.header("Ithaca-Served-By");
  }
}
