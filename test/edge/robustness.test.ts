/**
 * Requests made up out of the document: right ones, wrong ones, and ones that are neither. Whatever comes, the answer is one that the document
 * lists for the operation, in every header and member; and never 500.
 */
import fc from "fast-check";
import { expect, it } from "vitest";
import { openApiDocument } from "../../src/api/openapi.ts";
import type { ClientReply, ClientRequest } from "../../src/replication/request.ts";
import { ApiDocument, type OperationSpec, type ParameterSpec } from "../support/api-document.ts";
import { bench } from "./support/deployment.ts";
import {
  facts,
  homeReply,
  item,
  receipt,
  unavailable,
  VERSION,
  WEUR,
  written,
} from "./support/fake-regions.ts";

const SEED = 20_261_126;
const RUNS = 300;
/** What a caller would wait for is waited for in earnest. */
const PATIENCE = ["Ithaca-Timeout-Ms", "waitMs"];
const PATIENCE_MS = 20;

const document = new ApiDocument(openApiDocument("1.0.0"));

/** What a path may be answered that is not the operation's at all. */
const PATH_STATUSES = new Set([400, 404, 405]);

type Json = Readonly<Record<string, unknown>>;

interface MadeUp {
  readonly operation: OperationSpec;
  readonly path: string;
  readonly headers: readonly (readonly [string, string])[];
  readonly body: Uint8Array<ArrayBuffer> | undefined;
  /** Which of its answers the replica gives. */
  readonly choice: number;
}

/** What fits into a header: the platform refuses the rest before we see it. */
const headerText = fc.string({
  unit: fc.integer({ min: 0x20, max: 0x7e }).map((code) => String.fromCharCode(code)),
  maxLength: 40,
});
const anyText = fc.oneof(
  fc.string({ unit: "grapheme", maxLength: 20 }),
  fc.constantFrom("", ".", "..", "a/../b", "a//b", "\u0000", "💥", "k".repeat(600)),
);

/** A value that a schema takes, as text. */
function fitting({ name, schema, example }: ParameterSpec): fc.Arbitrary<string> {
  const resolved = document.resolved(schema);
  const { type, minimum, maximum, enum: values } = resolved;
  if (PATIENCE.includes(name)) return fc.integer({ min: 1, max: PATIENCE_MS }).map(String);
  if (example !== undefined) return fc.constant(String(example));
  if (typeof resolved["const"] === "string") return fc.constant(resolved["const"]);
  if (Array.isArray(values)) return fc.constantFrom(...values.map(String));
  if (type === "boolean") return fc.constantFrom("true", "false");
  if (type === "integer") {
    return fc.integer({ min: Number(minimum ?? 0), max: Math.min(Number(maximum ?? 1e6), 1e6) }).map(String);
  }
  return fc.constantFrom("weur", "user", "session", "*", '"weur.16.7"', "a");
}

/** Mostly right: a request that is wrong in everything is refused for the first thing and tells nothing of the rest. */
function valueOf(parameter: ParameterSpec): fc.Arbitrary<string> {
  return fc.oneof(
    { arbitrary: fitting(parameter), weight: 6 },
    { arbitrary: parameter.in === "header" ? headerText : anyText, weight: 1 },
  );
}

function jsonOf(schema: Json): fc.Arbitrary<unknown> {
  const { type, properties, enum: values, oneOf, anyOf, items } = document.resolved(schema);
  const variants = (oneOf ?? anyOf) as readonly Json[] | undefined;
  if (variants !== undefined) return fc.oneof(...variants.map(jsonOf));
  if (type === "object") {
    const members = Object.entries((properties ?? {}) as Record<string, Json>);
    const record = fc.record(Object.fromEntries(members.map(([name, member]) => [name, jsonOf(member)])), {
      requiredKeys: [],
    });
    return fc.oneof({ arbitrary: record, weight: 8 }, { arbitrary: fc.jsonValue(), weight: 1 });
  }
  if (type === "array") return fc.array(jsonOf((items ?? {}) as Json), { maxLength: 4 });
  if (Array.isArray(values)) return fc.constantFrom<unknown>(...(values as unknown[]));
  if (type === "integer") return fc.integer({ min: -10, max: 700_000 });
  if (type === "number") return fc.double();
  return fc.oneof(
    fc.constantFrom<unknown>("weur", "apac", "put", "delete", "k", "aGk=", 5, null, true),
    fc.jsonValue(),
  );
}

function bodyOf({ requestBody }: OperationSpec): fc.Arbitrary<Uint8Array<ArrayBuffer> | undefined> {
  const encode = (text: string) => new TextEncoder().encode(text);
  const junk = fc.uint8Array({ maxLength: 60 }).map((bytes) => new Uint8Array(bytes));
  const schema = Object.values(requestBody?.content ?? {})[0]?.schema;
  if (schema === undefined) return fc.constant(undefined);
  return fc.oneof(
    { arbitrary: jsonOf(schema).map((value) => encode(JSON.stringify(value))), weight: 4 },
    { arbitrary: junk, weight: 1 },
    { arbitrary: fc.constant(undefined), weight: 1 },
  );
}

