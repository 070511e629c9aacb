/**
 * One HTTP/1.1 connection that is kept alive, over a bare socket: a request goes out, its answer comes back, and nothing is
 * made of it that is not asked for. A client library would take more time than the Worker that is measured, on the same cores.
 */
import { connect, type Socket } from "node:net";

export interface Answer {
  readonly status: number;
  /** As they were sent, one line each. */
  readonly head: string;
  readonly body: Buffer;
}

interface Waiting {
  readonly settle: (answer: Answer) => void;
  readonly fail: (error: Error) => void;
}

const HEAD_END = Buffer.from("\r\n\r\n");

export class Connection {
  readonly #url: URL;
  #socket: Socket | null = null;
  #received: Buffer = Buffer.alloc(0);
  #waiting: Waiting | null = null;

  constructor(url: URL) {
    this.#url = url;
  }

  /** One at a time. */
  send(request: Buffer): Promise<Answer> {
    return new Promise((settle, fail) => {
      this.#waiting = { settle, fail };
      // The runtime closes what was idle for some seconds.
      this.#socket ??= this.#connect();
      this.#socket.write(request);
    });
  }

  close(): void {
    this.#waiting = null;
    this.#socket?.destroy();
  }

  #connect(): Socket {
    const socket = connect({ host: this.#url.hostname, port: Number(this.#url.port), noDelay: true });
    socket.on("data", (chunk) => this.#take(chunk));
    socket.on("error", (error) => this.#fail(error));
    socket.on("close", () => {
      this.#socket = null;
      this.#fail(new Error("the connection was closed"));
    });
    return socket;
  }

  #take(chunk: Buffer): void {
    this.#received = this.#received.length === 0 ? chunk : Buffer.concat([this.#received, chunk]);
    const answer = parseAnswer(this.#received);
    if (answer === null) return;
    const waiting = this.#waiting;
    this.#waiting = null;
    this.#received = Buffer.alloc(0);
    waiting?.settle(answer);
  }

  #fail(error: Error): void {
    this.#waiting?.fail(error);
    this.#waiting = null;
  }
}

/** Null: it is not all there yet. */
function parseAnswer(received: Buffer): Answer | null {
  const end = received.indexOf(HEAD_END);
  if (end < 0) return null;
  const head = received.toString("latin1", 0, end);
  const body = received.subarray(end + HEAD_END.length);
  const status = Number(head.slice(9, 12));
  if (status === 204 || status === 304) return { status, head, body: body.subarray(0, 0) };
  const length = /\r\ncontent-length: *(\d+)/iu.exec(head)?.[1];
  if (length !== undefined) return body.length < Number(length) ? null : { status, head, body };
  const whole = unchunked(body);
  return whole === null ? null : { status, head, body: whole };
}

function unchunked(body: Buffer): Buffer | null {
  const chunks: Buffer[] = [];
  for (let at = 0; ;) {
    const lineEnd = body.indexOf("\r\n", at);
    if (lineEnd < 0) return null;
    const size = Number.parseInt(body.toString("latin1", at, lineEnd), 16);
    if (body.length < lineEnd + 2 + size + 2) return null;
    if (size === 0) return Buffer.concat(chunks);
    chunks.push(body.subarray(lineEnd + 2, lineEnd + 2 + size));
    at = lineEnd + 2 + size + 2;
  }
}

export function headerOf(answer: Answer, name: string): string | undefined {
  const line = answer.head
    .split("\r\n")
    .find((line) => line.toLowerCase().startsWith(`${name.toLowerCase()}:`));
  return line?.slice(name.length + 1).trim();
}

export interface RequestParts {
  readonly method: string;
  readonly host: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Buffer;
}

/** The bytes of a request, to be made once and sent often. */
export function requestBytes({ method, host, path, headers = {}, body }: RequestParts): Buffer {
  const lines = [
    `${method} ${path} HTTP/1.1`,
    `Host: ${host}`,
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
    ...(body === undefined ? [] : [`Content-Length: ${body.length}`]),
  ];
  return Buffer.concat([Buffer.from(`${lines.join("\r\n")}\r\n\r\n`), body ?? Buffer.alloc(0)]);
}
