import { describe, expect, it } from "vitest";
import { openApiDocument } from "../../src/api/openapi.ts";
import { pathForms } from "../../src/api/path-form.ts";
import { ROUTES, type RouteContract } from "../../src/api/route.ts";

interface Operation {
  readonly operationId: string;
  readonly parameters: readonly { readonly name: string; readonly in: string; readonly required: boolean }[];
  readonly responses: Record<string, unknown>;
}
interface Document {
  readonly openapi: string;
  readonly paths: Record<string, Record<string, Operation>>;
  readonly components: { readonly schemas: Record<string, unknown> };
}

const document = openApiDocument("1.0.0") as unknown as Document;
const operations = Object.entries(document.paths).flatMap(([path, item]) =>
  Object.entries(item).map(([method, operation]) => ({ path, method, operation })),
);

describe("the OpenAPI document", () => {
  it("lists every route in every form of its path", () => {
    const declared = Object.values<RouteContract>(ROUTES).flatMap(({ path, method }) =>
      pathForms(path).map((form) => `${method.toLowerCase()} ${form.path}`),
    );
    expect(operations.map(({ path, method }) => `${method} ${path}`).toSorted()).toEqual(declared.toSorted());
  });

  it("names every operation once", () => {
    const ids = operations.map(({ operation }) => operation.operationId);
    expect(new Set(ids).size).toBe(ids.length);
  });

  it("declares exactly the parameters that a path has", () => {
    for (const { path, operation } of operations) {
      const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name = ""]) => name).toSorted();
      const declared = operation.parameters.filter((each) => each.in === "path");
      expect(declared.map(({ name }) => name).toSorted(), path).toEqual(inPath);
      expect(declared.every(({ required }) => required)).toBe(true);
    }
  });

  it("refers to schemas that it has", () => {
    const references = [...JSON.stringify(document).matchAll(/"\$ref":"([^"]+)"/g)].map(
      ([, reference]) => reference,
    );
    expect(references.length).toBeGreaterThan(20);
    for (const reference of references) {
      const name = reference?.replace("#/components/schemas/", "") ?? "";
      expect(document.components.schemas, reference).toHaveProperty(name);
      expect(document.components.schemas[name]).not.toHaveProperty("$ref");
    }
  });

  it("says which problems an operation can end with", () => {
    const { responses } = document.paths["/v1/users/{user}/items/{key}"]?.["put"] ?? { responses: {} };
    expect(Object.keys(responses)).toEqual([
      "200",
      "201",
      "400",
      "401",
      "403",
      "404",
      "409",
      "412",
      "413",
      "422",
      "429",
      "500",
      "503",
      "504",
    ]);
  });
});
