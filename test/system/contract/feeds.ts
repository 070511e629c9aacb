/** Provocations of the change feed, of its sockets and of tickets, and of sinks. */
import { expect } from "vitest";
import { LIVE_SOCKETS_PER_USER_MAX } from "../../../src/api/limit.ts";
import type { Reply } from "../support/http.ts";
import { pause, until } from "../support/store.ts";
import {
  at,
  changed,
  ofNewcomers,
  ofNobody,
  path,
  plain,
  well,
  type Provocation,
  type Table,
} from "./provocation.ts";
import { LOG_RETAIN_MS, type Sample, type Stage } from "./stage.ts";

/** Some hundred writes, more than once: minutes on a slow machine. */
const GONE_WITHIN_MS = 300_000;

/** A cursor of a log that has gone on since, and no longer has what follows it. Made once, for whoever asks. */
let expired: Promise<string> | null = null;

async function expireCursor({ store, elsewhere }: Stage): Promise<string> {
  await store.put(elsewhere, "first", "x", { concern: "all" });
  const first = await store.request("GET", `/v1/users/${elsewhere}/changes?waitMs=5000`);
  const cursor = String(first.members["cursor"]);
  await pause(LOG_RETAIN_MS + 500);
  // A log is looked at for what can go after some hundred new entries.
  const write = (n: number) => store.put(elsewhere, `later/${n}`, "x", { concern: "one" });
  const follow = () => store.request("GET", `/v1/users/${elsewhere}/changes?after=${cursor}`);
  const gone = async () => {
    for (let from = 0; from < 300; from += 25)
      await Promise.all(Array.from({ length: 25 }, (_, at) => write(from + at)));
    return follow();
  };
  const followed = await until(gone, ({ status }) => status === 410, GONE_WITHIN_MS);
  expect(followed.status, followed.text).toBe(410);
  return cursor;
}

const afterExpired = (ask: (stage: Stage, sample: Sample) => Promise<Reply>): Provocation =>
  well(async (stage, sample) => {
    expired ??= expireCursor(stage);
    const path = sample.path.replace(stage.user, stage.elsewhere).replace(/\?.*/, "");
    return ask(stage, { ...sample, path: `${path}?after=${await expired}` });
  });

const future = at("unconfirmed", async (stage, sample, short) =>
  stage.ask(sample, { ...short, session: await stage.futureSession() }),
);

/** As many sockets as a user may have, and one more. */
const crowded = well(async (stage, sample) => {
  const path = `/v1/users/${stage.elsewhere}/live`;
  const url = `${stage.store.url.replace("http", "ws")}${path}`;
  const sockets = Array.from({ length: LIVE_SOCKETS_PER_USER_MAX }, () => new WebSocket(url));
  const opened = sockets.map((socket) => new Promise((resolve) => socket.addEventListener("open", resolve)));
  await Promise.all(opened);
  const reply = await stage.ask({ ...sample, path });
  for (const socket of sockets) socket.close();
  return reply;
});

const replay = (partition: number, position: string) => ({
  body: JSON.stringify({ action: "replay", partition, position }),
});

export const FEEDS: Table = {
  "listChanges 200": plain,
  "listChanges 404 not-found": ofNobody,
  "listChanges 410 cursor-expired": afterExpired((stage, sample) => stage.ask(sample)),

  "listChanges 503 no-leader": ofNewcomers("unled", 503),
  "listChanges 504 read-timeout": future,

  "openLive 101": plain,
  "openLive 404 not-found": ofNobody,
  "openLive 410 cursor-expired": afterExpired((stage, sample) => stage.ask(sample)),

  "openLive 429 too-many-requests": crowded,
  "openLive 503 no-leader": ofNewcomers("unled", 503),
  "openLive 504 read-timeout": future,

  "createTicket 200": plain,
  "createTicket 404 not-found": changed(() => ({ body: '{"path":"/v1/ns/nowhere/users/wilma/live"}' })),

  "listSinks 200": plain,

  "controlSink 200": plain,
  "controlSink 404 not-found": path((at) => at.replace("orders", "none")),
  "controlSink 410 cursor-expired": well(async (stage, sample) => {
    expired ??= expireCursor(stage);
    await expired;
    return stage.ask({ ...sample, ...replay(stage.partitionElsewhere, "weur.16.1") });
  }),
  "controlSink 503 no-leader": changed((_, stage) => replay(stage.partitionElsewhere, "apac.18.1")),
  "controlSink 503 region-unavailable": at("dark", (stage, sample, short) =>
    stage.ask({ ...sample, ...replay(stage.partitionElsewhere, "weur.16.1") }, short),
  ),
};
