/** Cursors of the change feed as clients hold them: signed, good at every region, and for one user only. */
import type { FeedPlace } from "../src/replication/request.ts";
import { decodeFeedCursor, encodeFeedCursor, FEED_CURSOR_VERSION } from "../src/wire/cursor-codec.ts";
import type { Signer } from "./signer.ts";

export class FeedCursors {
  readonly #signer: Signer;

  constructor(signer: Signer) {
    this.#signer = signer;
  }

  issue(namespace: string, user: string, { version: homeVersion, o, e, s }: FeedPlace): string {
    const cursor = { namespace, user, homeVersion, o, e, s, version: FEED_CURSOR_VERSION };
    return this.#signer.sign("f1", encodeFeedCursor(cursor));
  }

  /** Null: not a cursor of this deployment. `foreign`: of another user's feed. */
  read(namespace: string, user: string, cursor: string): FeedPlace | "foreign" | null {
    const bytes = this.#signer.verify("f1", cursor);
    if (bytes === null) return null;
    try {
      const { homeVersion: version, o, e, s, ...whose } = decodeFeedCursor(bytes);
      return whose.namespace === namespace && whose.user === user ? { version, o, e, s } : "foreign";
    } catch {
      return null;
    }
  }
}
