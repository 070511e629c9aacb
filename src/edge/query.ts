/** Query parameters, decoded strictly: what does not decode, or comes twice, is refused instead of guessed. */
import { decodePart } from "./path.ts";
import { invalid } from "./refusal.ts";

export type Query = ReadonlyMap<string, string>;

export function parseQuery(raw: string): Query {
  const parameters = new Map<string, string>();
  if (raw === "") return parameters;
  for (const pair of raw.split("&")) {
    if (pair === "") continue;
    const equals = pair.indexOf("=");
    const name = decode(equals === -1 ? pair : pair.slice(0, equals), "a query parameter's name");
    const value = equals === -1 ? "" : decode(pair.slice(equals + 1), `the query parameter ${name}`);
    if (parameters.has(name)) throw invalid(`the query parameter ${name} is given twice`);
    parameters.set(name, value);
  }
  return parameters;
}

function decode(raw: string, what: string): string {
  return decodePart(raw.replaceAll("+", " "), what);
}

export function parseBoolean(query: Query, name: string): boolean {
  const value = query.get(name);
  if (value === undefined || value === "false") return false;
  if (value === "true") return true;
  throw invalid(`the query parameter ${name} has to be true or false`);
}
