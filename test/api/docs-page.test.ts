import { describe, expect, it } from "vitest";
import { curlOf } from "../../src/api/curl.ts";
import { docsPage } from "../../src/api/docs-page.ts";
import { markdownHtml } from "../../src/api/markdown.ts";
import { openApiDocument } from "../../src/api/openapi.ts";
import { problemIndex, problemPage } from "../../src/api/problem-page.ts";
import { PROBLEMS, type ProblemName } from "../../src/api/problem.ts";
import { ROUTES } from "../../src/api/route.ts";
import type { RouteContract } from "../../src/api/route-contract.ts";

const ORIGIN = "https://store.example";
const document = openApiDocument("1.0.0");
const page = docsPage(document, ORIGIN);
const names = Object.keys(PROBLEMS) as ProblemName[];
const pages: readonly (readonly [string, string])[] = [
  ["/docs", page],
  ["/problems", problemIndex()],
  ...names.map((name) => [`/problems/${name}`, problemPage(name)] as const),
];

describe("every page", () => {
  it.each(pages)("%s loads nothing and runs nothing", (_, html) => {
    expect(html).not.toMatch(/<(script|img|iframe|object|embed|form|base)\b/i);
    expect(html).not.toMatch(/\s(src|srcset|style|on\w+)=/i);
    expect(html).not.toMatch(/url\(|@import/i);
    const links = [...html.matchAll(/<link\b[^>]*>/g)].map(([link]) => link);
    expect(links).toEqual(['<link rel="icon" href="data:,">']);
  });

  it.each(pages)("%s is well formed: what is opened is closed", (_, html) => {
    const open: string[] = [];
    for (const [, slash, name = ""] of html.matchAll(/<(\/?)([a-z][a-z0-9]*)\b[^>]*>/g)) {
      if (["meta", "link", "br"].includes(name)) continue;
      if (slash === "") open.push(name);
      else expect(open.pop()).toBe(name);
    }
    expect(open).toEqual([]);
  });

  it.each(pages)("%s leads to where it says", (_, html) => {
    const ids = [...page.matchAll(/ id="([^"]+)"/g)].map(([, id]) => id);
    expect(new Set(ids).size).toBe(ids.length);
    const targets = [...html.matchAll(/<a href="([^"]+)"/g)].map(([, href = ""]) => href);
    for (const target of targets) {
      const anchor = /^(?:\/docs)?#(.+)$/.exec(target)?.[1];
      const problem = /^\/problems\/(.+)$/.exec(target)?.[1];
      if (anchor !== undefined) expect(ids, target).toContain(anchor);
      else if (problem !== undefined) expect(names, target).toContain(problem);
      else expect(["/docs", "/problems", "/openapi.json"]).toContain(target);
    }
  });
});

describe("the page at /docs", () => {
  it("shows every operation once, with what it takes and answers", () => {
    for (const [id, route] of Object.entries<RouteContract>(ROUTES)) {
      const article = page.split(`<article class="op" id="${id}">`)[1]?.split("</article>")[0] ?? "";
      expect(article, id).toContain(route.path);
      for (const { name } of route.parameters) expect(article, id).toContain(name);
      for (const status of Object.keys(route.answers)) expect(article, id).toContain(`>${status}<`);
      for (const name of route.problems) expect(article, id).toContain(`/problems/${name}"`);
    }
  });

  it("has examples that run where it was served", () => {
    expect(page).toContain(`curl -i ${ORIGIN}/v1/users/alice/items/notes/today`);
    expect(page).not.toContain("127.0.0.1");
  });

  it("escapes what it is told of its origin", () => {
    expect(docsPage(document, 'https://a"><script>')).not.toContain("<script>");
  });
});

describe("a problem's page", () => {
  it.each(names)("%s says what it means, what to do, and what it looks like", (name) => {
    const html = problemPage(name);
    for (const part of [name, String(PROBLEMS[name].status), "What to do", `/problems/${name}&quot;`]) {
      expect(html).toContain(part);
    }
  });
});

describe("Markdown", () => {
  it.each([
    ["a `<b>` & [`c`](/d)", '<p>a <code>&lt;b&gt;</code> &amp; <a href="/d"><code>c</code></a></p>'],
    ["one\ntwo\n\nthree", "<p>one two</p>\n<p>three</p>"],
    ["- a\n  b\n- c", "<ul>\n<li>a b</li>\n<li>c</li>\n</ul>"],
    ["```sh\na <b\n```", "<pre><code>a &lt;b</code></pre>"],
    ["**x** [y] (z)", "<p><strong>x</strong> [y] (z)</p>"],
  ])("%j", (text, html) => {
    expect(markdownHtml(text)).toBe(html);
  });
});

it("an example is a command line that a shell reads as it is meant", () => {
  const call = { path: "/a?b=c&d", headers: { "X-Y": "it's" }, body: { z: "'" }, status: 200 };
  expect(curlOf("PUT", call)).toBe(
    `curl -i -X PUT 'http://127.0.0.1:8787/a?b=c&d' \\\n  -H 'X-Y: it'\\''s' \\\n  --data-binary '{"z":"'\\''"}'`,
  );
  expect(curlOf("POST", { path: "/a/$ID", status: 200 })).toBe(
    'curl -i -X POST "http://127.0.0.1:8787/a/$ID"',
  );
});
