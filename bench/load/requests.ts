/** The requests of every contender: the same keys and the same bytes, made beforehand. */
import { HOST, type Runtime } from "../runtime/runtime.ts";
import { headerOf, requestBytes } from "./connection.ts";
import { expectDone, once, type RequestMaker } from "./load.ts";

export const VALUE_BYTES = 1_000;
/** Where the clients who write are placed, and so where their home is. */
const HOME = "weur";
/** Where the readers are. */
const AWAY = "enam";

const KEYS = 256;
/**
 * A key gets another value every time, and the same one again only after so many. Writing what is there already costs
 * SQLite nothing: it compares, and leaves the page as it is.
 */
const VALUES = 4;
const COMMITTED_MS = 500;

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
  return cycle(users, VALUES, (user, key, n) => plainWrite(where, user, key, valueOf(n)));
}

function plainWrite(where: Plain, user: string, key: string, body: Buffer): Buffer {
  return requestBytes({ method: "PUT", host: HOST.bare, path: `/${where}/${user}/${key}`, body });
}

export function plainReads(where: Plain, users: readonly string[]): RequestMaker {
  return cycle(users, 1, (user, key) =>
    requestBytes({ method: "GET", host: HOST.bare, path: `/${where}/${user}/${key}` }),
  );
}

export function writes(
  users: readonly string[],
  headers: Readonly<Record<string, string>> = {},
): RequestMaker {
  return cycle(users, VALUES, (user, key, n) => put(user, key, valueOf(n), headers));
}

function put(
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

export const TRANSACTION_WRITES = 10;

/** Puts of the same values as single writes put, ten keys in a row at once. */
export function transactions(users: readonly string[]): RequestMaker {
  return cycle(users, VALUES, (user, _key, n) =>
    transact(
      user,
      keysFrom(n).map((key) => ({ op: "put", key, value: valueOf(n).toString() })),
    ),
  );
}

/** Some of everything: what is merged and counted is read first. */
export function mixedTransactions(users: readonly string[]): RequestMaker {
  return cycle(users, VALUES, (user, _key, n) =>
    transact(
      user,
      keysFrom(n).map((key, at) => {
        if (at < 4) return { op: "put", key, value: valueOf(n).toString() };
        if (at < 7)
          return {
            op: "merge",
            key: `merged-${key}`,
            patch: { [`member-${at}`]: n, text: valueOf(n).toString() },
          };
        return { op: "add", key: `counted-${key}`, by: 1 };
      }),
    ),
  );
}

function keysFrom(n: number): string[] {
  return Array.from({ length: TRANSACTION_WRITES }, (_, at) => keyOf((n * TRANSACTION_WRITES + at) % KEYS));
}

function transact(user: string, all: readonly object[]): Buffer {
  return requestBytes({
    method: "POST",
    host: HOST.ithaca,
    path: `/v1/users/${user}/transactions`,
    headers: { "Ithaca-Region": HOME },
    body: Buffer.from(JSON.stringify({ writes: all })),
  });
}

/** Reads at `session` in another region than where the user is at home, with a token that covers everything. */
export function sessionReads(users: readonly string[], tokens: ReadonlyMap<string, string>): RequestMaker {
  return cycle(users, 1, (user, key) => sessionRead(user, key, tokens.get(user) ?? ""));
}

function sessionRead(user: string, key: string, token: string): Buffer {
  return requestBytes({
    method: "GET",
    host: HOST.ithaca,
    path: `/v1/users/${user}/items/${key}`,
    headers: { "Ithaca-Region": AWAY, "Ithaca-Consistency": "session", "Ithaca-Session": token },
  });
}

/** What a client's token is after its last write and a read of it in another region: it covers all there is. */
export async function coveringTokens(
  { url }: Runtime,
  users: readonly string[],
): Promise<Map<string, string>> {
  const tokens = new Map<string, string>();
  for (const user of users) {
    const token =
      headerOf(expectDone(await once(url, put(user, "key-0", valueOf(0)))), "Ithaca-Session") ?? "";
    // By then the write is committed and known to be: a token that says so is as short as it gets.
    await new Promise((resolve) => setTimeout(resolve, COMMITTED_MS));
    const read = expectDone(await once(url, sessionRead(user, "key-0", token)));
    tokens.set(user, headerOf(read, "Ithaca-Session") ?? "");
  }
  return tokens;
}

/** Every key of every user, everywhere. */
export async function fill(runtime: Runtime, users: readonly string[]): Promise<void> {
  const { url } = runtime;
  expectDone(await once(url, requestBytes({ method: "GET", host: HOST.bare, path: "/d1-create" })));
  for (const user of users) {
    for (let n = 0; n < KEYS; n++) {
      const key = keyOf(n);
      const value = valueOf(n);
      expectDone(await once(url, put(user, key, value)));
      for (const where of ["object", "d1", "kv"] as const) {
        expectDone(await once(url, plainWrite(where, user, key, value)));
      }
    }
  }
}

function keyOf(n: number): string {
  return `key-${n}`;
}

/** Text, which D1 and KV can take too. */
function valueOf(n: number): Buffer {
  return Buffer.from(`${n}: the quick brown fox jumps over the lazy dog. `.repeat(40).slice(0, VALUE_BYTES));
}

/** All keys of all users in turn, and so with every value. */
function cycle(
  users: readonly string[],
  values: number,
  make: (user: string, key: string, n: number) => Buffer,
): RequestMaker {
  const requests = Array.from({ length: KEYS * values }, (_, n) =>
    users.map((user) => make(user, keyOf(n % KEYS), n)),
  ).flat();
  return (_, n) => requests[n % requests.length] ?? Buffer.alloc(0);
}
