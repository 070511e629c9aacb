/**
 * The object of one replica. Every method decodes, lets the replica take a turn, and encodes what came of it; faults are
 * injected around that.
 */
import { DurableObject } from "cloudflare:workers";
import { deploymentOf, oneWaysFrom, regionAt } from "../src/deployment/deployment.ts";
import type { RegionIndex } from "../src/replication/position.ts";
import { Replica } from "../src/replication/replica.ts";
import type { ChangesRequest, ClientReply, ClientRequest } from "../src/replication/request.ts";
import type { Storage } from "../src/replication/storage.ts";
import { migrate } from "../src/storage/schema.ts";
import { SqlStorage } from "../src/storage/sql-storage.ts";
import { entryCodec } from "../src/wire/entry-codec.ts";
import { decodePeerRequest } from "../src/wire/peer-codec.ts";
import { Attention } from "./attention.ts";
import { chainHash } from "./chain-hash.ts";
import { CostMeter } from "./cost-meter.ts";
import { Correspondent, queuesOf } from "./correspondent.ts";
import { FaultGate } from "./fault-gate.ts";
import type { FaultRecord } from "./faults.ts";
import { FaultStore } from "./fault-store.ts";
import { FeedCursors } from "./feed-cursors.ts";
import { reportIncident } from "./incident.ts";
import { Letterbox } from "./letterbox.ts";
import { LiveSockets } from "./live-sockets.ts";
import { ObjectClock } from "./object-clock.ts";
import {
  LIVE_HEADER,
  type Ingested,
  type Interference,
  type QueuedMessage,
  type Redeemed,
  type RegionObject,
} from "./region-object.ts";
import { ReplicaHost } from "./replica-host.ts";
import { replicaConfig } from "./replica-config.ts";
import { isAddressedTo, parseObjectName, type ReplicaName } from "./replica-name.ts";
import { Signer } from "./signer.ts";
import { postOf, SinkCourier } from "./sink-courier.ts";
import { ObjectSqlDriver } from "./sql-driver.ts";
import { TicketBook } from "./ticket-book.ts";
import { ObjectTransport, type RegionNamespace } from "./transport.ts";

/** Clients in flight at one object beyond which the shell turns them away: a safety net far above the core's own bound. */
const PENDING_MAX = 20_000;

export interface RegionEnv extends Record<string, unknown> {
  readonly REGION: RegionNamespace;
}

export class Region extends DurableObject<RegionEnv> implements RegionObject {
  readonly #name: ReplicaName;
  readonly #clock: ObjectClock;
  readonly #correspondent: Correspondent;
  readonly #letterbox: Letterbox;
  /** These three: null where drills are off. */
  readonly #faults: FaultStore | null;
  /** Null where nothing ever stops or delays anything: in production. */
  readonly #gate: FaultGate | null;
  readonly #meter: CostMeter | null;
  readonly #live: LiveSockets;
  readonly #tickets: TicketBook;
  /** Of all replicas of the region, where this is its partition 0; nobody asks the others. */
  readonly #attention: Attention;
  readonly #transport: ObjectTransport;
  /** There from the first event on. */
  #host!: ReplicaHost;
  #started = false;

