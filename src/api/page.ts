/**
 * The frame of every page that is served: one style, no script, nothing from elsewhere. Only our own texts reach these pages, and
 * they are escaped all the same.
 */

export function escapeHtml(text: string): string {
  return text
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");
}

/** As it stands in the style element: the page's content security policy names its digest. */
export const PAGE_STYLE = `
:root{color-scheme:light dark;--ink:#1c2024;--soft:#5b6570;--paper:#fff;--shade:#f5f6f8;--line:#dfe3e8;--link:#0b57d0;
--get:#0b6e4f;--put:#8a5a00;--post:#0b57d0;--delete:#b3261e;--patch:#6a3fa0;--head:#5b6570}
@media (prefers-color-scheme:dark){:root{--ink:#e4e7eb;--soft:#9aa5b1;--paper:#14171a;--shade:#1e2328;--line:#333a42;--link:#8ab4f8;
--get:#5fd3a5;--put:#e6b450;--post:#8ab4f8;--delete:#ff8a80;--patch:#c7a6f5;--head:#9aa5b1}}
*{box-sizing:border-box}
html{scroll-padding-top:1rem;-webkit-text-size-adjust:100%}
body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.6 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
a{color:var(--link);text-decoration-thickness:1px;text-underline-offset:2px}
h1{font-size:2rem;line-height:1.2;margin:0 0 .25rem}
h2{font-size:1.5rem;line-height:1.3;margin:3.5rem 0 1rem;padding-top:1rem;border-top:1px solid var(--line)}
h3{font-size:1.15rem;line-height:1.4;margin:2.5rem 0 .5rem}
h4{font-size:.95rem;margin:1.25rem 0 .4rem}
p,ul,ol{margin:.6rem 0}
li{margin:.2rem 0}
code,pre{font:.875em/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace}
code{background:var(--shade);border-radius:3px;padding:.1em .3em;overflow-wrap:anywhere}
pre{background:var(--shade);border:1px solid var(--line);border-radius:6px;padding:.75rem 1rem;overflow-x:auto;margin:.6rem 0}
pre code{background:none;padding:0;overflow-wrap:normal}
.lead{color:var(--soft);font-size:1.1rem;margin:0 0 1.5rem}
.wide{overflow-x:auto;margin:.6rem 0}
table{border-collapse:collapse;width:100%;font-size:.925rem}
th,td{text-align:left;vertical-align:top;padding:.4rem .75rem .4rem 0;border-bottom:1px solid var(--line)}
th{font-weight:600;color:var(--soft)}
td:first-child code{white-space:nowrap}
.type{color:var(--soft);font-size:.875rem}
.method{display:inline-block;min-width:3.6em;font:700 .8rem/1.4 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;letter-spacing:.02em}
.get{color:var(--get)}.put{color:var(--put)}.post{color:var(--post)}.delete{color:var(--delete)}.patch{color:var(--patch)}.head{color:var(--head)}
.route{background:var(--shade);border:1px solid var(--line);border-radius:6px;padding:.5rem .75rem;margin:.5rem 0;overflow-x:auto;white-space:nowrap}
.route code{background:none;padding:0}
.note{color:var(--soft);font-size:.925rem}
.status{font-weight:600}
.op{padding-bottom:.5rem}
details{margin:.6rem 0}
summary{cursor:pointer;color:var(--link)}
nav ul{list-style:none;margin:0;padding:0}
nav li{margin:0}
nav a{display:block;padding:.15rem 0;color:inherit;text-decoration:none;font-size:.9rem;line-height:1.4}
nav a:hover{text-decoration:underline}
nav a:has(.method){display:grid;grid-template-columns:4em 1fr}
nav .method{min-width:0;font-size:.7rem;line-height:1.8}
nav .group{font-weight:600;margin-top:1rem;color:var(--soft);font-size:.8rem;text-transform:uppercase;letter-spacing:.05em}
.side{display:none}
main{max-width:52rem;margin:0 auto;padding:2rem 1.25rem 6rem}
@media (min-width:64rem){
.frame{display:grid;grid-template-columns:17rem minmax(0,1fr);max-width:78rem;margin:0 auto}
.side{display:block;position:sticky;top:0;height:100vh;overflow-y:auto;padding:2rem 1rem 2rem 1.5rem;border-right:1px solid var(--line)}
.phone{display:none}
main{margin:0;padding:2.5rem 3rem 8rem}}
@media print{.side,.phone{display:none}}
`;

export interface Page {
  readonly title: string;
  readonly main: string;
  /** Beside the text where there is room, before it where there is not. */
  readonly contents?: string;
}

export function pageHtml({ title, main, contents }: Page): string {
  const body =
    contents === undefined
      ? `<main>\n${main}\n</main>`
      : `<div class="frame">
<nav class="side" aria-label="Contents">\n${contents}\n</nav>
<main>
<details class="phone"><summary>Contents</summary><nav aria-label="Contents">\n${contents}\n</nav></details>
${main}
</main>
</div>`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(title)}</title>
<link rel="icon" href="data:,">
<style>${PAGE_STYLE}</style>
</head>
<body>
${body}
</body>
</html>
`;
}
