/**
 * The OpenAPI document as a judge: what it lists, and whether an answer is what it says.
 *
 * Strict in both directions. What the document promises has to be there, and what it does not mention must not: no other status, header,
 * content type or member. So an answer's objects are taken as closed here, although a client is told to expect new members.
 */
import { Ajv2020, type ValidateFunction } from "ajv/dist/2020.js";
import formats from "ajv-formats";

type Json = Readonly<Record<string, unknown>>;

export interface ParameterSpec {
  readonly name: string;
  readonly in: "path" | "query" | "header";
  readonly required: boolean;
  readonly schema: Json;
  readonly example?: string | number;
}

export interface ResponseSpec {
  readonly description: string;
  readonly headers: Readonly<Record<string, { readonly required: boolean; readonly schema: Json }>>;
  readonly content: Readonly<Record<string, { readonly schema: Json; readonly example?: unknown }>>;
  /** Names of the problems that the answer may be. */
  readonly problems: readonly string[];
}

export interface OperationSpec {
  readonly id: string;
  readonly method: string;
  readonly path: string;
  readonly tag: string;
  readonly parameters: readonly ParameterSpec[];
  readonly requestBody: { readonly content: Readonly<Record<string, { readonly schema: Json }>> } | null;
  /** By status; "default" is not among them. */
  readonly responses: ReadonlyMap<number, ResponseSpec>;
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly bytes: Uint8Array;
}

const METHODS = ["get", "head", "put", "post", "patch", "delete"];

/** Of the connection and of the body's coding, not of the API. */
const TRANSPORT_HEADERS = new Set([
  "connection",
  "content-length",
  "content-type",
  "date",
  "keep-alive",
  "sec-websocket-accept",
  "transfer-encoding",
  "upgrade",
]);

export class ApiDocument {
  readonly json: Json;
  readonly operations: readonly OperationSpec[];
  readonly #ajv = new Ajv2020({ allErrors: true, strict: true });
  readonly #validators = new Map<object, ValidateFunction>();

