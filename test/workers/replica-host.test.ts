import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { expect, test } from "vitest";
import { Correspondent } from "../../durable-objects/correspondent.ts";
import { ObjectClock } from "../../durable-objects/object-clock.ts";
import { RegionUnavailable } from "../../durable-objects/region-unavailable.ts";
import { ReplicaHost, ReplicaLost, type Core } from "../../durable-objects/replica-host.ts";
import type { RegionTransport } from "../../durable-objects/transport.ts";
import type { Effect, Event } from "../../src/replication/effect.ts";
import type { PeerReply, PeerRequest } from "../../src/replication/message.ts";
import type { ClientReply, ClientRequest } from "../../src/replication/request.ts";
import { encodePeerReply } from "../../src/wire/peer-codec.ts";
import { ENAM, eventually, noCourier, replica, transport, transportWith, WEUR } from "./asking.ts";

/** A core that notes its events and does what the test says. */
class ScriptedCore implements Core {
  readonly events: Event[] = [];
  readonly #script: (event: Event, now: number) => Effect[];

  constructor(script: (event: Event, now: number) => Effect[]) {
    this.#script = script;
  }

  peek(): null {
    return null;
  }

  step(event: Event, now: number): Effect[] {
    this.events.push(event);
    return this.#script(event, now);
  }
}

interface Stage {
  readonly core: ScriptedCore;
  readonly storage: DurableObjectStorage;
  readonly host: ReplicaHost;
  readonly aborts: string[];
  readonly seen: (type: Event["type"]) => Event[];
}

let objects = 0;

/** Runs a scripted core in an object of its own; the object's real core never gets to act there. */
function onStage(
  script: (event: Event, now: number) => Effect[],
  play: (stage: Stage) => Promise<void>,
  peer: RegionTransport["peer"] = () => Promise.reject(new RegionUnavailable("timeout", true)),
): Promise<void> {
  return runInDurableObject(env.REGION.getByName(`default/${objects++}/apac`), async (_, { storage }) => {
    const core = new ScriptedCore(script);
    const aborts: string[] = [];
    await storage.deleteAlarm();
    const host = new ReplicaHost({
      where: "stage",
      core,
      storage,
      correspondent: new Correspondent({
        self: replica(0, WEUR),
        where: "stage",
        transport: transportWith({ peer }),
        queues: new Map(),
      }),
      courier: noCourier,
      clock: new ObjectClock(WEUR, null),
      pendingMax: 3,
      alarmAt: null,
      abort: (reason) => aborts.push(reason),
    });
    await play({
      core,
      storage,
      host,
      aborts,
      seen: (type) => core.events.filter((event) => event.type === type),
    });
  });
}

const REQUEST: ClientRequest = { op: "status", from: WEUR, deadlineAt: 0 };
const REPLY: ClientReply = { kind: "unknown-user" };
const PROBE: PeerRequest = { type: "close-now", o: WEUR };
const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

test("a request is answered by the effect that names it, in whatever turn that comes", () =>
  onStage(
    (event) => {
      if (event.type !== "client") return [];
      if (event.id === 1) return [];
      return [
        { type: "respond", id: 2, reply: REPLY },
        { type: "respond", id: 1, reply: { kind: "not-leader", leader: null } },
      ];
    },
    async ({ host }) => {
      const first = host.client(REQUEST);
      await expect(host.client(REQUEST)).resolves.toEqual(REPLY);
      await expect(first).resolves.toEqual({ kind: "not-leader", leader: null });
    },
  ));

test("a turn that throws leaves nothing in storage, fails whoever waits, and ends the instance", () =>
  onStage(
    (event) => {
      if (event.type === "client") return [];
      throw new Error("broken core");
    },
    async ({ host, aborts, core }) => {
      const waiting = expect(host.client(REQUEST)).rejects.toThrow(ReplicaLost);
      await expect(host.peer(ENAM, PROBE)).rejects.toThrow("broken core");
      await waiting;
      expect(aborts).toEqual(["broken core"]);
      await expect(host.client(REQUEST)).rejects.toThrow(ReplicaLost);
      expect(core.events).toHaveLength(2);
    },
  ));

test("the writes of a turn that throws are rolled back", () =>
  runInDurableObject(env.REGION.getByName("default/15/apac"), async (_, { storage }) => {
    const host = new ReplicaHost({
      where: "stage",
      core: {
        peek: () => null,
        step() {
          storage.sql.exec(`INSERT INTO meta(k, v) VALUES('torn', 1)`);
          throw new Error("broken core");
        },
      },
      storage,
      correspondent: new Correspondent({
        self: replica(0, WEUR),
        where: "stage",
        transport,
        queues: new Map(),
      }),
      courier: noCourier,
      clock: new ObjectClock(WEUR, null),
      pendingMax: 3,
      alarmAt: null,
      abort: () => {},
    });
    await expect(host.client(REQUEST)).rejects.toThrow(ReplicaLost);
    expect(storage.sql.exec(`SELECT * FROM meta WHERE k = 'torn'`).toArray()).toEqual([]);
  }));

