/** What the document shows as an example is what it says of the thing. */
import { describe, expect, it } from "vitest";
import { openApiDocument } from "../../src/api/openapi.ts";
import { ApiDocument } from "../support/api-document.ts";

const document = new ApiDocument(openApiDocument("1.0.0"));

describe("examples in the document", () => {
  it.each(document.operations.map((operation) => [operation.id, operation] as const))(
    "of %s",
    (_, operation) => {
      for (const { name, schema, example } of operation.parameters) {
        if (example !== undefined) expect(document.violations(schema, example), name).toEqual([]);
      }
      for (const [status, { content }] of operation.responses) {
        for (const { schema, example } of Object.values(content)) {
          if (example !== undefined) expect(document.violations(schema, example), String(status)).toEqual([]);
        }
      }
    },
  );

  it("of every problem", () => {
    const { examples } = document.json["components"] as {
      readonly examples: Record<string, { readonly value: { readonly type: string } }>;
    };
    const listed = document.operations.flatMap(({ responses }) => [...responses]);
    for (const { value } of Object.values(examples)) {
      const name = value.type.replace("/problems/", "");
      const [, response] = listed.find(([, { problems }]) => problems.includes(name)) ?? [];
      const { schema = {} } = response?.content["application/problem+json"] ?? {};
      expect(document.violations(schema, value), name).toEqual([]);
      expect(document.violations(schema, { ...value, status: 1 }), name).not.toEqual([]);
      expect(document.violations(schema, { ...value, surplus: 1 }), name).not.toEqual([]);
    }
  });
});
