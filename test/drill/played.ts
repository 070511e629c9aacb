/** A deployment that is played, for whoever sets faults. */
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach } from "vitest";
import { Caller } from "../../src/drill/caller.ts";
import { FaultBoard } from "../../src/drill/fault-board.ts";

let server: Server | undefined;
afterEach(() => server?.close());

interface Answer {
  readonly status: number;
  readonly body?: object;
  readonly afterMs?: number;
}

interface Played {
  readonly board: FaultBoard;
  /** What was asked, in order. */
  readonly asked: string[];
  readonly bodies: unknown[];
}

export async function played(answer: (line: string) => Answer): Promise<Played> {
  const asked: string[] = [];
  const bodies: unknown[] = [];
  server = createServer((request, response) => {
    const line = `${request.method} ${request.url}`;
    asked.push(line);
    let text = "";
    request.on("data", (chunk) => (text += String(chunk)));
    request.on("end", () => {
      if (text !== "") bodies.push(JSON.parse(text));
    });
    const { status, body = {}, afterMs = 0 } = answer(line);
    setTimeout(() => {
      response.writeHead(status, { "Content-Type": "application/json" }).end(JSON.stringify(body));
    }, afterMs);
  });
  await new Promise<void>((resolve) => {
    server?.listen(0, "127.0.0.1", resolve);
  });
  const { port } = server.address() as AddressInfo;
  const board = new FaultBoard(new Caller(`http://127.0.0.1:${port}`, undefined), () => 0);
  return { board, asked, bodies };
}
