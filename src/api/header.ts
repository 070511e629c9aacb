/** Names of the headers that the surface speaks, once. */

export const HEADER = {
  // of a request
  authorization: "Authorization",
  region: "Ithaca-Region",
  consistency: "Ithaca-Consistency",
  session: "Ithaca-Session",
  readConcern: "Ithaca-Read-Concern",
  writeConcern: "Ithaca-Write-Concern",
  timeoutMs: "Ithaca-Timeout-Ms",
  idempotencyKey: "Idempotency-Key",
  onLost: "Ithaca-On-Lost",
  onUnreachable: "Ithaca-On-Unreachable",
  explain: "Ithaca-Explain",
  ifMatch: "If-Match",
  ifNoneMatch: "If-None-Match",
  expiresIn: "Ithaca-Expires-In",
  // of an answer
  servedBy: "Ithaca-Served-By",
  home: "Ithaca-Home",
  leader: "Ithaca-Leader",
  position: "Ithaca-Position",
  stalenessMs: "Ithaca-Staleness-Ms",
  anchored: "Ithaca-Anchored",
  sessionLost: "Ithaca-Session-Lost",
  trace: "Ithaca-Trace",
  etag: "ETag",
  serverTiming: "Server-Timing",
  retryAfter: "Retry-After",
  requestId: "X-Request-Id",
} as const;

/** What a browser may send: the preflight allows exactly these. */
export const REQUEST_HEADERS: readonly string[] = [
  HEADER.authorization,
  "Content-Type",
  HEADER.region,
  HEADER.consistency,
  HEADER.session,
  HEADER.readConcern,
  HEADER.writeConcern,
  HEADER.timeoutMs,
  HEADER.idempotencyKey,
  HEADER.onLost,
  HEADER.onUnreachable,
  HEADER.explain,
  HEADER.ifMatch,
  HEADER.ifNoneMatch,
  HEADER.expiresIn,
];

/** What a script in a browser may read besides the few that are always readable. */
export const EXPOSED_HEADERS: readonly string[] = [
  HEADER.etag,
  HEADER.serverTiming,
  HEADER.retryAfter,
  HEADER.session,
  HEADER.servedBy,
  HEADER.home,
  HEADER.leader,
  HEADER.position,
  HEADER.stalenessMs,
  HEADER.anchored,
  HEADER.sessionLost,
  HEADER.trace,
  HEADER.requestId,
];

export const NDJSON_CONTENT_TYPE = "application/x-ndjson";

/** Every answer about data is the caller's own, and depends on these. */
export const DATA_CACHE_CONTROL = "private, no-cache, no-transform";
export const DATA_VARY = `${HEADER.authorization}, ${HEADER.session}, ${HEADER.consistency}, ${HEADER.region}`;
