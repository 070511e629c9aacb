import { describe, expect, it } from "vitest";
import { openApiDocument } from "../../src/api/openapi.ts";
import { pathForms } from "../../src/api/path-form.ts";
import { ROUTES } from "../../src/api/route.ts";
import type { RouteContract } from "../../src/api/route-contract.ts";

interface Parameter {
  readonly name: string;
  readonly in: string;
  readonly required: boolean;
}
interface Operation {
  readonly operationId: string;
  readonly parameters?: readonly object[];
  readonly responses: Record<string, object>;
  readonly security?: readonly Record<string, readonly string[]>[];
  readonly tags: readonly string[];
}
interface Response {
  readonly headers: Record<string, object>;
  readonly content?: Record<string, { readonly examples?: Record<string, object> }>;
}
interface Document {
  readonly paths: Record<string, Record<string, Operation>>;
  readonly tags: readonly { readonly name: string }[];
}

const document = openApiDocument("1.0.0") as unknown as Document;
const operations = Object.entries(document.paths).flatMap(([path, item]) =>
  Object.entries(item).map(([method, operation]) => ({ path, method, operation })),
);

/** What a reference leads to. */
function resolved(value: object): object {
  if (!("$ref" in value) || typeof value.$ref !== "string") return value;
  const found = value.$ref
    .slice(2)
    .split("/")
    .reduce<unknown>((at, part) => (at as Record<string, unknown>)[part], document);
  expect(found, value.$ref).toBeDefined();
  return resolved(found as object);
}

describe("the OpenAPI document", () => {
  it("lists every route in every form of its path", () => {
    const declared = Object.values<RouteContract>(ROUTES).flatMap(({ path, method, head }) =>
      pathForms(path).flatMap((form) => [
        `${method.toLowerCase()} ${form.path}`,
        ...(head === undefined ? [] : [`head ${form.path}`]),
      ]),
    );
    expect(operations.map(({ path, method }) => `${method} ${path}`).toSorted()).toEqual(declared.toSorted());
  });

  it("names every operation once, and groups it under a tag that it explains", () => {
    const ids = operations.map(({ operation }) => operation.operationId);
    expect(new Set(ids).size).toBe(ids.length);
    const tags = document.tags.map(({ name }) => name);
    for (const { operation } of operations) for (const tag of operation.tags) expect(tags).toContain(tag);
  });

  it("declares exactly the parameters that a path has", () => {
    for (const { path, operation } of operations) {
      const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name = ""]) => name).toSorted();
      const declared = (operation.parameters ?? [])
        .map((each) => resolved(each) as Parameter)
        .filter((each) => each.in === "path");
      expect(declared.map(({ name }) => name).toSorted(), path).toEqual(inPath);
      expect(declared.every(({ required }) => required)).toBe(true);
    }
  });

  it("refers to nothing that it does not have", () => {
    const references = [...JSON.stringify(document).matchAll(/"\$ref":"([^"]+)"/g)];
    expect(references.length).toBeGreaterThan(100);
    for (const [, $ref = ""] of references) resolved({ $ref });
  });

  it("says which problems an operation can end with, and shows each", () => {
    const { responses = {} } = document.paths["/v1/users/{user}/items/{key}"]?.["put"] ?? {};
    const statuses = ["200", "201", "400", "401", "403", "404", "409", "412", "413", "422", "429"];
    expect(Object.keys(responses)).toEqual([...statuses, "500", "503", "504", "default"]);
    const { content = {}, headers } = resolved(responses["503"] ?? {}) as Response;
    const examples = content["application/problem+json"]?.examples ?? {};
    expect(Object.keys(examples).toSorted()).toEqual(["no-leader", "overloaded", "region-unavailable"]);
    expect(Object.keys(headers)).toContain("Retry-After");
  });

  it("gives every 401 its challenge, every 429 and 503 its wait", () => {
    const wanted: Record<string, string> = {
      401: "WWW-Authenticate",
      429: "Retry-After",
      503: "Retry-After",
    };
    for (const { operation } of operations) {
      for (const [status, name] of Object.entries(wanted)) {
        const response = operation.responses[status];
        if (response === undefined) continue;
        const header = (resolved(response) as Response).headers[name] ?? {};
        expect(resolved(header), operation.operationId).toMatchObject({ required: true });
      }
    }
  });

  it("asks for the scope admin where faults are made", () => {
    expect(document.paths["/v1/faults"]?.["put"]?.security).toEqual([{ bearer: ["admin"] }]);
    expect(document.paths["/v1/health"]?.["get"]?.security).toEqual([]);
    expect(document.paths["/v1/users/{user}/items"]?.["get"]?.security).toBeUndefined();
  });
});
