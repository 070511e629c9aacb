/**
 * The OpenAPI 3.1 document, out of the route contracts. Made once, when it is first asked for.
 *
 * It says of each operation what `route.ts` declares, in the words of `operation-text.ts`, and of the whole what `guide.ts` tells. The
 * page at /docs is made out of this document and of nothing else.
 */
import { GUIDE } from "./guide.ts";
import { Components, type Json } from "./openapi-components.ts";
import { headOperationOf, operationOf } from "./openapi-operation.ts";
import { pathForms } from "./path-form.ts";
import { ROUTES, type RouteId } from "./route.ts";
import type { RouteContract } from "./route-contract.ts";
import { TAGS } from "./tag.ts";

export function openApiDocument(version: string): Json {
  const components = new Components();
  const paths: Record<string, Json> = {};
  for (const [id, route] of Object.entries<RouteContract>(ROUTES)) {
    for (const { path, form } of pathForms(route.path)) {
      const item = (paths[path] ??= {});
      const place = { id: id as RouteId, route, form };
      item[route.method.toLowerCase()] = operationOf(components, place);
      if (route.head !== undefined) item["head"] = headOperationOf(components, place, route.head);
    }
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "Ithaca",
      version,
      summary: "A multi-region replicated store in which every user has a home region",
      description: GUIDE.map(({ title, text }) => `## ${title}\n\n${text.trim()}\n`).join("\n"),
      license: { name: "MIT", identifier: "MIT" },
      contact: { name: "The operators of this deployment" },
    },
    servers: [{ url: "/", description: "The deployment that served this document" }],
    externalDocs: { url: "/docs", description: "The same as a page to read" },
    security: [{ bearer: [] }],
    tags: usedTags(paths),
    paths,
    components: {
      ...components.all,
      securitySchemes: {
        bearer: {
          type: "http",
          scheme: "bearer",
          bearerFormat: "JWT",
          description:
            "A JWT signed with the deployment's secret (HS256) or with a key of its JWKS. `sub` is the user; `read`, `ns` and `scope` allow more. An operation that lists `admin` needs that scope. A deployment in open mode, for local development, asks for none.",
        },
      },
    },
  };
}

function usedTags(paths: Record<string, Json>): Json[] {
  const used = new Set(
    Object.values(paths)
      .flatMap((item) => Object.values(item))
      .flatMap((operation) => (operation as { readonly tags: readonly string[] }).tags),
  );
  return TAGS.filter(({ name }) => used.has(name)).map(({ name, description }) => ({ name, description }));
}
