/** The OpenAPI document as the page at /docs needs it: references followed, and in the order in which it is read. */
import { PROBLEM_CONTENT_TYPE } from "./problem.ts";

type Json = Readonly<Record<string, unknown>>;

export interface ParameterView {
  readonly name: string;
  readonly in: "path" | "query" | "header";
  readonly required: boolean;
  readonly description: string;
  readonly schema: Json;
}

export interface HeaderView {
  readonly name: string;
  readonly description: string;
  readonly required: boolean;
  readonly example?: string;
}

export interface ContentView {
  readonly type: string;
  readonly schema: Json;
  readonly example?: unknown;
}

export interface AnswerView {
  readonly status: string;
  readonly description: string;
  readonly headers: readonly HeaderView[];
  readonly content: readonly ContentView[];
  /** Names of problems; empty for an answer that is none. */
  readonly problems: readonly ProblemView[];
}

export interface ProblemView {
  readonly name: string;
  readonly status: string;
  readonly title: string;
}

export interface OperationView {
  readonly id: string;
  readonly method: string;
  readonly path: string;
  readonly tag: string;
  readonly summary: string;
  readonly description: string;
  readonly open: boolean;
  readonly admin: boolean;
  readonly parameters: readonly ParameterView[];
  readonly body: readonly ContentView[];
  readonly answers: readonly AnswerView[];
  readonly curl: string | null;
}

export interface TagView {
  readonly name: string;
  readonly description: string;
}

const METHODS = ["get", "head", "put", "post", "patch", "delete"];
/** Tags of the further forms of a user's path: the same operations again. */
const FORM_TAGS = new Set(["me", "namespaces"]);

export class OpenApiReader {
  readonly #document: Json;
  readonly title: string;
  readonly summary: string;
  readonly version: string;
  readonly description: string;
  readonly tags: readonly TagView[];
  readonly operations: readonly OperationView[];

  constructor(document: unknown) {
    this.#document = document as Json;
    const info = this.#document["info"] as Record<"title" | "summary" | "version" | "description", string>;
    ({
      title: this.title,
      summary: this.summary,
      version: this.version,
      description: this.description,
    } = info);
    this.tags = this.#document["tags"] as TagView[];
    this.operations = Object.entries(this.#document["paths"] as Record<string, Json>).flatMap(
      ([path, item]) =>
        METHODS.filter((method) => item[method] !== undefined).map((method) =>
          this.#operation(path, method, item[method] as Json),
        ),
    );
  }

  isFormTag(tag: string): boolean {
    return FORM_TAGS.has(tag);
  }

  get headerParameters(): ParameterView[] {
    return distinct(
      this.operations.flatMap(({ parameters }) => parameters.filter((each) => each.in === "header")),
    );
  }

  get responseHeaders(): HeaderView[] {
    return distinct(this.operations.flatMap(({ answers }) => answers.flatMap(({ headers }) => headers)));
  }

  get problems(): ProblemView[] {
    const all = this.operations.flatMap(({ answers }) => answers.flatMap(({ problems }) => problems));
    return distinct(all).toSorted((a, b) => Number(a.status) - Number(b.status));
  }

  /** Named schemas but for those of problems, which have pages of their own. */
  get bodySchemas(): [name: string, schema: Json][] {
    const { schemas } = this.#document["components"] as { readonly schemas: Record<string, Json> };
    return Object.entries(schemas).filter(([name]) => !/^Problem./.test(name));
  }

  #operation(path: string, method: string, operation: Json): OperationView {
    const security = operation["security"] as readonly Record<string, readonly string[]>[] | undefined;
    const samples = operation["x-codeSamples"] as readonly { readonly source: string }[] | undefined;
    const body = operation["requestBody"] as Json | undefined;
    return {
      id: operation["operationId"] as string,
      method,
      path,
      tag: (operation["tags"] as string[])[0] ?? "",
      summary: operation["summary"] as string,
      description: operation["description"] as string,
      open: security?.length === 0,
      admin: security?.some(({ bearer }) => bearer?.includes("admin")) ?? false,
      parameters: ((operation["parameters"] ?? []) as Json[]).map(
        (each) => this.#resolved(each) as unknown as ParameterView,
      ),
      body: body === undefined ? [] : this.#content(this.#resolved(body)),
      answers: Object.entries(operation["responses"] as Record<string, Json>)
        .filter(([status]) => status !== "default")
        .map(([status, answer]) => this.#answer(status, this.#resolved(answer))),
      curl: samples?.[0]?.source ?? null,
    };
  }

  #answer(status: string, answer: Json): AnswerView {
    const content = (answer["content"] ?? {}) as Record<string, { readonly examples?: Record<string, Json> }>;
    const examples = content[PROBLEM_CONTENT_TYPE]?.examples ?? {};
    return {
      status,
      description: answer["description"] as string,
      headers: Object.entries((answer["headers"] ?? {}) as Record<string, Json>).map(
        ([name, header]) => ({ name, ...this.#resolved(header) }) as HeaderView,
      ),
      content: this.#content(answer),
      problems: Object.entries(examples).map(([name, example]) => ({
        name,
        status,
        title: (this.#resolved(example)["value"] as { readonly title: string }).title,
      })),
    };
  }

  #content(of: Json): ContentView[] {
    return Object.entries((of["content"] ?? {}) as Record<string, Omit<ContentView, "type">>).map(
      ([type, media]) => ({ type, ...media }),
    );
  }

  #resolved(value: Json): Json {
    const { $ref } = value;
    if (typeof $ref !== "string") return value;
    let at: unknown = this.#document;
    for (const part of $ref.slice(2).split("/")) at = (at as Record<string, unknown>)[part];
    return this.#resolved(at as Json);
  }
}

function distinct<T extends { readonly name: string }>(all: readonly T[]): T[] {
  return [...new Map(all.map((each) => [each.name, each])).values()].toSorted((a, b) =>
    a.name < b.name ? -1 : 1,
  );
}
