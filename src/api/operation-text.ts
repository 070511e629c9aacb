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

export const OPERATION_TEXTS: Partial<Record<RouteId, OperationText>> = {};
