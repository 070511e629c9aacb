/** An example call as a command line that does it. */
import type { ExampleCall } from "./operation-text.ts";

/** Where `npm start` serves; the page at /docs puts its own origin in its place. */
export const EXAMPLE_ORIGIN = "http://127.0.0.1:8787";

export function curlOf(method: string, { path, headers = {}, body }: ExampleCall): string {
  const how = {
    GET: "",
    HEAD: "--head ",
    PUT: "-X PUT ",
    POST: "",
    PATCH: "-X PATCH ",
    DELETE: "-X DELETE ",
  }[method];
  const lines = [`curl -i ${how ?? `-X ${method} `}${quoted(`${EXAMPLE_ORIGIN}${path}`)}`];
  for (const [name, value] of Object.entries(headers)) lines.push(`-H ${quoted(`${name}: ${value}`)}`);
  if (body !== undefined) lines.push(`--data-binary ${quoted(bodyText(body))}`);
  else if (method === "POST") lines[0] = lines[0]?.replace("curl -i ", "curl -i -X POST ") ?? "";
  return lines.join(" \\\n  ");
}

function bodyText(body: unknown): string {
  return typeof body === "string" ? body : JSON.stringify(body);
}

/** A name of a shell variable is left for the shell to fill in. */
function quoted(text: string): string {
  if (/\$[A-Z]/.test(text)) return `"${text.replaceAll(/["\\`]/g, "\\$&")}"`;
  return /^[\w:/.,=-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}
