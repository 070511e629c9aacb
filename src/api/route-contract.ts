/** What the declaration of a route says. Nothing of it is looked at while a request is served. */
import type { z } from "zod";
import type { Parameter } from "./parameter.ts";
import type { ProblemName } from "./problem.ts";
import type { OperationMembers } from "./problem-schema.ts";
import type { ResponseHeaderName } from "./response-header.ts";
import type { Tag } from "./tag.ts";

export type Method = "GET" | "PUT" | "DELETE" | "POST" | "PATCH";

export interface Answer {
  readonly description: string;
  /** Absent: no body. `bytes`: the stored value with its own content type. Of NDJSON: the schema of each line. */
  readonly body?: z.ZodType | "bytes" | "html" | "text";
  /** Content type of the body, where it is not the usual one of its kind. */
  readonly type?: string;
  /** The answer carries the headers of an answer about data. */
  readonly data?: boolean;
  /** Headers that this answer always has beyond those of its kind. */
  readonly headers?: readonly ResponseHeaderName[];
  /** Headers of its kind that it may lack. */
  readonly maybe?: readonly ResponseHeaderName[];
}

export interface RouteContract {
  readonly method: Method;
  /**
   * With `{user}`: under `/v1/users/{user}`, and also under `/v1/ns/{ns}/users/{user}` and `/v1/me`. `{key}` may contain `/`.
   */
  readonly path: string;
  readonly tag: Tag;
  readonly summary: string;
  readonly parameters: readonly Parameter[];
  /** Of NDJSON: the schema of each line. */
  readonly request?: z.ZodType | "bytes";
  /** Content type of the request's body, where it is not the usual one of its kind. */
  readonly requestType?: string;
  readonly answers: Readonly<Record<number, Answer>>;
  readonly problems: readonly ProblemName[];
  /** Members that its problems may have beside their own. */
  readonly problemMembers?: OperationMembers;
  /** No token needed. */
  readonly open?: boolean;
  /** Needs the scope admin. */
  readonly admin?: boolean;
  /** Of a GET: the document lists HEAD beside it, with this summary. */
  readonly head?: string;
}
