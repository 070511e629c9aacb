/**
 * The page at /docs: the OpenAPI document for a person to read, from the first request to the last header. It is made out of the document
 * and of nothing else, so that the two cannot differ.
 */
import { EXAMPLE_ORIGIN } from "./curl.ts";
import { operationHtml } from "./docs-operation.ts";
import { inlineHtml, markdownHtml, tableOf } from "./markdown.ts";
import { OpenApiReader, type OperationView } from "./openapi-reader.ts";
import { escapeHtml, pageHtml } from "./page.ts";
import { schemaRows, typeText } from "./schema-text.ts";

interface Section {
  readonly id: string;
  readonly title: string;
  readonly html: string;
  /** What of it stands in the contents, beside itself. */
  readonly entries?: readonly { readonly id: string; readonly html: string }[];
}

/** `origin`: of the deployment that serves the page, so that its examples run as they stand. */
export function docsPage(document: unknown, origin: string): string {
  const reader = new OpenApiReader(document);
  const sections = [
    ...guideSections(reader),
    ...operationSections(reader),
    { ...formsSection(reader), entries: [] },
    parameterSection(reader),
    headerSection(reader),
    bodySection(reader),
    problemSection(reader),
  ];
  const main = [
    `<h1>${escapeHtml(reader.title)}</h1>`,
    `<p class="lead">${escapeHtml(reader.summary)}. Version ${escapeHtml(reader.version)} of the HTTP API; <a href="/openapi.json">as an OpenAPI document</a>.</p>`,
    ...sections.map(
      ({ id, title, html }) => `<section id="${id}">\n<h2>${escapeHtml(title)}</h2>\n${html}\n</section>`,
    ),
  ].join("\n");
  const page = pageHtml({ title: `${reader.title}: HTTP API`, main, contents: contentsHtml(sections) });
  return page.replaceAll(EXAMPLE_ORIGIN, escapeHtml(origin));
}

function contentsHtml(sections: readonly Section[]): string {
  const lines = sections.flatMap(({ id, title, entries }) => {
    const own = `<li${entries === undefined ? "" : ' class="group"'}><a href="#${id}">${escapeHtml(title)}</a></li>`;
    return [own, ...(entries ?? []).map((entry) => `<li><a href="#${entry.id}">${entry.html}</a></li>`)];
  });
  return `<ul>\n${lines.join("\n")}\n</ul>`;
}

/** The chapters of the document's description. */
function guideSections({ description }: OpenApiReader): Section[] {
  return description
    .split(/^## /m)
    .filter((chapter) => chapter.trim() !== "")
    .map((chapter) => {
      const end = chapter.indexOf("\n");
      const title = chapter.slice(0, end).trim();
      return { id: idOf(title), title, html: markdownHtml(chapter.slice(end)) };
    });
}

function operationSections(reader: OpenApiReader): Section[] {
  return reader.tags
    .map((tag) => ({ tag, operations: reader.operations.filter((each) => each.tag === tag.name) }))
    .filter(({ tag, operations }) => operations.length > 0 && !reader.isFormTag(tag.name))
    .map(({ tag, operations }) => ({
      id: `tag-${tag.name}`,
      title: capital(tag.name),
      html: [markdownHtml(tag.description), ...operations.map((operation) => operationHtml(operation))].join(
        "\n",
      ),
      entries: operations.map((operation) => ({ id: operation.id, html: entryHtml(operation) })),
    }));
}

function entryHtml({ method, summary }: OperationView): string {
  return `<span class="method ${method}">${method.toUpperCase()}</span><span>${escapeHtml(summary)}</span>`;
}

function formsSection(reader: OpenApiReader): Section {
  const tags = reader.tags.filter(({ name }) => reader.isFormTag(name));
  return {
    id: "forms",
    title: "Other forms of a user's path",
    html: tags
      .map(
        ({ name, description }) => `<h3 id="tag-${name}">${capital(name)}</h3>\n${markdownHtml(description)}`,
      )
      .join("\n"),
  };
}

function parameterSection(reader: OpenApiReader): Section {
  const rows = reader.headerParameters.map(({ name, description, schema }) => [
    `<code id="request-${name.toLowerCase()}">${name}</code>`,
    `<span class="type">${escapeHtml(typeText(schema))}</span>`,
    inlineHtml(description),
  ]);
  return {
    id: "request-headers",
    title: "Headers of requests",
    html: `<p>Each operation lists the ones that it takes. A value that is not of the header's list is 400.</p>\n${tableOf(["header", "values", "meaning"], rows)}`,
  };
}

function headerSection(reader: OpenApiReader): Section {
  const rows = reader.responseHeaders.map(({ name, description, example }) => [
    `<code id="answer-${name.toLowerCase()}">${name}</code>`,
    `${inlineHtml(description)}${example === undefined ? "" : `<br><code>${escapeHtml(example)}</code>`}`,
  ]);
  return {
    id: "answer-headers",
    title: "Headers of answers",
    html: tableOf(["header", "meaning"], rows),
  };
}

function bodySection(reader: OpenApiReader): Section {
  const parts = reader.bodySchemas.map(([name, schema]) => {
    const text =
      typeof schema["description"] === "string" ? `<p>${inlineHtml(schema["description"])}</p>` : "";
    const rows = schemaRows(schema).map(({ path, type, description }) => [
      `<code>${escapeHtml(path)}</code>`,
      `<span class="type">${type}</span>`,
      inlineHtml(description),
    ]);
    return `<h3 id="body-${name}">${name}</h3>\n${text}\n${rows.length === 0 ? "" : tableOf(["member", "type", "meaning"], rows)}`;
  });
  return {
    id: "bodies",
    title: "Bodies",
    html: `<p>A member with a <code>?</code> may be absent. Answers may come to have further members: ignore those that you do not know.</p>\n${parts.join("\n")}`,
  };
}

function problemSection(reader: OpenApiReader): Section {
  const rows = reader.problems.map(({ name, status, title }) => [
    `<span class="status">${status}</span>`,
    `<a href="/problems/${name}"><code>${name}</code></a>`,
    escapeHtml(title),
  ]);
  return {
    id: "problems",
    title: "Problems",
    html: `<p>Every refusal is a body of the type <code>application/problem+json</code> (RFC 9457). Its <code>type</code> leads to a page that says what it means and what to do.</p>\n${tableOf(["status", "problem", "meaning"], rows)}`,
  };
}

function idOf(title: string): string {
  return title.toLowerCase().replaceAll(/[^a-z0-9]+/g, "-");
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
