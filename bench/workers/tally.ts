/** What the platform would bill, counted in the isolate that edge, objects and queue consumer share; and when entries arrived. */

export interface ObjectTally {
  rowsWritten: number;
  rowsRead: number;
  /** Calls and alarms. */
  requests: number;
  /** Wall time with at least one call under way. */
  activeMs: number;
  databaseBytes: number;
  /** Log entries added, and dropped as old. */
  logged: number;
  dropped: number;
}

export interface Tally {
  readonly objects: Record<string, ObjectTally>;
  /** Of 64 KB each: written, read, deleted. */
  queueOperations: number;
  queueMessages: number;
  queueInvocations: number;
  peerBytes: number;
  queueBytes: number;
  peerCalls: number;
  /** Calls of objects by the edge. */
  asks: number;
  /** Rows written by transactions that logged entries of this region's own leading, by how many entries they logged. */
  readonly acknowledging: { rows: number; entries: number }[];
  /** From the leader's commit to the follower's application, by the ids of the two regions. */
  readonly lags: { from: string; to: string; ms: number }[];
  firstPullAt: number;
  firstSnapshotAt: number;
  snapshotDoneAt: number;
  lastAppliedAt: number;
}

export function newTally(): Tally {
  return {
    objects: {},
    queueOperations: 0,
    queueMessages: 0,
    queueInvocations: 0,
    peerBytes: 0,
    queueBytes: 0,
    peerCalls: 0,
    asks: 0,
    acknowledging: [],
    lags: [],
    firstPullAt: 0,
    firstSnapshotAt: 0,
    snapshotDoneAt: 0,
    lastAppliedAt: 0,
  };
}

export function newObjectTally(): ObjectTally {
  return { rowsWritten: 0, rowsRead: 0, requests: 0, activeMs: 0, databaseBytes: 0, logged: 0, dropped: 0 };
}
