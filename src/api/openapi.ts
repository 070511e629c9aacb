/** The OpenAPI 3.1 document, out of the route contracts. Made once, when it is first asked for. */
import { z } from "zod";
import { HEADER } from "./header.ts";
import { PATH, type Parameter } from "./parameter.ts";
import { PROBLEM_CONTENT_TYPE, PROBLEMS } from "./problem.ts";
import { pathForms, type PathForm } from "./path-form.ts";
import { ROUTES, type Answer, type RouteContract } from "./route.ts";
import { Problem } from "./schema.ts";

type Json = Record<string, unknown>;

const OPERATION_SUFFIX: Record<PathForm, string> = {
  plain: "",
  user: "",
  namespace: "InNamespace",
  me: "OfMe",
  "namespace-me": "OfMeInNamespace",
};

const DATA_HEADERS: Readonly<Record<string, string>> = {
  [HEADER.session]: "Token covering what this answer showed or wrote, merged with the request's",
  [HEADER.servedBy]: "Region whose replica answered",
  [HEADER.home]: "The user's home region; absent for an unknown user",
  [HEADER.leader]:
    "Region that leads the user's log as far as that replica knows; absent for an unknown user",
  [HEADER.position]: "`origin.epoch.seq` of the last entry of the home log that the replica had applied",
  [HEADER.stalenessMs]: "Upper bound on the age of the answer, or `unknown`",
  [HEADER.anchored]: "`no`: served stale by request, no promise holds",
  [HEADER.etag]: "The item's version, opaque",
  [HEADER.serverTiming]: "route, wait, replica, total",
  [HEADER.trace]: "With Ithaca-Explain: JSON",
};

/** Collects named schemas as components and answers references to them. */
class Schemas {
  readonly components: Json = {};

  of(schema: z.ZodType): Json {
    const id = schema.meta()?.id;
    if (id === undefined) return this.#plain(schema);
    // A schema with an id comes back as a reference to itself, and its body among the definitions.
    if (this.components[id] === undefined) this.#plain(schema);
    return { $ref: `#/components/schemas/${id}` };
  }

  #plain(schema: z.ZodType): Json {
    const { $schema: _dialect, $defs, id: _id, ...rest } = z.toJSONSchema(schema, { io: "input" }) as Json;
    for (const [name, definition] of Object.entries(($defs ?? {}) as Record<string, Json>)) {
      const { id: _definitionId, ...body } = definition;
      this.components[name] ??= relink(body);
    }
    return relink(rest);
  }
}

/** References inside a schema lead to its own $defs: ours live among the components. */
function relink(schema: Json): Json {
  return JSON.parse(JSON.stringify(schema).replaceAll('"#/$defs/', '"#/components/schemas/')) as Json;
}

function parameter(schemas: Schemas, { name, in: place, required, description, schema }: Parameter): Json {
  return { name, in: place, required, description, schema: schemas.of(schema) };
}

function content(schemas: Schemas, body: Exclude<Answer["body"], undefined>): Json {
  if (body === "bytes") return { "*/*": { schema: {} } };
  if (body === "html") return { "text/html": { schema: { type: "string" } } };
  if (body === "text") return { "application/openmetrics-text": { schema: { type: "string" } } };
  return { "application/json": { schema: schemas.of(body) } };
}

function dataHeaders(): Json {
  return Object.fromEntries(
    Object.entries(DATA_HEADERS).map(([name, description]) => [
      name,
      { description, schema: { type: "string" } },
    ]),
  );
}

function operation(schemas: Schemas, id: string, route: RouteContract, form: PathForm): Json {
  const parameters = route.parameters.filter(({ name }) => !(form.endsWith("me") && name === PATH.user.name));
  if (form.startsWith("namespace")) parameters.unshift(PATH.ns);

  const responses: Json = {};
  for (const [status, answer] of Object.entries(route.answers)) {
    responses[status] = {
      description: answer.description,
      ...(answer.data === true ? { headers: dataHeaders() } : {}),
      ...(answer.body === undefined ? {} : { content: content(schemas, answer.body) }),
    };
  }
  for (const name of route.problems) {
    const { status, title } = PROBLEMS[name];
    const known = responses[status] as { description: string } | undefined;
    const line = `\`${name}\`: ${title}`;
    responses[status] = {
      description: known === undefined ? line : `${known.description}. ${line}`,
      content: { [PROBLEM_CONTENT_TYPE]: { schema: schemas.of(Problem) } },
    };
  }
  return {
    operationId: `${id}${OPERATION_SUFFIX[form]}`,
    tags: [route.tag],
    summary: route.summary,
    parameters: parameters.map((each) => parameter(schemas, each)),
    ...(route.request === undefined
      ? {}
      : { requestBody: { required: true, content: content(schemas, route.request) } }),
    responses,
    ...(route.open === true ? { security: [] } : {}),
  };
}

export function openApiDocument(version: string): Json {
  const schemas = new Schemas();
  const paths: Record<string, Json> = {};
  for (const [id, route] of Object.entries<RouteContract>(ROUTES)) {
    for (const { path, form } of pathForms(route.path)) {
      const item = (paths[path] ??= {});
      item[route.method.toLowerCase()] = operation(schemas, id, route, form);
    }
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "Ithaca",
      version,
      description:
        "A multi-region replicated store in which every user has a home region. Errors are RFC 9457 problems; every 429 and 503 has Retry-After.",
    },
    paths,
    components: {
      schemas: schemas.components,
      securitySchemes: { bearer: { type: "http", scheme: "bearer", bearerFormat: "JWT" } },
    },
    security: [{ bearer: [] }],
  };
}
