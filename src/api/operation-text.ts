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
  openLive: {
    description:
      "The changes of `listChanges` as they are committed. Each message is a page as JSON text, `{changes, cursor}`: whole transactions, in order. The first comes at once, with what there is after `after` (perhaps nothing); a message without changes only brings a newer cursor. Keep the last cursor: after the socket has closed, for whatever reason, open another with `after` that cursor, in any region, and nothing is missed. A message may come a second time after a crash: its positions tell. The client says nothing but, if it likes, the text `ping`, which is answered `pong`; anything else closes the socket with 1008. It is closed with 4410 when the cursor has expired meanwhile: `listChanges` with it then answers what to do. It is closed with 1011 where an injected fault cuts it off. A request without `Upgrade: websocket` is 400. Browsers: the page's origin has to be allowed as for CORS, or be the server's own; who may follow is judged when the socket opens. An idle socket costs nothing.",
  },
  createTicket: {
    description:
      "Whoever may read all of a user's keys may have a ticket for that user's live feed or changes, and hand it to a client that cannot send headers: `?ticket=` in place of Authorization. Whoever brings it counts as placed where it was made, unless the request says otherwise. A ticket that was used, or whose minute is over, is 401.",
  },
  listChanges: {
    description:
      "Committed changes only, so none is ever taken back; in the order in which they were made, none twice and none left out, from whatever region is near. A page answers with a cursor, and `after` that cursor the next one begins, in any region, also after a failover; a page without changes may have a new cursor too, so keep it. Without `after` it begins with the user's first write. With `waitMs` the answer comes as soon as there is a change: ask again with its cursor at once, and nothing is missed in between. Changes are kept for a day: 410 `cursor-expired` carries a new cursor, and listing the items with that answer's Ithaca-Session, then following from its cursor, misses nothing. 404 until the user has a home, by a first write or by choosing one.",
  },
};