  constructor(ctx: DurableObjectState, env: RegionEnv) {
    super(ctx, env);
    const deployment = deploymentOf(env);
    const where = ctx.id.name ?? "";
    const name = parseObjectName(deployment, where);
    const meter = deployment.drills ? new CostMeter() : null;
    const driver = new ObjectSqlDriver(ctx.storage, meter);
    const storage: Storage = new SqlStorage(driver);
    const isNew = driver.transaction(() => migrate(driver, Date.now()));
    const config = replicaConfig(deployment, name);
    const core = new Replica({ config, storage, codec: entryCodec, hash: chainHash });

    this.#name = name;
    this.#meter = meter;
    this.#faults = deployment.drills ? new FaultStore(driver, Date.now()) : null;
    const awayMs = oneWaysFrom(deployment, name.region);
    this.#gate =
      this.#faults === null && awayMs.size === 0 ? null : new FaultGate(this.#faults, name.region, awayMs);
    this.#clock = new ObjectClock(name.region, this.#faults);
    this.#attention = new Attention(driver);
    this.#transport = new ObjectTransport(deployment, env.REGION, () => ctx.storage.sync());
    this.#correspondent = new Correspondent({
      self: name,
      where,
      transport: this.#transport,
      queues: queuesOf(deployment, env),
      ...(meter === null ? {} : { onSent: (bodies) => meter.sent(bodies) }),
    });
    this.#letterbox = new Letterbox({ name, where, storage, gate: this.#gate });
    this.#tickets = new TicketBook(driver);
    this.#live = new LiveSockets({
      state: ctx,
      namespace: name.namespace,
      cursors: new FeedCursors(new Signer(deployment.sessionKeys)),
      regionId: (region) => regionAt(deployment, region).id,
      gate: this.#gate,
      ask: (request) => this.#running.client(request),
      subscribe: (id, subscription) => this.#running.subscribe(id, subscription),
      unsubscribe: (id) => this.#running.unsubscribe(id),
    });
    void ctx.blockConcurrencyWhile(async () => {
      if (isNew) await makeAlarmTable(ctx.storage);
      this.#host = new ReplicaHost({
        where,
        core,
        storage: ctx.storage,
        correspondent: this.#correspondent,
        courier: new SinkCourier({ deployment, self: name, where, post: postOf(env) }),
        clock: this.#clock,
        pendingMax: PENDING_MAX,
        alarmAt: await ctx.storage.getAlarm(),
        abort: (reason) => ctx.abort(reason),
        ...(meter === null ? {} : { onAlarmSet: () => meter.alarm() }),
        onFeed: (effect) => this.#live.tell(effect),
        onAttention: () => void this.#wantAttention(),
      });
      this.#live.resume();
    });
  }

  /** The replica's first turn comes right before that of the first event, so that the storage confirms both at once. */
  get #running(): ReplicaHost {
    if (!this.#started) {
      this.#started = true;
      this.#host.start();
    }
    return this.#host;
  }

  ask(request: ClientRequest): Promise<ClientReply | Interference> {
    if (this.#gate === null) return this.#running.client(request);
    this.#meter?.request();
    return this.#gate.through(request.from, "edge", async () => {
      const deadlineAt = this.#clock.fromHost(request.deadlineAt);
      const asked = deadlineAt === request.deadlineAt ? request : { ...request, deadlineAt };
      const reply = await this.#running.client(asked);
      if (reply.kind !== "status" || this.#meter === null) return reply;
      return { ...reply, status: { ...reply.status, cost: this.#meter.cost } };
    });
  }

  async peer(message: Uint8Array): Promise<Uint8Array | Interference> {
    this.#meter?.request();
    const { envelope, message: request } = decodePeerRequest(message);
    if (!isAddressedTo(this.#name, envelope)) throw new Error("the message is for another replica");
    const work = async (): Promise<Uint8Array> => {
      const reply =
        request === null
          ? ({ type: "unsupported" } as const)
          : await this.#running.peer(envelope.from, request);
      return this.#correspondent.reply(envelope.from, reply);
    };
    return this.#gate === null ? work() : this.#gate.through(envelope.from, "replica", work);
  }

  async ingest(messages: readonly QueuedMessage[]): Promise<Ingested> {
    this.#meter?.request();
    const delivery = await this.#letterbox.open(messages);
    const done =
      delivery.batches.length === 0
        ? { verdicts: [], progress: [] }
        : await this.#running.batch(delivery.batches);
    const verdicts = delivery.verdicts(done.verdicts);
    this.#meter?.received(messages, verdicts);
    return {
      verdicts,
      progress: done.progress.map(({ to, message }) => ({
        to,
        message: this.#correspondent.request(to, message),
      })),
    };
  }

  async poison(raw: Uint8Array, error: string): Promise<void> {
    this.#letterbox.poison(raw, error);
  }

  async redeem(from: RegionIndex, nonce: string, expiresAt: number): Promise<Redeemed | Interference> {
    const work = async (): Promise<Redeemed> => {
      return { kind: "redeemed", first: this.#tickets.redeem(nonce, expiresAt, Date.now()) };
    };
    return this.#gate === null ? work() : this.#gate.through(from, "edge", work);
  }

  override async fetch(request: Request): Promise<Response> {
    const asked = JSON.parse(
      decodeURIComponent(request.headers.get(LIVE_HEADER) ?? "null"),
    ) as ChangesRequest;
    const open = (): Promise<Response> => {
      return this.#live.open({ ...asked, deadlineAt: this.#clock.fromHost(asked.deadlineAt) });
    };
    if (this.#gate === null) return open();
    const answer = await this.#gate.through(asked.from, "edge", open);
    return answer instanceof Response ? answer : Response.json(answer);
  }

  override webSocketMessage(socket: WebSocket): void {
    this.#live.onMessage(socket);
  }

  override webSocketClose(socket: WebSocket): void {
    this.#live.onClosed(socket);
  }

  override webSocketError(socket: WebSocket): void {
    this.#live.onClosed(socket);
  }

  override alarm(): Promise<void> {
    this.#meter?.request();
    return this.#running.alarm();
  }

  async noteAttention(partition: number): Promise<void> {
    this.#attention.note(partition);
  }

  async takeAttention(): Promise<number[]> {
    return this.#attention.take();
  }

  async visit(): Promise<void> {
    this.#running.visit();
  }

  async #wantAttention(): Promise<void> {
    const { partition } = this.#name;
    try {
      if (partition === 0) this.#attention.note(partition);
      else await this.#transport.noteAttention({ ...this.#name, partition: 0 }, partition);
    } catch (error) {
      // Then only the next request brings about what a visit would have.
      reportIncident("attention-unnoted", this.ctx.id.name ?? "", error);
    }
  }

  async putFault(fault: FaultRecord): Promise<void> {
    this.#changeFaults((faults, now) => faults.put(fault, now));
    this.#live.cutWhatIsCut();
    if (fault.kind !== "restart" || fault.region !== this.#name.region) return;
    await this.ctx.storage.sync();
    this.ctx.abort(`fault ${fault.id}: restart`);
  }

  async listFaults(): Promise<FaultRecord[]> {
    return [...(this.#faults?.active(Date.now()) ?? [])];
  }

  async endFault(id: string | null): Promise<void> {
    this.#changeFaults((faults, now) => faults.end(id, now));
  }

  #changeFaults(change: (faults: FaultStore, now: number) => void): void {
    if (this.#faults === null) throw new Error("faults are for deployments with DRILLS=on");
    const now = Date.now();
    const before = this.#faults.skewMs(this.#name.region, now);
    change(this.#faults, now);
    if (this.#faults.skewMs(this.#name.region, now) !== before) this.#running.clockMoved();
  }
}

/**
 * The platform makes a table for the alarm when one is first set. Later it would take a page that something was deleted from, and
 * keep what is left of that in its gaps, where no erasure of ours can reach it.
 */
async function makeAlarmTable(storage: DurableObjectStorage): Promise<void> {
  await storage.setAlarm(Date.now() + ALARM_TABLE_MS);
  await storage.deleteAlarm();
}

const ALARM_TABLE_MS = 3_600_000;
