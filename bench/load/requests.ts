/** The requests of every contender: the same keys and the same bytes, made beforehand. */
import { HOST, type Runtime } from "../runtime/runtime.ts";
import { headerOf, requestBytes } from "./connection.ts";
import { expectDone, once, type RequestMaker } from "./load.ts";

export const VALUE_BYTES = 1_000;
/** Where the clients who write are placed, and so where their home is. */
export const HOME = "weur";
/** Where the readers are. */
export const AWAY = "enam";

const KEYS = 256;
/** Text that D1 and KV can take too. */
const VALUE = Buffer.from(
  "The quick brown fox jumps over the lazy dog. ".repeat(40).slice(0, VALUE_BYTES),
);

export const onlyUser = ["alice"] as const;
/** In as many partitions, and so as many leading objects, as there are users; found by trying. */
export function usersInPartitions(count: number, partitionOf: (user: string) => number): string[] {
  const users = new Map<number, string>();
  for (let n = 0; users.size < count; n++) {
    const user = `user-${n}`;
    const partition = partitionOf(user);
    if (!users.has(partition)) users.set(partition, user);
  }
  return [...users.values()];
}

export function nothing(): RequestMaker {
  const request = requestBytes({ method: "GET", host: HOST.bare, path: "/nothing" });
  return () => request;
}

export type Plain = "object" | "d1" | "kv";

export function plainWrites(where: Plain, users: readonly string[]): RequestMaker {
  return cycle(users, (user, key) =>
    requestBytes({ method: "PUT", host: HOST.bare, path: `/${where}/${user}/${key}`, body: VALUE }),
  );
}

export function plainReads(where: Plain, users: readonly string[]): RequestMaker {
  return cycle(users, (user, key) =>
    requestBytes({ method: "GET", host: HOST.bare, path: `/${where}/${user}/${key}` }),
  );
}

export function writes(users: readonly string[], headers: Readonly<Record<string, string>> = {}): RequestMaker {
  return cycle(users, (user, key) => put(user, key, VALUE, headers));
}

export function put(
  user: string,
  key: string,
  body: Buffer,
  headers: Readonly<Record<string, string>> = {},
): Buffer {
  return requestBytes({
    method: "PUT",
    host: HOST.ithaca,
    path: `/v1/users/${user}/items/${key}`,
    headers: { "Ithaca-Region": HOME, ...headers },
    body,
  });
}

/** Reads at `session` in another region than where the user is at home, with a token that covers everything. */
export function sessionReads(users: readonly string[], tokens: ReadonlyMap<string, string>): RequestMaker {
  return cycle(users, (user, key) =>
    requestBytes({
      method: "GET",
      host: HOST.ithaca,
      path: `/v1/users/${user}/items/${key}`,
      headers: {
        "Ithaca-Region": AWAY,
        "Ithaca-Consistency": "session",
        "Ithaca-Session": tokens.get(user) ?? "",
      },
    }),
  );
}

/** Every key of every user, everywhere; answers the token after the last write of each user. */
export async function fill(runtime: Runtime, users: readonly string[]): Promise<Map<string, string>> {
  const { url } = runtime;
  expectDone(await once(url, requestBytes({ method: "GET", host: HOST.bare, path: "/d1-create" })));
  const tokens = new Map<string, string>();
  for (const user of users) {
    for (let n = 0; n < KEYS; n++) {
      const key = keyOf(n);
      const answer = expectDone(await once(url, put(user, key, VALUE)));
      tokens.set(user, headerOf(answer, "Ithaca-Session") ?? "");
      for (const where of ["object", "d1", "kv"] as const) {
        const path = `/${where}/${user}/${key}`;
        expectDone(await once(url, requestBytes({ method: "PUT", host: HOST.bare, path, body: VALUE })));
      }
    }
  }
  return tokens;
}

function keyOf(n: number): string {
  return `key-${n}`;
}

function cycle(users: readonly string[], make: (user: string, key: string) => Buffer): RequestMaker {
  const requests = Array.from({ length: KEYS }, (_, n) => users.map((user) => make(user, keyOf(n)))).flat();
  return (_, n) => requests[n % requests.length] ?? Buffer.alloc(0);
}