  constructor(json: unknown) {
    this.json = json as Json;
    formats.default(this.#ajv);
    const { schemas } = this.json["components"] as { readonly schemas: Json };
    this.#ajv.addSchema({ $id: "document", $defs: relinked(closed(schemas)) });
    this.operations = Object.entries(this.json["paths"] as Record<string, Record<string, Json>>).flatMap(
      ([path, item]) =>
        METHODS.flatMap((method) => {
          const operation = item[method];
          return operation === undefined ? [] : [this.#operation(path, method, operation)];
        }),
    );
  }

  operation(id: string): OperationSpec {
    const found = this.operations.find((each) => each.id === id);
    if (found === undefined) throw new Error(`the document has no operation ${id}`);
    return found;
  }

  /** What of the answer is not as the document has it, each as a sentence; empty when all is. */
  differences(operation: OperationSpec, answer: Answer): string[] {
    const spec = operation.responses.get(answer.status);
    if (spec === undefined) return [`status ${answer.status} is not documented: ${textOf(answer)}`];
    return [...this.#headerDifferences(spec, answer), ...this.#bodyDifferences(operation, spec, answer)];
  }

  /** What is wrong with a value by a schema of the document. */
  violations(schema: Json, value: unknown): string[] {
    let validate = this.#validators.get(schema);
    if (validate === undefined) {
      validate = this.#ajv.compile(relinked(closed(schema)) as object);
      this.#validators.set(schema, validate);
    }
    if (validate(value)) return [];
    return (validate.errors ?? []).map(
      ({ instancePath, message = "", params }) => `body${instancePath} ${message} ${JSON.stringify(params)}`,
    );
  }

  #headerDifferences({ headers }: ResponseSpec, answer: Answer): string[] {
    const known = new Map(Object.entries(headers).map(([name, header]) => [name.toLowerCase(), header]));
    const missing = [...known].flatMap(([name, { required }]) =>
      required && !answer.headers.has(name) ? [`header ${name} is missing`] : [],
    );
    const wrong = [...answer.headers].flatMap(([name, value]) => {
      const header = known.get(name);
      if (header !== undefined)
        return this.violations(header.schema, value).map((told) => `header ${name}: ${told}`);
      return TRANSPORT_HEADERS.has(name) ? [] : [`header ${name} is not documented`];
    });
    return [...missing, ...wrong];
  }

  #bodyDifferences({ method }: OperationSpec, { content }: ResponseSpec, answer: Answer): string[] {
    if (method === "head" || Object.keys(content).length === 0) {
      return answer.bytes.byteLength === 0 ? [] : ["there is a body, and none is documented"];
    }
    const type = (answer.headers.get("Content-Type") ?? "").split(";", 1)[0]?.trim() ?? "";
    const media = content[type] ?? content["*/*"];
    if (media === undefined) return [`content type "${type}" is not documented: ${textOf(answer)}`];
    if (type === "application/x-ndjson") {
      const lines = textOf(answer).split("\n");
      const unended = lines.pop() === "" ? [] : ["the last line is not ended"];
      return [...unended, ...lines.flatMap((line) => this.#jsonViolations(media.schema, line))];
    }
    if (content[type] === undefined || !type.endsWith("json")) return [];
    return this.#jsonViolations(media.schema, textOf(answer));
  }

  #jsonViolations(schema: Json, text: string): string[] {
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch {
      return [`the body is not JSON: ${text}`];
    }
    return this.violations(schema, value).map((told) => `${told}: ${text}`);
  }

  #operation(path: string, method: string, operation: Json): OperationSpec {
    const responses = Object.entries(operation["responses"] as Record<string, Json>)
      .filter(([status]) => status !== "default")
      .map(([status, response]) => [Number(status), this.#response(response)] as const);
    const body = operation["requestBody"] as Json | undefined;
    return {
      id: operation["operationId"] as string,
      method,
      path,
      tag: (operation["tags"] as string[])[0] ?? "",
      parameters: ((operation["parameters"] ?? []) as Json[]).map(
        (each) => this.resolved(each) as unknown as ParameterSpec,
      ),
      requestBody:
        body === undefined ? null : (this.resolved(body) as unknown as OperationSpec["requestBody"]),
      responses: new Map(responses),
    };
  }

  #response(response: Json): ResponseSpec {
    const { description, headers, content } = this.resolved(response) as {
      readonly description: string;
      readonly headers?: Record<string, Json>;
      readonly content?: ResponseSpec["content"];
    };
    const problem = content?.["application/problem+json"] as { readonly examples?: Json } | undefined;
    return {
      description,
      content: content ?? {},
      headers: Object.fromEntries(
        Object.entries(headers ?? {}).map(([name, header]) => [name, this.resolved(header)]),
      ) as unknown as ResponseSpec["headers"],
      problems: Object.keys(problem?.examples ?? {}),
    };
  }

  resolved(value: Json): Json {
    const { $ref } = value;
    if (typeof $ref !== "string") return value;
    let at: unknown = this.json;
    for (const part of $ref.slice(2).split("/")) at = (at as Record<string, unknown>)[part];
    if (typeof at !== "object" || at === null) throw new Error(`${$ref} leads nowhere`);
    return this.resolved(at as Json);
  }
}

function textOf({ bytes }: Answer): string {
  return new TextDecoder().decode(bytes);
}

function relinked(schema: unknown): unknown {
  return JSON.parse(JSON.stringify(schema).replaceAll('"#/components/schemas/', '"document#/$defs/'));
}

/** Objects take no member that is not listed, unless the schema says that it is open. */
function closed(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(closed);
  if (typeof schema !== "object" || schema === null) return schema;
  const inner = Object.fromEntries(Object.entries(schema).map(([name, part]) => [name, closed(part)]));
  const listsMembers = inner["type"] === "object" && typeof inner["properties"] === "object";
  return listsMembers && inner["additionalProperties"] === undefined
    ? { ...inner, additionalProperties: false }
    : inner;
}
