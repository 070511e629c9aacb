/**
 * Live feeds: the WebSockets of clients that stay to be told of a user's changes. They end at a replica near the client.
 *
 * The platform keeps a socket while the object sleeps, and beside it what we attach: whose changes, and the cursor up to which the
 * client was told. The core is told of every socket anew when an instance starts, so that nothing is kept in memory that matters,
 * an idle object can go, and the first change after that wakes it. The attachment moves on with each message: after a crash
 * between the two a client may be sent a message again, whose position tells, and never misses one.
 *
 * An injected fault between here and the region in which the edge placed the client cuts the socket, as the loss of the way would:
 * what is not delivered is told after the client has come back with its cursor.
 */
import { changeText } from "../src/api/change-text.ts";
import { LIVE_SOCKETS_MAX, LIVE_SOCKETS_PER_USER_MAX } from "../src/api/limit.ts";
import type { Change } from "../src/replication/change.ts";
import type { RegionIndex } from "../src/replication/position.ts";
import type { ChangesRequest, ClientReply, FeedPlace } from "../src/replication/request.ts";
import type { FaultGate } from "./fault-gate.ts";
import type { FeedCursors } from "./feed-cursors.ts";
import type { FeedEffect } from "./replica-host.ts";

/** Close codes (RFC 6455): the first two are the standard's, the last is of the range for applications, after HTTP's 410. */
const POLICY = 1008;
const BROKEN = 1011;
const CURSOR_EXPIRED = 4410;

/** What the platform keeps with a socket. Later versions of this code read it too: fields are only added. */
interface Attachment {
  readonly user: string;
  readonly after: FeedPlace;
  readonly values: boolean;
  /** Region that the edge placed the client in. */
  readonly from: RegionIndex;
}

interface Live extends Attachment {
  readonly id: number;
  readonly socket: WebSocket;
  /** While faults are set, messages may take their time: they go out one after the other. */
  sending: Promise<void> | null;
}

export interface LiveSocketsOptions {
  readonly state: Pick<DurableObjectState, "acceptWebSocket" | "getWebSockets" | "setWebSocketAutoResponse">;
  readonly namespace: string;
  readonly cursors: FeedCursors;
  readonly regionId: (region: RegionIndex) => string;
  readonly gate: FaultGate | null;
  readonly ask: (request: ChangesRequest) => Promise<ClientReply>;
  readonly subscribe: (id: number, subscription: Omit<Attachment, "from">) => void;
  readonly unsubscribe: (id: number) => void;
}

export class LiveSockets {
  readonly #options: LiveSocketsOptions;
  readonly #byId = new Map<number, Live>();
  readonly #ids = new Map<WebSocket, number>();
  #lastId = 0;

  constructor(options: LiveSocketsOptions) {
    this.#options = options;
    // Answered by the platform, without waking the object.
    options.state.setWebSocketAutoResponse(new WebSocketRequestResponsePair("ping", "pong"));
  }

  /** Those that outlived the instance before. */
  resume(): void {
    for (const socket of this.#options.state.getWebSockets()) {
      const attachment = socket.deserializeAttachment() as Attachment | null;
      if (attachment === null) socket.close(BROKEN, "nothing is known of this socket");
      else this.#add(socket, attachment);
    }
  }