test("a call comes back as one answer, or as one failure with its reason", () => {
  const answer: PeerReply = { type: "progress-ok" };
  const call = (number: number, to: number): Effect => ({
    type: "call",
    call: number,
    to,
    message: PROBE,
    timeoutMs: 50,
  });
  return onStage(
    (event) => (event.type === "start" ? [call(1, ENAM), call(2, WEUR)] : []),
    async ({ host, seen }) => {
      host.start();
      await wait(20);
      expect(seen("answer")).toEqual([{ type: "answer", call: 1, from: ENAM, message: answer }]);
      expect(seen("failed")).toEqual([{ type: "failed", call: 2, from: WEUR, reason: "overloaded" }]);
    },
    (to) =>
      to.region === ENAM
        ? Promise.resolve(
            encodePeerReply({ namespace: "default", partition: 0, from: ENAM, to: WEUR, pv: 1 }, answer),
          )
        : Promise.reject(new RegionUnavailable("overloaded", false)),
  );
});

test("an answer that nobody can read is a failure", () =>
  onStage(
    (event) =>
      event.type === "start" ? [{ type: "call", call: 1, to: ENAM, message: PROBE, timeoutMs: 50 }] : [],
    async ({ host, seen }) => {
      host.start();
      await wait(20);
      expect(seen("failed")).toEqual([{ type: "failed", call: 1, from: ENAM, reason: "refused" }]);
    },
    () => Promise.resolve(Uint8Array.of(255)),
  ));

test("an enqueue that cannot be had is reported as such", () =>
  onStage(
    (event) => (event.type === "start" ? [{ type: "enqueue", call: 5, to: ENAM, messages: [] }] : []),
    async ({ host, seen }) => {
      host.start();
      await wait(20);
      expect(seen("enqueued")).toEqual([{ type: "enqueued", call: 5, ok: false }]);
    },
  ));

test("a sync comes back with its number", () =>
  onStage(
    (event) => (event.type === "start" ? [{ type: "sync", sync: 7 }] : []),
    async ({ host, seen }) => {
      host.start();
      await eventually(
        async () => seen("synced").length,
        (synced) => synced > 0,
      );
      expect(seen("synced")).toEqual([{ type: "synced", sync: 7 }]);
    },
  ));

test("only the latest wake counts, earlier or later than the one before", () => {
  let now = 0;
  return onStage(
    (event, at) => {
      now = at;
      if (event.type === "start") return [{ type: "wake", at: at + 500 }];
      if (event.type === "client")
        return [
          { type: "wake", at: at + 30 },
          { type: "respond", id: event.id, reply: REPLY },
        ];
      if (event.type === "peer")
        return [
          { type: "wake", at: at + 120 },
          { type: "reply", id: event.id, message: { type: "progress-ok" } },
        ];
      return [];
    },
    async ({ host, seen }) => {
      const startedAt = Date.now();
      host.start();
      await host.client(REQUEST);
      await host.peer(ENAM, PROBE);
      await eventually(
        async () => seen("wake").length,
        (wakes) => wakes > 0,
      );
      expect(now - startedAt, "not the one before").toBeGreaterThanOrEqual(120);
      await wait(450);
      expect(seen("wake")).toHaveLength(1);
    },
  );
});

test("an alarm is only ever moved to an earlier instant", () =>
  onStage(
    (event, now) => {
      if (event.type === "start") return [{ type: "alarm", at: now + 60_000 }];
      if (event.type === "wake") return [];
      if (event.type === "alarm") return [{ type: "alarm", at: now + 90_000 }];
      if (event.type !== "client") return [];
      return [
        { type: "alarm", at: now + (event.id === 1 ? 80_000 : 40_000) },
        { type: "respond", id: event.id, reply: REPLY },
      ];
    },
    async ({ host, storage }) => {
      const dueIn = async (): Promise<number> =>
        Math.round((((await storage.getAlarm()) ?? 0) - Date.now()) / 10_000);
      host.start();
      expect(await dueIn()).toBe(6);
      await host.client(REQUEST);
      expect(await dueIn()).toBe(6);
      await host.client(REQUEST);
      expect(await dueIn()).toBe(4);
      await host.alarm();
      expect(await dueIn()).toBe(9);
      await storage.deleteAlarm();
    },
  ));

test("an alarm that fails is set anew before the instance ends", () =>
  onStage(
    () => {
      throw new Error("broken core");
    },
    async ({ host, storage, aborts }) => {
      await host.alarm();
      expect(aborts).toEqual(["broken core"]);
      expect(((await storage.getAlarm()) ?? 0) - Date.now()).toBeGreaterThan(3_000);
      await storage.deleteAlarm();
    },
  ));

test("more requests than the shell holds are turned away", () =>
  onStage(
    (event) =>
      event.type === "peer" ? [1, 2, 3].map((id) => ({ type: "respond", id, reply: REPLY }) as const) : [],
    async ({ host }) => {
      const held = [host.client(REQUEST), host.client(REQUEST), host.client(REQUEST)];
      await expect(host.client(REQUEST)).resolves.toMatchObject({ kind: "refused", reason: "overloaded" });
      void host.peer(ENAM, PROBE);
      await expect(Promise.all(held)).resolves.toEqual([REPLY, REPLY, REPLY]);
    },
  ));
