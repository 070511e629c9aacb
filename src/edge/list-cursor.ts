/**
 * Cursors of lists: where the next page begins and what it has to cover, signed like a session token, because a made-up position
 * would make a replica wait for what will never be.
 */
import type { Signer } from "../../durable-objects/signer.ts";
import {
  decodePageCursor,
  encodePageCursor,
  PAGE_CURSOR_VERSION,
  type PageCursor,
} from "../wire/cursor-codec.ts";
import { digestOf, equalBytes } from "./digest.ts";
import { invalid } from "./refusal.ts";

export type ListPlace = Omit<PageCursor, "version">;

export class ListCursors {
  readonly #signer: Signer;

  constructor(signer: Signer) {
    this.#signer = signer;
  }

  issue(place: ListPlace): string {
    return this.#signer.sign("c1", encodePageCursor({ ...place, version: PAGE_CURSOR_VERSION }));
  }

  /** The place that a cursor names in this very list. How many items a page has, and whether with values, may change. */
  read(cursor: string, list: Pick<ListPlace, "namespace" | "user" | "reverse" | "range">): ListPlace {
    const place = this.#decode(cursor);
    if (place === null) throw invalid("the query parameter cursor is not a cursor of this deployment");
    const same =
      place.namespace === list.namespace &&
      place.user === list.user &&
      place.reverse === list.reverse &&
      (place.range.length === 0 || equalBytes(place.range, list.range));
    if (!same) throw invalid("the query parameter cursor belongs to another list");
    return place;
  }

  #decode(cursor: string): ListPlace | null {
    const bytes = this.#signer.verify("c1", cursor);
    try {
      return bytes === null ? null : decodePageCursor(bytes);
    } catch {
      return null;
    }
  }
}

/** What tells one list of a user from another, short enough for an address. */
export function rangeDigest(prefix: string, start: string | undefined, end: string | undefined): Uint8Array {
  return digestOf([prefix, start ?? "", end ?? ""]).subarray(0, 8);
}
