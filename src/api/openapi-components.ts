/**
 * What the OpenAPI document says once and refers to from many places: schemas, parameters, headers, answers. Each is made when it is
 * first referred to, so that nothing stands in the document that nothing needs.
 */
import { z } from "zod";
import { PATH, QUERY, type Parameter } from "./parameter.ts";
import type { ProblemName } from "./problem.ts";
import { problemExample } from "./problem-schema.ts";
import {
  RESPONSE_HEADERS,
  type HeaderUse,
  type ResponseHeader,
  type ResponseHeaderName,
} from "./response-header.ts";

export type Json = Record<string, unknown>;
export interface Reference {
  readonly $ref: string;
}

type Kind = "schemas" | "parameters" | "headers" | "examples" | "requestBodies" | "responses";

/** Two parameters may share a name in different places of a path: their names here are those of the lists they are in. */
const PARAMETER_KEYS = new Map<Parameter, string>(
  [...Object.entries<Parameter>(PATH), ...Object.entries<Parameter>(QUERY)].map(([key, each]) => [
    each,
    `${each.in}.${key}`,
  ]),
);

export class Components {
  readonly #made: Record<Kind, Json> = {
    schemas: {},
    parameters: {},
    headers: {},
    examples: {},
    requestBodies: {},
    responses: {},
  };

  get all(): Json {
    return Object.fromEntries(
      Object.entries(this.#made)
        .filter(([, made]) => Object.keys(made).length > 0)
        .map(([kind, made]) => [kind, sorted(made)]),
    );
  }

  refer(kind: Exclude<Kind, "schemas">, key: string, make: () => Json): Reference {
    this.#made[kind][key] ??= make();
    return { $ref: `#/components/${kind}/${key}` };
  }

  /** A schema with an id by reference, any other as it is. */
  schema(schema: z.ZodType): Json {
    const id = schema.meta()?.id;
    if (id === undefined) return this.#plain(schema);
    // A schema with an id comes back as a reference to itself, and its body among the definitions.
    if (this.#made.schemas[id] === undefined) this.#plain(schema);
    return { $ref: `#/components/schemas/${id}` };
  }

  #plain(schema: z.ZodType): Json {
    const { $schema: _dialect, $defs, id: _id, ...rest } = z.toJSONSchema(schema, { io: "input" }) as Json;
    for (const [name, definition] of Object.entries(($defs ?? {}) as Record<string, Json>)) {
      const { id: _definitionId, ...body } = definition;
      this.#made.schemas[name] ??= relink(body);
    }
    return relink(rest);
  }

  parameter(parameter: Parameter): Reference {
    const { name, in: place, required, description, schema, example } = parameter;
    return this.refer("parameters", PARAMETER_KEYS.get(parameter) ?? `${place}.${name}`, () => ({
      name,
      in: place,
      required,
      description,
      schema: this.schema(schema),
      ...(example === undefined ? {} : { example }),
    }));
  }

  /** Headers that an answer always has, and those that it may have: an object of its own says which. */
  headers({ always, maybe }: HeaderUse): Json {
    const all = [
      ...always.map((name) => [name, this.#header(name, true)] as const),
      ...maybe.map((name) => [name, this.#header(name, false)] as const),
    ];
    return Object.fromEntries(all);
  }

  #header(name: ResponseHeaderName, required: boolean): Reference {
    const { description, schema, example }: ResponseHeader = RESPONSE_HEADERS[name];
    return this.refer("headers", required ? name : `${name}.optional`, () => ({
      description,
      required,
      schema: this.schema(schema),
      ...(example === undefined ? {} : { example }),
    }));
  }

  problemExample(name: ProblemName): Reference {
    return this.refer("examples", `problem.${name}`, () => ({ value: problemExample(name) }));
  }
}

/** References inside a schema lead to its own $defs: ours live among the components. */
function relink(schema: Json): Json {
  return JSON.parse(JSON.stringify(schema).replaceAll('"#/$defs/', '"#/components/schemas/')) as Json;
}

function sorted(made: Json): Json {
  return Object.fromEntries(Object.entries(made).toSorted(([a], [b]) => (a < b ? -1 : 1)));
}
