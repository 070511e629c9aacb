/** The change feed as its users meet it: pages, and a socket that remembers what it was told. */
import { expect } from "vitest";
import type { Reply } from "./http.ts";
import type { Asked, Store } from "./store.ts";

export interface Change {
  readonly position: string;
  readonly key: string;
  readonly op: string;
  readonly version: string;
  readonly at: number;
  readonly value?: unknown;
}

export interface ChangePage {
  readonly changes: readonly Change[];
  readonly cursor: string;
}

export function changes(
  store: Store,
  user: string,
  query: Readonly<Record<string, string | number>> = {},
  asked: Asked = {},
): Promise<Reply> {
  const parameters = new URLSearchParams(
    Object.fromEntries(Object.entries(query).map(([name, value]) => [name, String(value)])),
  );
  return store.request(
    "GET",
    `/v1/users/${encodeURIComponent(user)}/changes?${parameters.toString()}`,
    asked,
  );
}

export function pageOf(reply: Reply): ChangePage {
  expect(reply.status, reply.text).toBe(200);
  return reply.json() as ChangePage;
}

export const keysOf = (page: ChangePage): string[] => page.changes.map(({ key }) => key);

/** A client's socket. `opened` is false where the server did not let it in. */
export class Follower {
  readonly #socket: WebSocket;
  readonly messages: ChangePage[] = [];
  readonly texts: string[] = [];
  readonly opened: Promise<boolean>;

  constructor(store: Store, path: string) {
    this.#socket = new WebSocket(`${store.url.replace("http", "ws")}${path}`);
    this.#socket.addEventListener("message", ({ data }) => {
      const text = String(data);
      this.texts.push(text);
      if (text.startsWith("{")) this.messages.push(JSON.parse(text) as ChangePage);
    });
    this.opened = new Promise((resolve) => {
      this.#socket.addEventListener("open", () => resolve(true));
      this.#socket.addEventListener("error", () => resolve(false));
    });
  }

  /** False from the server's close frame on. The `closed` event waits for the connection, which the runtime lets go when the object sleeps. */
  get isOpen(): boolean {
    return this.#socket.readyState === WebSocket.OPEN;
  }

  get keys(): string[] {
    return this.messages.flatMap(keysOf);
  }

  get cursor(): string {
    return this.messages.at(-1)?.cursor ?? "";
  }

  say(text: string): void {
    this.#socket.send(text);
  }

  close(): void {
    this.#socket.close();
  }
}

/** A browser's way in: a ticket, made for a client placed in a region, in place of headers. */
export async function follow(
  store: Store,
  user: string,
  options: { readonly region?: Asked["region"]; readonly after?: string; readonly values?: boolean } = {},
): Promise<Follower> {
  const path = `/v1/users/${encodeURIComponent(user)}/live`;
  const ticket = await ticketFor(store, path, options.region === undefined ? {} : { region: options.region });
  const query = new URLSearchParams({ ticket, values: String(options.values ?? false) });
  if (options.after !== undefined) query.set("after", options.after);
  const follower = new Follower(store, `${path}?${query.toString()}`);
  expect(await follower.opened).toBe(true);
  return follower;
}

export async function ticketFor(store: Store, path: string, asked: Asked = {}): Promise<string> {
  const reply = await store.request("POST", "/v1/tickets", { ...asked, body: JSON.stringify({ path }) });
  expect(reply.status, reply.text).toBe(200);
  return (reply.json() as { ticket: string }).ticket;
}
