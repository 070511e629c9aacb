/** The page behind a problem's `type`: what it means and what to do, for the person who reads the log line. */
import { codeHtml, inlineHtml, tableOf } from "./markdown.ts";
import { escapeHtml, pageHtml } from "./page.ts";
import { PROBLEM_ADVICE } from "./problem-advice.ts";
import { problemExample } from "./problem-schema.ts";
import { PROBLEMS, type DefiniteRule, type ProblemName } from "./problem.ts";
import { ROUTES } from "./route.ts";
import type { RouteContract } from "./route-contract.ts";

const DEFINITE_TEXT: Record<DefiniteRule, string> = {
  always: "Surely nothing was done.",
  "unless-unanswered":
    "Nothing was done, unless an attempt within the store was sent and not answered: `definite` in the body says which. A read does nothing, so it is always definite.",
  never: "A write may have been done: `definite` is false. A read does nothing, so it is always definite.",
};

export function problemPage(name: ProblemName): string {
  const { status, title, text, definite, retryable } = PROBLEMS[name];
  const paragraph = (words: string) => `<p>${inlineHtml(words)}</p>`;
  const main = [
    `<p class="note"><a href="/docs">Ithaca</a> / <a href="/problems">Problems</a></p>`,
    `<h1>${escapeHtml(title)}</h1>`,
    `<p class="lead"><code>${status}</code> <code>${name}</code></p>`,
    "<h2>What it means</h2>",
    paragraph(text),
    "<h2>What to do</h2>",
    paragraph(PROBLEM_ADVICE[name]),
    "<h2>May I repeat the request?</h2>",
    paragraph(DEFINITE_TEXT[definite]),
    paragraph(
      retryable
        ? "`retryable` is true: the same request may succeed later."
        : "`retryable` is false: the same request meets the same answer until something else changes.",
    ),
    "<h2>What it looks like</h2>",
    codeHtml(JSON.stringify(problemExample(name), null, 2)),
    ...whoAnswers(name),
  ];
  return pageHtml({ title: `${name}: ${title}`, main: main.join("\n") });
}

function whoAnswers(name: ProblemName): string[] {
  const routes = Object.entries<RouteContract>(ROUTES).filter(([, { problems }]) => problems.includes(name));
  if (routes.length === 0) return [];
  const rows = routes.map(([id, { method, path, summary }]) => [
    `<span class="method ${method.toLowerCase()}">${method}</span>`,
    `<code>${escapeHtml(path)}</code>`,
    `<a href="/docs#${id}">${escapeHtml(summary)}</a>`,
  ]);
  return ["<h2>Who answers it</h2>", tableOf(["method", "path", "operation"], rows)];
}

export function problemIndex(): string {
  const rows = Object.entries(PROBLEMS)
    .toSorted(([, a], [, b]) => a.status - b.status)
    .map(([name, { status, title, definite, retryable }]) => [
      `<span class="status">${status}</span>`,
      `<a href="/problems/${name}"><code>${name}</code></a>`,
      escapeHtml(title),
      { always: "no", "unless-unanswered": "if not <code>definite</code>", never: "maybe" }[definite],
      retryable ? "yes" : "no",
    ]);
  const main = [
    '<p class="note"><a href="/docs">Ithaca</a></p>',
    "<h1>Problems</h1>",
    '<p class="lead">Every way in which a request can be refused. The body is of the type <code>application/problem+json</code> (RFC 9457), and its <code>type</code> leads to one of these pages.</p>',
    tableOf(["status", "problem", "meaning", "may a write have been done?", "can repeating help?"], rows),
  ];
  return pageHtml({ title: "Problems", main: main.join("\n") });
}
