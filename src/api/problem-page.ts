/** The page behind a problem's `type`: what it means and what to do, for the person who reads the log line. */
import { PROBLEMS, type DefiniteRule, type ProblemName } from "./problem.ts";

const DEFINITE_TEXT: Record<DefiniteRule, string> = {
  always: "Surely nothing was done.",
  "unless-unanswered":
    "Nothing was done, unless an internal attempt was sent and not answered; `definite` in the body says which.",
  never: "For a write: it may have been done. A read does nothing.",
};

/** Our own texts only: nothing of a request reaches these pages. */
function escape(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

function page(title: string, body: string): string {
  return `<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${escape(title)}</title>
<style>body{font:16px/1.5 system-ui,sans-serif;max-width:42rem;margin:3rem auto;padding:0 1rem}code{background:#8882;padding:0 .2em}</style>
${body}
</html>
`;
}

function prose(text: string): string {
  return escape(text).replaceAll(/`([^`]+)`/g, "<code>$1</code>");
}

export function problemPage(name: ProblemName): string {
  const { status, title, text, definite, retryable } = PROBLEMS[name];
  return page(
    `${name}: ${title}`,
    `<h1>${escape(title)}</h1>
<p><code>${status}</code> <code>${name}</code></p>
<p>${prose(text)}</p>
<p>${prose(DEFINITE_TEXT[definite])} ${retryable ? "The same request may succeed later." : "Repeating the same request does not help."}</p>
<p><a href="/problems">All problems</a></p>`,
  );
}

export function problemIndex(): string {
  const rows = Object.entries(PROBLEMS).map(
    ([name, { status, title }]) =>
      `<li><a href="/problems/${name}"><code>${status} ${name}</code></a> ${escape(title)}</li>`,
  );
  return page("Problems", `<h1>Problems</h1><ul>${rows.join("\n")}</ul>`);
}
