/**
 * What the OpenAPI document says of each operation beyond its one-line summary, and an example of it. The examples are real: run in
 * the order in which they stand here, against an empty store, each answers with its status.
 */
import type { RouteId } from "./route.ts";

export interface ExampleCall {
  /** Path and query, as they would stand in a URL. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** An object is sent as JSON. */
  readonly body?: unknown;
  readonly status: number;
  /** The body of the answer, where it is JSON. */
  readonly answer?: unknown;
}

export interface OperationText {
  readonly description: string;
  readonly example?: ExampleCall;
}

export const OPERATION_TEXTS: Partial<Record<RouteId, OperationText>> = {
  readMany: {
    description:
      "Whoever sees an effect in the answer also sees its causes (the answer to a question and the question), across users, partitions and regions, at every level but `eventual`, where each item is shown as it is at hand. At `strong` each item is linearizable besides. Usually all replicas are asked once and at the same time; where a cause is late, those that lack it are asked again, within `Ithaca-Timeout-Ms`. `Ithaca-Served-By` names all regions that answered and `Ithaca-Staleness-Ms` the greatest bound; `Ithaca-Home`, `Ithaca-Leader` and `Ithaca-Position`, which speak of one user, are absent. One item that the caller may not read refuses the whole request and is named. An answer above 16 MiB is refused.",
    example: {
      path: "/v1/read",
      body: { reads: [{ user: "alice", key: "notes/never-written" }] },
      status: 200,
      answer: { items: [{ user: "alice", key: "notes/never-written", found: false }] },
    },
  },
  listChanges: {
    description:
      "Committed changes only, so none is ever taken back; in the order in which they were made, none twice and none left out, from whatever region is near. A page answers with a cursor, and `after` that cursor the next one begins, in any region, also after a failover; a page without changes may have a new cursor too, so keep it. Without `after` it begins with the user's first write. With `waitMs` the answer comes as soon as there is a change: ask again with its cursor at once, and nothing is missed in between. Changes are kept for a day: 410 `cursor-expired` carries a new cursor, and listing the items with that answer's Ithaca-Session, then following from its cursor, misses nothing. 404 until the user has a home, by a first write or by choosing one.",
  },
};