  /** Answers with the socket's other end, or with the reply that refuses it. */
  async open(request: ChangesRequest): Promise<Response> {
    const { user, from, values } = request;
    const refused = this.#refusal(user);
    if (refused !== null) return Response.json(refused);
    const reply = await this.#options.ask(request);
    if (reply.kind !== "changes") return Response.json(reply);
    const { 0: client, 1: socket } = new WebSocketPair();
    this.#options.state.acceptWebSocket(socket);
    // The first message comes at once, with changes or without: it is what a client begins with.
    socket.send(this.#text(user, values, reply.changes, reply.cursor));
    const attachment: Attachment = { user, after: reply.cursor, values, from };
    socket.serializeAttachment(attachment);
    this.#add(socket, attachment);
    return new Response(null, { status: 101, webSocket: client });
  }

  /** What the core has to tell. */
  tell(effect: FeedEffect): void {
    const live = this.#byId.get(effect.id);
    if (live === undefined) return;
    if (effect.type === "feed-end") return this.#close(live, CURSOR_EXPIRED, "cursor-expired");
    const { gate } = this.#options;
    if (live.sending === null && gate?.isQuiet !== false)
      return this.#send(live, effect.changes, effect.cursor);
    live.sending = this.#sendThrough(live, effect.changes, effect.cursor, live.sending);
  }

  /** Clients have nothing to say here. */
  onMessage(socket: WebSocket): void {
    const live = this.#of(socket);
    if (live === undefined) socket.close(POLICY, "this socket only tells");
    else this.#close(live, POLICY, "this socket only tells");
  }

  onClosed(socket: WebSocket): void {
    const live = this.#of(socket);
    if (live !== undefined) this.#forget(live);
  }

  /** A fault was set: sockets whose way it cuts are lost. */
  cutWhatIsCut(): void {
    for (const live of this.#byId.values()) {
      if (this.#options.gate?.isCut(live.from) === true) this.#close(live, BROKEN, "the way is cut");
    }
  }

  #add(socket: WebSocket, attachment: Attachment): void {
    const id = ++this.#lastId;
    this.#byId.set(id, { ...attachment, id, socket, sending: null });
    this.#ids.set(socket, id);
    const { user, after, values } = attachment;
    this.#options.subscribe(id, { user, after, values });
  }

  #refusal(user: string): ClientReply | null {
    if (this.#byId.size >= LIVE_SOCKETS_MAX)
      return { kind: "refused", reason: "overloaded", retryAfterMs: 10_000 };
    let own = 0;
    for (const live of this.#byId.values()) if (live.user === user) own += 1;
    return own < LIVE_SOCKETS_PER_USER_MAX
      ? null
      : { kind: "refused", reason: "too-many-sockets", retryAfterMs: 10_000 };
  }

  async #sendThrough(
    live: Live,
    changes: readonly Change[],
    cursor: FeedPlace,
    before: Promise<void> | null,
  ): Promise<void> {
    // On their way together, and they arrive in order.
    const [passes = true] = await Promise.all([this.#options.gate?.outward(live.from), before]);
    if (!this.#byId.has(live.id)) return;
    if (passes) this.#send(live, changes, cursor);
    else this.#close(live, BROKEN, "the way is cut");
  }

  #send(live: Live, changes: readonly Change[], cursor: FeedPlace): void {
    const { socket, user, values, from } = live;
    try {
      socket.send(this.#text(user, values, changes, cursor));
      socket.serializeAttachment({ user, after: cursor, values, from } satisfies Attachment);
    } catch {
      // Closed from the other side, and not told of it yet: its client comes back with its cursor.
      this.#forget(live);
    }
  }

  /** One page: whole transactions. The JSON that a page of changes is over HTTP. */
  #text(user: string, values: boolean, changes: readonly Change[], cursor: FeedPlace): string {
    const { cursors, namespace, regionId } = this.#options;
    const texts = changes.map((change) => changeText(change, { regionId, values }));
    const next = JSON.stringify(cursors.issue(namespace, user, cursor));
    return `{"changes":[${texts.join(",")}],"cursor":${next}}`;
  }

  #of(socket: WebSocket): Live | undefined {
    const id = this.#ids.get(socket);
    return id === undefined ? undefined : this.#byId.get(id);
  }

  #close(live: Live, code: number, reason: string): void {
    this.#forget(live);
    live.socket.close(code, reason);
  }

  #forget({ id, socket }: Live): void {
    this.#byId.delete(id);
    this.#ids.delete(socket);
    this.#options.unsubscribe(id);
  }
}
