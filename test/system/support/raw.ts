/** Requests as they are written down here: fetch would mend the path before it sends it. */
import { request } from "node:http";
import { Reply } from "./store.ts";

export interface RawRequest {
  readonly headers?: Readonly<Record<string, string>>;
  /** Several parts: sent without saying how much there will be. */
  readonly parts?: readonly Uint8Array[];
}

/** `path` is sent as it is. */
export function sendRaw(url: string, method: string, path: string, sent: RawRequest = {}): Promise<Reply> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const outgoing = request(
      {
        hostname,
        port,
        method,
        path,
        agent: false,
        headers: { "Accept-Encoding": "identity", ...sent.headers },
      },
      (incoming) => {
        const chunks: Uint8Array[] = [];
        incoming.on("data", (chunk: Uint8Array) => chunks.push(chunk));
        incoming.on("error", reject);
        incoming.on("end", () => {
          const headers = new Headers();
          for (const [name, values] of Object.entries(incoming.headersDistinct)) {
            for (const value of values ?? []) headers.append(name, value);
          }
          resolve(new Reply(incoming.statusCode ?? 0, headers, new Uint8Array(Buffer.concat(chunks))));
        });
      },
    );
    outgoing.on("error", reject);
    for (const part of sent.parts ?? []) outgoing.write(part);
    outgoing.end();
  });
}
