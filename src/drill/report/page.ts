/** The report as one page that needs nothing else: no script, no font, no picture from anywhere. The verdict comes first. */
import { escapeXml as escape } from "./chart.ts";
import { figuresOf } from "./figures.ts";
import { headlineOf, isOpen } from "./headline.ts";
import { lagPictures, latencyPicture, leadersPicture, throughputPictures } from "./pictures.ts";
import { countsText } from "./promises.ts";
import type { Report } from "./report.ts";
import { armedText } from "./summary.ts";

const VIOLATIONS_SHOWN = 10;
const LOST_SHOWN = 30;
const ROWS_SHOWN = 300;
const KEY = [
  "Green: answered. Red: refused or failed, surely without effect. Orange: no answer came, and nobody knows.",
  "Shaded: a fault was in force. Dashed: another region was first seen to lead a log.",
  "A log is the writes of the users at home in one region, of one partition of them. One region leads it: writes go through that one.",
];

export function pageOf(report: Report): string {
  const passed = report.verdict === "passed";
  const title = `${passed ? "Passed" : isOpen(report) ? "Failed, nothing proved" : "Failed"}: ${report.scenario}`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>${escape(title)}</title>
<style>${STYLE}</style>
</head>
<body>
<header class="${passed ? "passed" : "failed"}">
<h1>${escape(title)}</h1>
<dl>${headlineOf(report)
    .map(({ question, answer }) => `<dt>${escape(question)}</dt><dd>${prose(answer)}</dd>`)
    .join("")}</dl>
</header>
<main>
${brokenSection(report)}
<section><h2>Over time</h2>
<ul class="key">${KEY.map((line) => `<li>${line}</li>`).join("")}</ul>
${[...throughputPictures(report), ...lagPictures(report), leadersPicture(report), latencyPicture(report)]
  .map((picture) => `<figure>${picture}</figure>`)
  .join("\n")}
</section>
<section><h2>In numbers</h2>
<table>${figuresOf(report)
    .map(
      ({ name, value, meaning }) =>
        `<tr><th scope="row">${escape(name)}</th><td>${escape(value)}<p class="key">${prose(meaning)}</p></td></tr>`,
    )
    .join("")}</table></section>
${planSection(report)}
${lostSection(report)}
<section><h2>What was checked</h2>
<table><thead><tr><th>check</th><th>result</th><th>the promise, and how often it was looked at</th></tr></thead><tbody>${report.checks
    .map(({ checker, promise, ok, counted }) => {
      const result = ok === true ? "kept" : ok === false ? "not kept" : "undecided";
      return `<tr><th scope="row">${escape(checker)}</th><td class="${ok === true ? "good" : "bad"}">${result}</td><td>${prose(promise)}<p class="key">${escape(countsText(counted))}</p></td></tr>`;
    })
    .join("")}</tbody></table></section>
<section><h2>How it was made</h2>
<p>${escape(report.injection)}</p>
<dl>${circumstances(report)
    .map(([name, value]) => `<dt>${escape(name)}</dt><dd>${escape(value)}</dd>`)
    .join("")}</dl>
<details><summary>The scenario</summary><pre>${escape(report.scenarioText)}</pre></details>
</section>
</main>
</body>
</html>
`;
}

/** What stands between backticks is what somebody types. */
function prose(words: string): string {
  return escape(words).replaceAll(/`([^`]+)`/gu, "<code>$1</code>");
}

function brokenSection({ checks }: Report): string {
  const broken = checks.filter(({ ok }) => ok !== true);
  if (broken.length === 0) return "";
  const items = broken.map(({ checker, ok, violations, violationsCount }) => {
    const shown = violations.slice(0, VIOLATIONS_SHOWN).map(({ message }) => `<li>${escape(message)}</li>`);
    const rest = violationsCount - shown.length;
    const more = rest > 0 ? `<li>and ${rest} more</li>` : "";
    return `<h3>${escape(checker)}${ok === "undecided" ? " (undecided, which counts as failed)" : ""}</h3><ul>${shown.join("")}${more}</ul>`;
  });
  return `<section><h2>What did not pass</h2>${items.join("")}</section>`;
}

function planSection({ faults, takeovers, notes }: Report): string {
  const seconds = (ms: number | undefined): string =>
    ms === undefined ? "not seen" : `${(ms / 1_000).toFixed(2)} s`;
  const rows = [
    ...faults.map(({ text, atMs, endedMs }) => ({ atMs, what: text, more: `until ${seconds(endedMs)}` })),
    ...takeovers.map(({ log, from, to, atMs, takenMs, fault }) => ({
      atMs,
      what: `log ${log}: ${to} leads after ${from}`,
      more:
        fault === null
          ? "no fault of this drill came before"
          : `${seconds(takenMs ?? undefined)} after ${fault}`,
    })),
  ].toSorted((a, b) => a.atMs - b.atMs);
  const rest = rows.length - ROWS_SHOWN;
  const more = rest > 0 ? `<p>and ${rest} more, in report.json</p>` : "";
  return `<section><h2>In order</h2><p class="key">Seconds since the drill began, as in the pictures.</p><table><tbody>${rows
    .slice(0, ROWS_SHOWN)
    .map(
      ({ atMs, what, more }) =>
        `<tr><th scope="row">${seconds(atMs)}</th><td>${escape(what)}</td><td>${escape(more)}</td></tr>`,
    )
    .join(
      "",
    )}</tbody></table>${more}${notes.map((note) => `<p class="key">${escape(note)}</p>`).join("")}</section>`;
}

function lostSection({ lostWrites, divergentWrites, rpo }: Report): string {
  const rows = lostWrites
    .slice(0, LOST_SHOWN)
    .map(
      ({ user, key, position, concern, state }) =>
        `<tr><td>${[position, user, key ?? "", concern, state].map(escape).join("</td><td>")}</td></tr>`,
    );
  const divergent =
    "reason" in divergentWrites
      ? `Where divergent writes are is not known: ${divergentWrites.reason}.`
      : `${divergentWrites.count} divergent writes are kept for their users at /v1/users/{user}/divergent.`;
  const table =
    rows.length === 0
      ? "<p>No acknowledged write was lost.</p>"
      : `<table><thead><tr><th>position</th><th>user</th><th>key</th><th>concern</th><th>now</th></tr></thead><tbody>${rows.join("")}</tbody></table>`;
  const more =
    rpo.writes > rows.length
      ? `<p>and ${rpo.writes - rows.length} more, in report.json and history.jsonl</p>`
      : "";
  return `<section><h2>Lost writes</h2>${table}${more}<p>${escape(divergent)}</p></section>`;
}

function circumstances(report: Report): (readonly [string, string])[] {
  const { own, keptIn, target, versions, startedAt, seed, command, phases } = report;
  return [
    [
      "store",
      own
        ? `started for this drill, on this machine; its data in ${keptIn === "memory" ? "memory" : "files on disk"}`
        : target,
    ],
    ["begun", startedAt],
    ["armed", armedText(report)],
    ["seed", String(seed)],
    ["again with", command],
    [
      "versions",
      Object.entries(versions)
        .map(([name, version]) => `${name} ${version}`)
        .join(", "),
    ],
    [
      "phases",
      phases.map(({ name, fromMs, toMs }) => `${name} ${((toMs - fromMs) / 1_000).toFixed(1)} s`).join(", "),
    ],
  ];
}

const STYLE = `
body{margin:0;font:15px/1.5 system-ui,sans-serif;color:#1f2328;background:#f6f8fa}
header{padding:1.5rem max(1rem,calc(50% - 30rem));color:#fff}
header h1{margin:0 0 .6rem;font-size:1.8rem}header dl{margin:0}header dt{width:9rem;color:#fff;font-weight:600}header dd{margin:0 0 .4rem 9rem}
.passed{background:#1d6b3f}.failed{background:#a8261c}
main{max-width:60rem;margin:0 auto;padding:0 1rem 3rem}
section{background:#fff;border:1px solid #d8dee4;border-radius:8px;margin:1rem 0;padding:.5rem 1.2rem 1rem}
h2{font-size:1.15rem}h3{margin-bottom:.2rem}
table{border-collapse:collapse;width:100%;font-size:.92rem}
thead th{white-space:nowrap}th,td{text-align:left;vertical-align:top;padding:.25rem .6rem .25rem 0;border-bottom:1px solid #eef0f2;overflow-wrap:anywhere}
th[scope=row]{font-weight:500;white-space:nowrap}td .key{margin:0;font-size:.88em}td.good,td.bad{white-space:nowrap}
.good{color:#1d6b3f}.bad{color:#a8261c;font-weight:600}
figure{margin:1rem 0;overflow-x:auto}svg{width:100%;height:auto;min-width:36rem}
.key{color:#57606a}li{overflow-wrap:anywhere}
dt{float:left;clear:left;width:7rem;color:#57606a}dd{margin:0 0 .2rem 7rem;overflow-wrap:anywhere}
pre{overflow-x:auto;background:#f6f8fa;padding:.8rem;border-radius:6px}
`.trim();
