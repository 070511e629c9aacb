/** One operation on the page at /docs. */
import { codeHtml, inlineHtml, markdownHtml, tableOf } from "./markdown.ts";
import type { AnswerView, ContentView, OperationView, ProblemView } from "./openapi-reader.ts";
import { escapeHtml } from "./page.ts";
import { linkOf, typeText } from "./schema-text.ts";

export function operationHtml(operation: OperationView): string {
  const { id, method, path, summary, description } = operation;
  return `<article class="op" id="${id}">
<h3>${escapeHtml(summary)}</h3>
<div class="route"><span class="method ${method}">${method.toUpperCase()}</span> <code>${escapeHtml(path)}</code></div>
${[
  markdownHtml(description),
  accessHtml(operation),
  parametersHtml(operation),
  bodyHtml(operation),
  exampleHtml(operation),
  answersHtml(operation),
  problemsHtml(operation),
]
  .filter((part) => part !== "")
  .join("\n")}
</article>`;
}

function accessHtml({ open, admin }: OperationView): string {
  if (admin) return '<p class="note">Needs the scope <code>admin</code>.</p>';
  return open ? '<p class="note">Needs no token.</p>' : "";
}

function parametersHtml({ parameters }: OperationView): string {
  const rows = parameters
    .filter((each) => each.in !== "header")
    .map(({ name, in: place, description, schema, required }) => [
      `<code>${name}${required ? "" : "?"}</code>`,
      `<span class="type">${place}; ${escapeHtml(typeText(schema))}</span>`,
      inlineHtml(description),
    ]);
  const headers = parameters
    .filter((each) => each.in === "header")
    .map(({ name }) => `<a href="#request-${name.toLowerCase()}"><code>${name}</code></a>`);
  return [
    rows.length === 0 ? "" : `<h4>Parameters</h4>\n${tableOf(["name", "in", "meaning"], rows)}`,
    headers.length === 0 ? "" : `<p class="note">Headers that it takes: ${headers.join(", ")}.</p>`,
  ]
    .filter((part) => part !== "")
    .join("\n");
}

function bodyHtml({ body }: OperationView): string {
  if (body.length === 0) return "";
  return `<p class="note">Body: ${body.map(contentText).join(" or ")}.</p>`;
}

function exampleHtml({ curl, answers }: OperationView): string {
  if (curl === null) return "";
  const shown = answers.flatMap(({ content }) => content).find(({ example }) => example !== undefined);
  const answer = shown === undefined ? "" : `\n<p class="note">answers</p>\n${codeHtml(exampleText(shown))}`;
  return `<h4>Example</h4>\n${codeHtml(curl)}${answer}`;
}

function exampleText({ type, example }: ContentView): string {
  return type === "application/x-ndjson" || typeof example === "string"
    ? String(example)
    : JSON.stringify(example, null, 2);
}

function answersHtml({ answers }: OperationView): string {
  const rows = answers
    .filter(({ problems }) => problems.length === 0)
    .map(({ status, description, content, headers }) => [
      `<span class="status">${status}</span>`,
      `${inlineHtml(description)}${content.length === 0 ? "" : `: ${content.map(contentText).join(" or ")}`}`,
      headersText(headers),
    ]);
  return `<h4>Answers</h4>\n${tableOf(["status", "body", "headers"], rows)}`;
}

function headersText(headers: AnswerView["headers"]): string {
  const ofData = headers.some(({ name }) => name === "Ithaca-Session");
  const named = headers
    .filter(({ required, name }) => required && ["ETag", "Retry-After"].includes(name))
    .map(({ name }) => `<a href="#answer-${name.toLowerCase()}"><code>${name}</code></a>`);
  const all = ofData ? ["those of data"] : [];
  return [...named, ...all.map((text) => `<a href="#answer-headers">${text}</a>`)].join(", ");
}

function contentText({ type, schema }: ContentView): string {
  const link = linkOf(schema);
  if (link !== null) return link;
  return type === "*/*" ? "any bytes, with their content type" : `<code>${escapeHtml(type)}</code>`;
}

function problemsHtml({ answers }: OperationView): string {
  const lines = answers
    .filter(({ problems }) => problems.length > 0)
    .map(
      ({ status, problems }) =>
        `<span class="status">${status}</span> ${problems.map(problemLink).join(", ")}`,
    );
  return lines.length === 0 ? "" : `<h4>Problems</h4>\n<p>${lines.join("; ")}</p>`;
}

function problemLink({ name, title }: ProblemView): string {
  return `<a href="/problems/${name}" title="${escapeHtml(title)}"><code>${name}</code></a>`;
}
