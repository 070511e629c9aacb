/**
 * Tickets: leave to open one user's feed once, within a minute, for clients that cannot send headers (a browser's WebSocket, an
 * EventSource). The edge that makes one judges whether its caller may; whoever brings it needs no other token.
 */
import type { Signer } from "../../durable-objects/signer.ts";
import { TICKET_MS } from "../api/limit.ts";
import { decodeTicket, encodeTicket, TICKET_VERSION, type Ticket } from "../wire/ticket-codec.ts";
import { uniqueId } from "./ids.ts";

export class Tickets {
  readonly #signer: Signer;

  constructor(signer: Signer) {
    this.#signer = signer;
  }

  issue(leave: Pick<Ticket, "namespace" | "user" | "opens" | "region">, now: number): string {
    const ticket = { ...leave, expiresAt: now + TICKET_MS, nonce: uniqueId(), version: TICKET_VERSION };
    return this.#signer.sign("t1", encodeTicket(ticket));
  }

  /** Null: not one of ours, or its minute is over. Whether it was used already, its region knows. */
  read(text: string, now: number): Ticket | null {
    const bytes = this.#signer.verify("t1", text);
    if (bytes === null) return null;
    try {
      const ticket = decodeTicket(bytes);
      return now < ticket.expiresAt ? ticket : null;
    } catch {
      return null;
    }
  }
}