function contentTypeOf({ requestBody }: OperationSpec): fc.Arbitrary<string> {
  const types = Object.keys(requestBody?.content ?? {}).filter((type) => !type.includes("*"));
  return fc.constantFrom(...types, ...types, "application/json", "text/plain", "nonsense");
}

function madeUp(operation: OperationSpec): fc.Arbitrary<MadeUp> {
  const { parameters } = operation;
  const values = fc.tuple(
    ...parameters.map((each) => {
      const value = valueOf(each);
      if (each.required) return value;
      return fc.oneof({ arbitrary: fc.constant(null), weight: 5 }, { arbitrary: value, weight: 1 });
    }),
  );
  return fc
    .record({
      operation: fc.constant(operation),
      values,
      body: bodyOf(operation),
      contentType: contentTypeOf(operation),
      choice: fc.nat(50),
    })
    .map(({ values, contentType, ...rest }) => {
      let { path } = operation;
      const query: string[] = [];
      const headers: [string, string][] = rest.body === undefined ? [] : [["Content-Type", contentType]];
      for (const [at, { name, in: place }] of parameters.entries()) {
        const value = values[at];
        if (value === null || value === undefined) continue;
        if (place === "path")
          path = path.replace(`{${name}}`, () =>
            encodeURIComponent(value.toWellFormed()).replaceAll("%2F", "/"),
          );
        else if (place === "query") query.push(`${name}=${encodeURIComponent(value.toWellFormed())}`);
        else headers.push([name, value]);
      }
      return { ...rest, path: query.length === 0 ? path : `${path}?${query.join("&")}`, headers };
    });
}

/** What a replica may say to a request; which of it, the test chooses. */
function repliesTo(request: ClientRequest): readonly ClientReply[] {
  const overloaded = { kind: "refused", reason: "overloaded", retryAfterMs: 1_500 } as const;
  const lost = { kind: "refused", reason: "session-lost", lost: [VERSION], facts: facts() } as const;
  switch (request.op) {
    case "read":
      if (request.what.kind === "list") {
        const { item: shown } = item() as Extract<ClientReply, { kind: "item" }>;
        const list = { kind: "list", items: shown === null ? [] : [shown], facts: facts() } as const;
        return [list, { ...list, next: "k" }, overloaded, lost];
      }
      return [item(), item("not json"), { kind: "item", item: null, facts: facts() }, overloaded, lost];
    case "write":
      return [
        written({ status: request.command.kind === "put" ? 201 : 200 }),
        written({ status: 200 }),
        { kind: "concern-timeout", status: 200, receipt: receipt(), facts: facts() },
        { kind: "refused", reason: "not-found", facts: facts() },
        { kind: "refused", reason: "precondition-failed", current: null, facts: facts() },
        { kind: "refused", reason: "idempotency-key-reused" },
        { kind: "refused", reason: "rpo-bound", retryAfterMs: 10 },
        overloaded,
        lost,
      ];
    case "receipt":
      return [
        { kind: "receipt", receipt: receipt(), state: "pending", met: true, facts: facts() },
        { kind: "refused", reason: "no-receipt" },
        overloaded,
      ];
    case "home":
    case "claim":
      return [homeReply(WEUR), overloaded];
    default:
      return [];
  }
}

/** The first form of a path more often than the others. */
const anyOperation = fc.oneof(
  ...document.operations.map((operation) => ({
    arbitrary: madeUp(operation),
    weight: ["me", "namespaces"].includes(operation.tag) ? 1 : 4,
  })),
);

it.each([
  ["open", {}],
  ["asked who they are", { authMode: "jwt", authSecret: "s".repeat(32), localDev: false } as const],
] as const)("no request meets a mistake of ours: callers are %s", { timeout: 60_000 }, async (_, more) => {
  const seen = new Set<number>();
  const { send, regions } = bench(() => item(), more);
  const property = fc.asyncProperty(anyOperation, async (made) => {
    const { operation, path, headers, body, choice } = made;
    regions.answer = ({ request }) => {
      const replies = repliesTo(request);
      return replies[choice % Math.max(1, replies.length)] ?? unavailable("refused", false);
    };
    const sent = new Headers(headers.map(([name, value]): [string, string] => [name, value]));
    if (!sent.has("Ithaca-Timeout-Ms")) sent.set("Ithaca-Timeout-Ms", String(PATIENCE_MS));
    const init = { headers: sent, ...(body === undefined ? {} : { body }) };
    const response = await send(operation.method.toUpperCase(), path, init);
    const bytes = new Uint8Array(await response.arrayBuffer());
    seen.add(response.status);
    const told = `${operation.method} ${path}: ${response.status} ${new TextDecoder().decode(bytes)}`;
    expect(response.status, told).not.toBe(500);
    // A name that is no name leads to another path, or to none.
    if (operation.responses.has(response.status) || !PATH_STATUSES.has(response.status)) {
      const head = operation.method === "head" ? new Uint8Array() : bytes;
      const reply = { status: response.status, headers: response.headers, bytes: head };
      expect(document.differences(operation, reply), told).toEqual([]);
    }
  });
  await fc.assert(property, { seed: SEED, numRuns: RUNS });
  for (const status of more === undefined || !("authMode" in more) ? [200, 400, 404, 503] : [400, 401]) {
    expect([...seen], "it reached what it is for").toContain(status);
  }
});
