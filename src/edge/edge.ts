/** What lives as long as the isolate: the deployment and everything made out of it, and the caches. */
import { FeedCursors } from "../../durable-objects/feed-cursors.ts";
import { Signer } from "../../durable-objects/signer.ts";
import type { Deployment } from "../deployment/deployment.ts";
import { BearerTokens } from "./bearer-token.ts";
import { ErasureIds } from "./erasure-id.ts";
import { HomeCache } from "./home-cache.ts";
import { ListCursors } from "./list-cursor.ts";
import { Metrics } from "./metrics.ts";
import { RegionHealth } from "./region-health.ts";
import { RegionTable } from "./region-table.ts";
import type { EdgeContext, Regions } from "./seam.ts";
import { SessionTokens } from "./session-token.ts";
import { Tickets } from "./tickets.ts";

export interface Edge {
  readonly deployment: Deployment;
  readonly transport: Regions;
  readonly regions: RegionTable;
  readonly bearer: BearerTokens;
  readonly sessions: SessionTokens;
  readonly cursors: ListCursors;
  readonly feedCursors: FeedCursors;
  readonly tickets: Tickets;
  readonly erasures: ErasureIds;
  readonly homes: HomeCache;
  readonly health: RegionHealth;
  readonly metrics: Metrics;
  /** The last answer of /v1/regions by its filters: results only, never a promise of another request. */
  readonly overviews: Map<string, { readonly at: number; readonly overview: unknown }>;
  /** Origins that scripts may come from; null: any. */
  readonly origins: ReadonlySet<string> | null;
}

export function createEdge({ deployment, transport }: EdgeContext): Edge {
  const signer = new Signer(deployment.sessionKeys);
  return {
    deployment,
    transport,
    regions: new RegionTable(deployment.regions),
    bearer: new BearerTokens(deployment),
    sessions: new SessionTokens(signer, deployment),
    cursors: new ListCursors(signer),
    feedCursors: new FeedCursors(signer),
    tickets: new Tickets(signer),
    erasures: new ErasureIds(signer),
    homes: new HomeCache(),
    health: new RegionHealth(),
    metrics: new Metrics(),
    overviews: new Map(),
    origins: originsOf(deployment),
  };
}

function originsOf({ corsOrigins, localDev, authMode }: Deployment): ReadonlySet<string> | null {
  const anyOrigin =
    corsOrigins.includes("*") || (corsOrigins.length === 0 && localDev && authMode === "open");
  return anyOrigin ? null : new Set(corsOrigins);
}

/** Why this deployment may not serve, or null. Configuration refuses most of it already; this is the last door. */
export function misconfiguration({ authMode, localDev, authSecret, jwksUrl }: Deployment): string | null {
  if (authMode === "open") return localDev ? null : "AUTH_MODE=open is for local development only";
  return authSecret === null && jwksUrl === null ? "AUTH_MODE=jwt needs AUTH_SECRET or JWKS_URL" : null;
}
