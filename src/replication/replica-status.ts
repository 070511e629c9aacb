/** How a replica stands, log by log, as it tells whoever asks. */
import type { EpochTable } from "./message.ts";
import type { Position, RegionIndex, Tail } from "./position.ts";

export interface ReplicaStatus {
  readonly region: RegionIndex;
  readonly partition: number;
  readonly storeId: string;
  readonly incarnation: number;
  readonly restoring: boolean;
  /** It was told that it has lost its memory: it promises, grants and leads nothing (R8). Absent: it was not. */
  readonly hasForgotten?: boolean;
  /** Regions whose replicas have lost their memory, as far as this one has noticed. Absent: none. */
  readonly forgetful?: readonly RegionIndex[];
  readonly logs: readonly LogStatus[];
  /** What the replica's object has cost; the shell knows, where drills are on. Absent: it was not counted. */
  readonly cost?: ReplicaCost;
}

/** Of one instance of an object, since it began: whoever adds up has to look at each of them. */
export interface ReplicaCost {
  readonly since: number;
  /** Calls of every kind, alarms among them. */
  readonly requests: number;
  readonly rowsRead: number;
  readonly rowsWritten: number;
  /** Sent, received and deleted messages, by 64 kB begun. */
  readonly queueOperations: number;
}

export interface LogStatus {
  readonly origin: RegionIndex;
  readonly leader: RegionIndex;
  readonly epoch: number;
  readonly head: number;
  readonly applied: number;
  readonly committed: number;
  readonly base: number;
  /** The chain hash at `head`, in hexadecimal: whoever has other entries has another one. Missing from code of before it: unknown. */
  readonly checksum?: string;
  /** Upper bound on how far behind this replica is; null where unknown. 0 at the leader. */
  readonly lagMs: number | null;
  /**
   * leading, following, waiting (deferred acknowledgements), handing-over (given up for another region, which does not lead yet), pre-vote (the leader is missed, the voters are asked), cooldown (the
   * same, too soon after the last takeover), campaigning, parked, restoring.
   */
  readonly state: string;
  /** At the leader of a log that was taken over: how long until it goes back to its own region, if that stays there. Absent: it does not. */
  readonly failbackInMs?: number;
  /** How far the log's sinks are. Missing from code of before sinks: none. */
  readonly sinks?: readonly SinkStatus[];
  /** Of the log that was asked for. Missing from code of before previews: unknown. */
  readonly end?: LogEnd;
  /** At the leader: what each region has acknowledged. */
  readonly peers: readonly { readonly region: RegionIndex; readonly match: number; readonly state: string }[];
}

/** How a log ends at a replica, and what it knows of other ends. */
export interface LogEnd {
  readonly last: Tail;
  readonly base: Tail;
  readonly epochs: EpochTable;
  /** The furthest that anybody spoke of. */
  readonly known: Tail;
  /** At the leader: age of the oldest entry that no majority is known to hold; 0: there is none. Null: it does not lead. */
  readonly exposedMs: number | null;
}

export interface SinkStatus {
  readonly name: string;
  /** Only the leader's word is the present state. */
  readonly leads: boolean;
  readonly delivered: Position;
  readonly state: "idle" | "sending" | "retrying" | "parked" | "lost" | "unknown";
  /** Failures in a row of the batch that comes next. */
  readonly attempts: number;
  readonly error: string;
  /** Until it is tried again; null: not waiting for that. */
  readonly dueInMs: number | null;
}
