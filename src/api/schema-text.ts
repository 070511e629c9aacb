/** JSON schemas as a reader takes them in: one line for each member, with its type in a few words. */
import { escapeHtml } from "./page.ts";

type Json = Readonly<Record<string, unknown>>;

export interface MemberRow {
  /** As `items[].key`; with `?` where it may be absent. */
  readonly path: string;
  /** HTML. */
  readonly type: string;
  readonly description: string;
}

/** The members of an object, and of the objects within it. */
export function schemaRows(schema: Json, prefix = ""): MemberRow[] {
  const properties = (schema["properties"] ?? {}) as Record<string, Json>;
  const required = new Set((schema["required"] ?? []) as readonly string[]);
  const own = Object.entries(properties).flatMap(([name, member]) => {
    const path = `${prefix}${name}${required.has(name) ? "" : "?"}`;
    const description = typeof member["description"] === "string" ? member["description"] : "";
    return [{ path, type: typeHtml(member), description }, ...innerRows(member, path)];
  });
  return [...own, ...variantsOf(schema).flatMap((variant) => schemaRows(variant, prefix))];
}

function innerRows(member: Json, path: string): MemberRow[] {
  if (member["type"] === "array") return schemaRows((member["items"] ?? {}) as Json, `${path}[].`);
  if (variantsOf(member).every((variant) => variant["type"] !== "object") && member["type"] !== "object")
    return [];
  return schemaRows(member, `${path}.`);
}

function variantsOf(schema: Json): readonly Json[] {
  return (schema["oneOf"] ?? schema["anyOf"] ?? []) as readonly Json[];
}

function typeHtml(schema: Json): string {
  const link = linkOf(schema);
  if (link !== null) return link;
  if (schema["type"] === "array") return `list of ${typeHtml((schema["items"] ?? {}) as Json)}`;
  const variants = variantsOf(schema);
  if (variants.length > 0) return variants.map(typeHtml).join(" or ");
  return escapeHtml(typeText(schema));
}

export function linkOf({ $ref }: Json): string | null {
  if (typeof $ref !== "string") return null;
  const name = escapeHtml($ref.slice($ref.lastIndexOf("/") + 1));
  return `<a href="#body-${name}">${name}</a>`;
}

/** Without links. */
export function typeText(schema: Json): string {
  const { type, minimum, maximum } = schema;
  if (schema["const"] !== undefined) return JSON.stringify(schema["const"]).replaceAll('"', "");
  if (Array.isArray(schema["enum"])) return schema["enum"].join(", ");
  const fallback = schema["default"] === undefined ? "" : `, default ${JSON.stringify(schema["default"])}`;
  if (type === "integer" || type === "number") {
    const isWide =
      typeof minimum !== "number" || typeof maximum !== "number" || maximum >= Number.MAX_SAFE_INTEGER;
    return `${isWide ? type : `${minimum} to ${maximum}`}${fallback}`;
  }
  if (typeof type === "string") return `${type}${fallback}`;
  const variants = variantsOf(schema);
  return variants.length > 0 ? variants.map(typeText).join(" or ") : "any";
}
