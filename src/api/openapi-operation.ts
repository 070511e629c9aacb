/**
 * One operation of the OpenAPI document.
 *
 * A path about a user comes in four forms, which take and answer the same. What they share (bodies and answers) stands among the
 * components and each form refers to it; only what differs, who is meant, is in the operation itself.
 */
import { curlOf } from "./curl.ts";
import { NDJSON_CONTENT_TYPE } from "./header.ts";
import type { Components, Json, Reference } from "./openapi-components.ts";
import { OPERATION_TEXTS, type OperationText } from "./operation-text.ts";
import { problemsOf } from "./openapi-problem.ts";
import { PATH } from "./parameter.ts";
import type { PathForm } from "./path-form.ts";
import { SOCKET_HEADERS, successHeaders } from "./response-header.ts";
import type { RouteId } from "./route.ts";
import type { Answer, RouteContract } from "./route-contract.ts";

interface FormText {
  readonly suffix: string;
  readonly tag: string | null;
  /** Added to the summary. */
  readonly summary: string;
  readonly description: (id: string) => string;
}

const FORMS: Record<PathForm, FormText> = {
  plain: { suffix: "", tag: null, summary: "", description: () => "" },
  user: { suffix: "", tag: null, summary: "", description: () => "" },
  namespace: {
    suffix: "InNamespace",
    tag: "namespaces",
    summary: ", in a namespace",
    description: (id) => `\`${id}\` for a user of another namespace.`,
  },
  me: {
    suffix: "OfMe",
    tag: "me",
    summary: ", as the caller's own",
    description: (id) => `\`${id}\` for the user that the token names.`,
  },
  "namespace-me": {
    suffix: "OfMeInNamespace",
    tag: "me",
    summary: ", as the caller's own in a namespace",
    description: (id) => `\`${id}\` for the user that the token names, in another namespace.`,
  },
  store: { suffix: "", tag: null, summary: "", description: () => "" },
  "namespace-store": {
    suffix: "InNamespace",
    tag: "namespaces",
    summary: ", in a namespace",
    description: (id) => `\`${id}\` for users of another namespace.`,
  },
};

export interface OperationPlace {
  readonly id: RouteId;
  readonly route: RouteContract;
  readonly form: PathForm;
}

export function operationOf(components: Components, place: OperationPlace): Json {
  const { id, route, form } = place;
  const { suffix, tag, summary, description } = FORMS[form];
  const text = OPERATION_TEXTS[id];
  return {
    operationId: `${id}${suffix}`,
    tags: [tag ?? route.tag],
    summary: `${route.summary}${summary}`,
    description: description(id) || text.description,
    ...securityOf(route),
    ...parametersOf(components, route, form),
    ...requestOf(components, place, text),
    responses: responsesOf(components, place, text),
    ...(tag !== null ? {} : codeSampleOf(route, text)),
  };
}

/** GET without the body of its answer. Every GET answers HEAD; it is listed where the API names it. */
export function headOperationOf(
  components: Components,
  { id, route, form }: OperationPlace,
  head: string,
): Json {
  const { suffix, tag, summary } = FORMS[form];
  const headers = Object.entries(route.answers).map(([status, answer]) => [
    status,
    components.refer("responses", `${id}.head.${status}`, () => ({
      description: `${answer.description}, without its body`,
      headers: components.headers(headersOf(route, answer)),
    })),
  ]);
  return {
    operationId: `${id}Head${suffix}`,
    tags: [tag ?? route.tag],
    summary: `${head}${summary}`,
    description: `Status and headers of \`${id}\`. A problem has no body here either.`,
    ...securityOf(route),
    ...parametersOf(components, route, form),
    responses: { ...Object.fromEntries(headers), ...problemsOf(components, route) },
  };
}

/** A command line that does it: several readers of such documents show it beside the operation. */
function codeSampleOf({ method }: RouteContract, { example }: OperationText): Json {
  if (example === undefined) return {};
  return { "x-codeSamples": [{ lang: "Shell", label: "curl", source: curlOf(method, example) }] };
}

function securityOf(route: RouteContract): Json {
  if (route.open === true) return { security: [] };
  return route.admin === true ? { security: [{ bearer: ["admin"] }] } : {};
}

function parametersOf(components: Components, route: RouteContract, form: PathForm): Json {
  const parameters = route.parameters.filter((each) => !(form.endsWith("me") && each === PATH.user));
  if (form.startsWith("namespace")) parameters.unshift(PATH.ns);
  if (parameters.length === 0) return {};
  return { parameters: parameters.map((each) => components.parameter(each)) };
}

function requestOf(components: Components, { id, route, form }: OperationPlace, text: OperationText): Json {
  const { request } = route;
  if (request === undefined) return {};
  const make = () => ({
    required: true,
    content: contentOf(components, request, route.requestType, text.example?.body),
  });
  return { requestBody: form === "plain" ? make() : components.refer("requestBodies", id, make) };
}

function responsesOf(components: Components, { id, route, form }: OperationPlace, text: OperationText): Json {
  const responses: Record<string, Json | Reference> = {};
  for (const [status, answer] of Object.entries(route.answers)) {
    const make = () => ({
      description: answer.description,
      headers: components.headers(status === "101" ? SOCKET_HEADERS : headersOf(route, answer)),
      ...(answer.body === undefined
        ? {}
        : {
            content: contentOf(
              components,
              answer.body,
              answer.type,
              text.example?.status === Number(status) ? text.example.answer : undefined,
            ),
          }),
    });
    responses[status] = form === "plain" ? make() : components.refer("responses", `${id}.${status}`, make);
  }
  return { ...responses, ...problemsOf(components, route) };
}

function headersOf(route: RouteContract, { data = false, headers = [], maybe = [] }: Answer) {
  return successHeaders({ data, perUser: route.path.includes("{user}"), more: headers, maybe });
}

type Body = Exclude<Answer["body"], undefined>;

function contentOf(components: Components, body: Body, type: string | undefined, example: unknown): Json {
  const shown =
    example === undefined ? {} : { example: type === NDJSON_CONTENT_TYPE ? firstLine(example) : example };
  switch (body) {
    case "bytes":
      return { [type ?? "*/*"]: { schema: {} } };
    case "html":
      return { "text/html": { schema: { type: "string" } } };
    case "text":
      return { [type ?? "application/openmetrics-text"]: { schema: { type: "string" } } };
    default:
      return { [type ?? "application/json"]: { schema: components.schema(body), ...shown } };
  }
}

/** The schema of such a body is that of a line. */
function firstLine(lines: unknown): unknown {
  return typeof lines === "string" ? JSON.parse(lines.split("\n", 1)[0] ?? "") : lines;
}
