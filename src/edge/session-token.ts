/**
 * Session tokens: what the session has seen, signed. Verified tokens are remembered, because a
 * session sends the same one many times, and an answer that showed nothing new gives the request's token back unchanged.
 */
import type { Signer } from "../../durable-objects/signer.ts";
import { SESSION_CHARACTERS_MAX } from "../api/limit.ts";
import type { Deployment } from "../deployment/deployment.ts";
import { Recent } from "./recent.ts";
import { Refused } from "./refusal.ts";
import type { SessionView } from "./session-merge.ts";
import { decodeSessionToken, encodeSessionToken } from "../wire/session-codec.ts";

const VERIFIED_MAX = 2_000;

export class SessionTokens {
  readonly #signer: Signer;
  readonly #mapVersion: number;
  readonly #partitions: number;
  readonly #verified = new Recent<string, SessionView>(VERIFIED_MAX);

  constructor(signer: Signer, { mapVersion, partitions }: Pick<Deployment, "mapVersion" | "partitions">) {
    this.#signer = signer;
    this.#mapVersion = mapVersion;
    this.#partitions = partitions;
  }

  issue(view: SessionView, now: number): string {
    const issued = { ...view, issuedAt: now };
    const token = this.#signer.sign("s1", encodeSessionToken(issued));
    // It comes back with the session's next request.
    this.#verified.set(token, issued);
    return token;
  }

  read(namespace: string, token: string): SessionView {
    let view = this.#verified.get(token);
    if (view === undefined) {
      view = this.#decode(token);
      this.#verified.set(token, view);
    }
    if (view.namespace !== namespace) {
      throw invalidSession(`the token was made for the namespace ${view.namespace}`);
    }
    return view;
  }

  #decode(token: string): SessionView {
    if (token.length > SESSION_CHARACTERS_MAX) {
      throw invalidSession(`the token is longer than ${SESSION_CHARACTERS_MAX} characters`);
    }
    const bytes = this.#signer.verify("s1", token);
    if (bytes === null) throw invalidSession("the token is damaged, or was not signed by this deployment");
    let view: SessionView;
    try {
      view = decodeSessionToken(bytes);
    } catch {
      throw invalidSession("the token's content cannot be read");
    }
    if (view.mapVersion !== this.#mapVersion || view.positions.some(({ p }) => p >= this.#partitions)) {
      throw invalidSession("the token names partitions that this deployment does not have");
    }
    return view;
  }
}

function invalidSession(detail: string): Refused {
  return new Refused("invalid-session", detail);
}
