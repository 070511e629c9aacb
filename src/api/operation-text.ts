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
};
