/** Regions that answer what a test tells them to, and remember what they were asked. */
import { RegionUnavailable, type UnavailableReason } from "../../../durable-objects/region-unavailable.ts";
import type { FaultRecord } from "../../../durable-objects/faults.ts";
import type { ReplicaName } from "../../../durable-objects/replica-name.ts";
import type { Opened, Regions } from "../../../src/edge/seam.ts";
import type { Position } from "../../../src/replication/position.ts";
import type {
  ChangesRequest,
  ClientReply,
  ClientRequest,
  Facts,
  Receipt,
} from "../../../src/replication/request.ts";

export const WEUR = 0;
export const ENAM = 1;
export const APAC = 2;

export interface Asked {
  readonly to: ReplicaName;
  readonly request: ClientRequest;
  readonly timeoutMs: number;
}

export type Answerer = (asked: Asked) => ClientReply | Promise<ClientReply>;

export class FakeRegions implements Regions {
  readonly asked: Asked[] = [];
  readonly faults = new Map<string, FaultRecord[]>();
  /** Where sockets were opened. */
  readonly opened: ReplicaName[] = [];
  readonly redeemed = new Set<string>();
  answer: Answerer;

  constructor(answer: Answerer) {
    this.answer = answer;
  }

  async ask(to: ReplicaName, request: ClientRequest, timeoutMs: number): Promise<ClientReply> {
    const asked = { to, request, timeoutMs };
    this.asked.push(asked);
    return this.answer(asked);
  }

  async live(to: ReplicaName, request: ChangesRequest, timeoutMs: number): Promise<ClientReply | Opened> {
    const reply = await this.ask(to, request, timeoutMs);
    if (reply.kind !== "changes") return reply;
    this.opened.push(to);
    return { kind: "opened", respond: opened };
  }

  async redeem(to: ReplicaName, { nonce }: { readonly nonce: string }): Promise<boolean> {
    const used = `${nameOf(to)} ${nonce}`;
    const first = !this.redeemed.has(used);
    this.redeemed.add(used);
    return first;
  }

  async putFault(to: ReplicaName, fault: FaultRecord): Promise<void> {
    this.faults.set(nameOf(to), [...this.faultsAt(to), fault]);
  }

  async listFaults(to: ReplicaName): Promise<FaultRecord[]> {
    return this.faultsAt(to);
  }

  async endFault(to: ReplicaName, id: string | null): Promise<void> {
    this.faults.set(
      nameOf(to),
      this.faultsAt(to).filter((fault) => id !== null && fault.id !== id),
    );
  }

  faultsAt(to: ReplicaName): FaultRecord[] {
    return this.faults.get(nameOf(to)) ?? [];
  }

  /** "write@0 read@1": what was asked of whom, in order. */
  get route(): string {
    return this.asked.map(({ to, request }) => `${request.op}@${to.region}`).join(" ");
  }
}

/** Node makes no response of status 101: this stands for one. */
function opened(headers: Readonly<Record<string, string>>): Response {
  return { status: 101, headers: new Headers(headers) } as Response;
}

function nameOf({ namespace, partition, region }: ReplicaName): string {
  return `${namespace}/${partition}/${region}`;
}

export function unavailable(reason: UnavailableReason, sent: boolean): never {
  throw new RegionUnavailable(reason, sent);
}

export function facts(more: Partial<Facts> = {}): Facts {
  return {
    servedBy: WEUR,
    home: WEUR,
    homeVersion: 1,
    leader: WEUR,
    epoch: 16,
    position: { o: WEUR, e: 16, s: 9 },
    stalenessMs: 0,
    shown: [],
    shownOthers: [],
    seenAt: 0,
    waitedMs: 0,
    leaseLeftMs: 2_000,
    why: "leader",
    ...more,
  };
}

export function receipt(more: Partial<Receipt> = {}): Receipt {
  return {
    user: "alice",
    key: "k",
    version: { o: WEUR, e: 16, s: 10 },
    position: { o: WEUR, e: 16, s: 10 },
    leader: WEUR,
    concern: "local",
    durableIn: [WEUR],
    committed: false,
    at: 1_800_000_000_000,
    ...more,
  };
}

export function written(
  more: { readonly status?: number; readonly facts?: Partial<Facts> } = {},
): ClientReply {
  const position = { o: WEUR, e: 16, s: 10 };
  const shown = [{ ...position, durable: false }];
  return {
    kind: "written",
    status: more.status ?? 201,
    receipt: receipt(),
    facts: facts({ position, shown, ...more.facts }),
    replayed: false,
  };
}

export const VERSION: Position = { o: WEUR, e: 16, s: 7 };

export function item(text = "{}", more: Partial<Facts> = {}): ClientReply {
  const value = new TextEncoder().encode(text);
  return {
    kind: "item",
    item: {
      key: "k",
      version: VERSION,
      contentType: "application/json",
      size: value.length,
      expiresAt: 0,
      value,
    },
    facts: facts({ shown: [{ ...VERSION, durable: true }], ...more }),
  };
}

export function homeReply(
  home: number,
  more: { readonly leader?: number; readonly version?: number } = {},
): ClientReply {
  return {
    kind: "home",
    home,
    version: more.version ?? 1,
    leader: more.leader ?? home,
    epoch: 16 + home,
    position: { o: WEUR, e: 16, s: 3 },
  };
}
