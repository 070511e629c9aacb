/**
 * The part of Markdown that our own texts use, as HTML: paragraphs, lists, tables, fenced code; code, links and emphasis within a
 * line. It is not for texts of others.
 */
import { escapeHtml } from "./page.ts";

export function markdownHtml(text: string): string {
  const html: string[] = [];
  const lines = text.trim().split("\n");
  for (let at = 0; at < lines.length;) {
    const [block, next] = blockAt(lines, at);
    html.push(block);
    at = next;
  }
  return html.filter((block) => block !== "").join("\n");
}

export function inlineHtml(text: string): string {
  // What is code is taken out first: nothing in it means anything.
  return text
    .split(/(`[^`]+`)/)
    .map((part) => (/^`[^`]+`$/.test(part) ? `<code>${escapeHtml(part.slice(1, -1))}</code>` : prose(part)))
    .join("")
    .replaceAll(/\[((?:[^\]<]|<\/?code>)+)\]\(([^)\s]+)\)/g, '<a href="$2">$1</a>');
}

function prose(text: string): string {
  return escapeHtml(text).replaceAll(/\*\*([^*]+)\*\*/g, "<strong>$1</strong>");
}

/** The block that begins at a line, and the line after it. */
function blockAt(lines: readonly string[], at: number): [html: string, next: number] {
  const line = lines[at] ?? "";
  if (line.trim() === "") return ["", at + 1];
  if (line.startsWith("```")) {
    const end = lines.findIndex((each, index) => index > at && each.startsWith("```"));
    const code = lines.slice(at + 1, end === -1 ? undefined : end).join("\n");
    return [codeHtml(code), end === -1 ? lines.length : end + 1];
  }
  const end = endOfBlock(lines, at);
  const block = lines.slice(at, end);
  if (line.startsWith("|")) return [tableHtml(block), end];
  if (line.startsWith("- ")) return [listHtml(block), end];
  return [`<p>${inlineHtml(block.join(" "))}</p>`, end];
}

function endOfBlock(lines: readonly string[], at: number): number {
  const end = lines.findIndex((line, index) => index > at && (line.trim() === "" || line.startsWith("```")));
  return end === -1 ? lines.length : end;
}

export function codeHtml(code: string): string {
  return `<pre><code>${escapeHtml(code)}</code></pre>`;
}

function listHtml(lines: readonly string[]): string {
  const items: string[] = [];
  for (const line of lines) {
    if (line.startsWith("- ")) items.push(line.slice(2));
    else items.push(`${items.pop() ?? ""} ${line.trim()}`);
  }
  return `<ul>\n${items.map((item) => `<li>${inlineHtml(item)}</li>`).join("\n")}\n</ul>`;
}

function tableHtml(lines: readonly string[]): string {
  const [head = [], , ...rows] = lines.map((line) =>
    line
      .slice(1, line.lastIndexOf("|"))
      .split("|")
      .map((cell) => inlineHtml(cell.trim())),
  );
  return tableOf(head, rows);
}

/** Of cells that are HTML already. */
export function tableOf(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const cells = (row: readonly string[], tag: "th" | "td") =>
    row.map((cell) => `<${tag}>${cell}</${tag}>`).join("");
  return `<div class="wide"><table>
<thead><tr>${cells(head, "th")}</tr></thead>
<tbody>
${rows.map((row) => `<tr>${cells(row, "td")}</tr>`).join("\n")}
</tbody></table></div>`;
}
