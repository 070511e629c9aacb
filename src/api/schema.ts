/**
 * The bodies of requests and answers, once. The OpenAPI document is made out of them; the small requests (home, faults)
 * are parsed with them; items, on the hot path, have bytes for a body and never meet them.
 */
import { z } from "zod";
import {
  CONTENT_TYPE_BYTES_MAX,
  EXPIRES_IN_S_MAX,
  FAULT_MS_MAX,
  READS_MAX,
  IMPORT_FAILURES_MAX,
  TRANSACTION_CHECKS_MAX,
  TRANSACTION_WRITES_MAX,
} from "./limit.ts";

export const Concern = z.enum(["local", "one", "majority", "all"]);

/** `origin.epoch.seq`. Epoch and seq may pass 2^53: text. */
export const PositionText = z
  .string()
  .regex(/^[a-z0-9-]+\.(0|[1-9]\d*)\.(0|[1-9]\d*)$/)
  .meta({ description: "`origin.epoch.seq`", examples: ["weur.16.42"] });

const Count = z.string().regex(/^\d+$/).meta({ description: "A counter that may pass 2^53: decimal text" });
const Instant = z.int().meta({ description: "Milliseconds since 1970" });
const Region = z.string().meta({ description: "A region id", examples: ["weur"] });

export const Receipt = z
  .object({
    user: z.string(),
    key: z.string().optional(),
    version: PositionText,
    position: PositionText,
    leader: Region,
    concern: Concern,
    durableIn: z.array(Region),
    committed: z.boolean().meta({ description: "A majority holds it: no failover can lose it" }),
    at: Instant,
  })
  .meta({ id: "Receipt", description: "What a write answers: where it stands, and who holds it" });

export const ReceiptState = Receipt.extend({
  state: z.enum(["pending", "committed", "lost"]),
  divergent: z.string().optional().meta({ description: "Of a lost write: the id of the divergent entry" }),
}).meta({ id: "ReceiptState", description: "A receipt as it stands now" });

const StateOfItem = z
  .object({
    found: z.boolean(),
    version: PositionText.optional(),
    contentType: z.string().optional(),
    expiresAt: Instant.optional(),
    value: z.unknown().optional().meta({ description: "The stored JSON text as it is (JSON content types)" }),
    valueBase64: z.string().optional().meta({ description: "Any other bytes" }),
  })
  .meta({ id: "StateOfItem", description: "An item at some moment, or that there was none" });

const DivergentEntry = z
  .object({
    id: z.string().meta({ description: "Of the lost write; the ops of one transaction share it" }),
    position: PositionText.meta({ description: "Where it stood, as its receipt said" }),
    key: z.string(),
    op: z.enum(["put", "delete", "merge", "add"]),
    contentType: z.string().optional(),
    expiresAt: Instant.optional(),
    value: z.unknown().optional().meta({ description: "What it left: stored JSON as it is" }),
    valueBase64: z.string().optional().meta({ description: "Any other bytes" }),
    patch: z.unknown().optional().meta({ description: "Of a merge: its patch" }),
    by: z.string().optional().meta({ description: "Of an add: its summand" }),
    base: StateOfItem.nullable().meta({
      description:
        "What it found. null: not known, because the region that cut it off had not applied it yet, or because it is too large to be kept beside the write",
    }),
    current: StateOfItem.meta({ description: "What is there now" }),
    cause: z
      .object({
        epoch: Count.meta({ description: "Of the leadership that took over without it" }),
        leader: Region,
        cutIn: Region.meta({ description: "The region that had it, and cut it off its log" }),
        cutAt: Instant,
      })
      .meta({ description: "How it was lost" }),
    at: Instant.meta({ description: "When it was written" }),
    state: z.enum(["open", "replayed", "discarded"]).meta({
      description:
        "`replayed` too where the same request was sent again, with its Idempotency-Key, and took effect",
    }),
    settledBy: PositionText.optional().meta({ description: "The entry that replayed or discarded it" }),
  })
  .meta({ id: "DivergentEntry", description: "One op of a write that a failover cut off" });

export const DivergentList = z
  .object({
    entries: z.array(DivergentEntry),
    cursor: z.string().optional().meta({ description: "Absent on the last page" }),
  })
  .meta({ id: "DivergentList", description: "Lost writes in the order in which they stood; perhaps none" });

export const DivergentAction = z
  .strictObject({ action: z.enum(["replay", "discard"]) })
  .meta({ id: "DivergentAction" });

export const DivergentSettled = Receipt.extend({
  id: z.string().meta({ description: "Of the lost write" }),
  state: z.enum(["replayed", "discarded"]),
}).meta({ id: "DivergentSettled", description: "The receipt of the entry that settles the lost write" });

export const MergePatch = z.unknown().meta({
  id: "MergePatch",
  description:
    "A JSON merge patch (RFC 7396), nested no deeper than 512 levels, 1 MiB at most. Its own text goes into the stored text as it is, and what it does not name stays byte for byte: spaces, order, escapes, digits. A member that stands twice in the stored object is patched wherever it stands; of one that stands twice in the patch the last counts.",
});

const Key = z.string().meta({ description: "As in a path; each key once" });
const ItemVersion = z.strictObject({
  key: Key,
  version: PositionText.nullable().meta({ description: "null: there must be no such item" }),
});

const PutWrite = z
  .strictObject({
    op: z.literal("put"),
    key: Key,
    value: z.unknown().optional().meta({ description: "JSON; stored as its text stands in the request" }),
    valueBase64: z
      .string()
      .optional()
      .meta({ description: "Any bytes (RFC 4648, section 4, padded). One of value and valueBase64" }),
    contentType: z
      .string()
      .max(CONTENT_TYPE_BYTES_MAX)
      .optional()
      .meta({ description: "application/json for value, application/octet-stream for valueBase64" }),
    expiresInS: z.int().min(1).max(EXPIRES_IN_S_MAX).optional(),
  })
  .meta({ id: "PutWrite" });
const DeleteWrite = z
  .strictObject({ op: z.literal("delete"), key: Key })
  .meta({ id: "DeleteWrite", description: "Succeeds also where there is no such item" });
const MergeWrite = z.strictObject({ op: z.literal("merge"), key: Key, patch: MergePatch }).meta({
  id: "MergeWrite",
  description: "Where there is no such item it becomes what the patch says, as application/json",
});
const AddWrite = z
  .strictObject({
    op: z.literal("add"),
    key: Key,
    by: z.union([z.int(), z.string().regex(/^(0|-?[1-9]\d{0,18})$/)]),
  })
  .meta({
    id: "AddWrite",
    description:
      "Keeps a signed integer of 64 bits, as text/plain with its decimal digits; where there is no such item it counts from 0",
  });

export const TransactionRequest = z
  .strictObject({
    checks: z.array(ItemVersion).max(TRANSACTION_CHECKS_MAX).optional(),
    writes: z
      .array(z.discriminatedUnion("op", [PutWrite, DeleteWrite, MergeWrite, AddWrite]))
      .max(TRANSACTION_WRITES_MAX)
      .optional()
      .meta({
        description:
          "Without any, the checks alone are made: the answer is a receipt of an entry that changes nothing and stands where they held",
      }),
  })
  .meta({
    id: "TransactionRequest",
    description:
      "All or nothing, in one entry of the log. An item that is expired is absent. Merging and adding keep an item's expiry.",
  });

export const TransactionAnswer = Receipt.extend({
  results: z
    .array(
      z.object({
        version: PositionText,
        value: z.unknown().optional().meta({
          description:
            "Of a merge the item's JSON text as it is, of an add its digits as a string. Absent where the caller may not read the item, and in the answer to a repeated idempotency key once the log no longer holds the entry (24 h)",
        }),
      }),
    )
    .meta({ description: "One for each write, in their order" }),
}).meta({ id: "TransactionAnswer", description: "The receipt, and what each write came to" });

const ListedItem = z
  .object({
    key: z.string(),
    version: PositionText,
    contentType: z.string(),
    size: z.int(),
    expiresAt: Instant.optional(),
    value: z.unknown().optional().meta({ description: "The stored JSON text as it is (JSON content types)" }),
    valueBase64: z.string().optional().meta({ description: "Any other bytes" }),
  })
  .meta({ id: "ListedItem" });

export const ItemList = z.object({ items: z.array(ListedItem), cursor: z.string().optional() }).meta({
  id: "ItemList",
  description:
    "A page of items in byte order of their keys. A page may be short, or empty, and still have a cursor: it ends early at 4 MiB, and where much was deleted or has expired. The last one has none",
});

export const ReadManyRequest = z
  .strictObject({
    reads: z
      .array(z.strictObject({ user: z.string(), key: z.string() }))
      .min(1)
      .max(READS_MAX),
  })
  .meta({ id: "ReadManyRequest", description: "The same item may stand in it twice" });

const ReadItem = z
  .object({
    user: z.string(),
    key: z.string(),
    found: z.boolean(),
    version: PositionText.optional(),
    contentType: z.string().optional(),
    value: z.unknown().optional().meta({ description: "The stored JSON text as it is (JSON content types)" }),
    valueBase64: z.string().optional().meta({ description: "Any other bytes" }),
  })
  .meta({ id: "ReadItem" });

export const ReadManyAnswer = z.object({ items: z.array(ReadItem) }).meta({
  id: "ReadManyAnswer",
  description:
    "In the order asked. Whoever sees an effect in it sees its causes, across users, partitions and regions",
});
const Change = z
  .object({
    position: PositionText,
    key: z.string(),
    op: z.enum(["put", "delete", "merge", "add", "expire"]),
    version: PositionText,
    at: Instant,
    contentType: z.string().optional().meta({ description: "Absent where the item is gone" }),
    expiresAt: Instant.optional(),
    value: z.unknown().optional().meta({ description: "The stored JSON text as it is (JSON content types)" }),
    valueBase64: z.string().optional().meta({ description: "Any other bytes" }),
  })
  .meta({
    id: "Change",
    description: "What was done to an item. Changes of one position are one transaction",
  });

export const ChangePage = z
  .object({
    changes: z.array(Change),
    cursor: z.string().meta({ description: "Where the next page begins; good at every region" }),
  })
  .meta({ id: "ChangePage", description: "Changes in order, whole transactions only; perhaps none" });

export const TicketRequest = z
  .strictObject({
    path: z.string().meta({
      description: "Of a live feed or of changes, without a query",
      examples: ["/v1/users/alice/live"],
    }),
  })
  .meta({ id: "TicketRequest" });
export const Ticket = z
  .object({ ticket: z.string().meta({ description: "Good once, for a minute: `?ticket=`" }) })
  .meta({ id: "Ticket" });
const LINE = ListedItem.partial({ version: true, contentType: true, size: true }).meta({
  id: "ImportLine",
  description:
    "An item, with `value` or `valueBase64`. Without a version the line is known by the rest of it; without a content type it is application/json, or application/octet-stream for `valueBase64`; a size is compared",
});
const ExportFrame = z.object({ user: z.string(), position: PositionText, at: Instant }).meta({
  id: "ExportStart",
  description: "The first line: where the user's log stood when the export began",
});
const ExportEnd = z
  .object({ end: z.literal(true), items: z.int(), session: z.string() })
  .meta({ id: "ExportEnd", description: "The last line of a whole export, with a token that covers it" });
const ExportBreak = z
  .looseObject({ end: z.literal(false), items: z.int(), after: z.string().optional() })
  .meta({
    id: "ExportBreak",
    description: "The last line of an export that broke off, with the problem and the last key before it",
  });

export const ExportLine = z
  .union([ExportFrame, ListedItem, ExportEnd, ExportBreak])
  .meta({ id: "ExportLine", description: "A line of an export" });
/** Lines of exports that are no items are passed over. */
export const ImportLine = LINE;

export const ImportResult = z
  .object({
    imported: z.int().meta({ description: "Written now" }),
    unchanged: z.int().meta({ description: "Imported before, or there already under the very version" }),
    failed: z
      .array(
        z.object({
          line: z.int().meta({ description: "From 1" }),
          problem: z.string().meta({ description: "Name of a problem", examples: ["invalid-request"] }),
          detail: z.string(),
        }),
      )
      .meta({ description: `The first ${IMPORT_FAILURES_MAX} lines that were not taken` }),
    failedCount: z.int().meta({ description: "All of them" }),
  })
  .meta({ id: "ImportResult" });

/** What the problem that an import broke off with tells of what was done before. */
export const ImportBroken = {
  ...ImportResult.partial().shape,
  line: z.int().optional().meta({ description: "The first line that is not known to be done" }),
};

export const ErasureBegun = z
  .object({ erasure: z.string().meta({ description: "Id of the erasure; names nobody" }) })
  .meta({ id: "ErasureBegun" });
export const Erasure = z
  .object({
    erasedIn: z.array(Region).meta({ description: "Regions that hold nothing of the user any more" }),
    remaining: z
      .array(
        z.object({
          where: z.string(),
          until: Instant.nullable().meta({ description: "When it is gone by itself; null: not known" }),
        }),
      )
      .meta({ description: "What may still hold something of the user" }),
  })
  .meta({ id: "Erasure" });

export const HomeRequest = z.strictObject({ region: Region }).meta({ id: "HomeRequest" });
export const Home = z
  .object({ user: z.string(), home: Region, leader: Region, epoch: Count, partition: z.int() })
  .meta({ id: "Home" });

const FAULT_KINDS = [
  "down",
  "stall",
  "isolate",
  "partition",
  "one-way",
  "delay",
  "drop",
  "duplicate",
  "reorder",
  "skew",
  "restart",
] as const;

export const FaultRequest = z
  .strictObject({
    kind: z.enum(FAULT_KINDS),
    region: Region,
    peer: Region.nullish(),
    ms: z.int().min(-FAULT_MS_MAX).max(FAULT_MS_MAX).nullish(),
    probability: z.number().gt(0).max(1).nullish(),
    forMs: z.int().min(1).max(FAULT_MS_MAX).meta({ description: "Required: every fault ends by itself" }),
  })
  .meta({ id: "FaultRequest" });

export const Fault = z
  .object({
    id: z.string(),
    kind: z.enum(FAULT_KINDS),
    region: Region,
    peer: Region.optional(),
    ms: z.int().optional(),
    probability: z.number().optional(),
    endsAt: Instant,
  })
  .meta({ id: "Fault" });
export const FaultList = z.object({ faults: z.array(Fault) }).meta({ id: "FaultList" });
export const FaultsEnded = z.object({ ended: z.array(z.string()) }).meta({ id: "FaultsEnded" });

const LogState = z
  .object({
    namespace: z.string(),
    origin: Region,
    partition: z.int(),
    leader: Region,
    epoch: Count,
    head: Count,
    applied: Count,
    committed: Count,
    lagMs: z.number().nullable().meta({ description: "Upper bound on how far behind; null: unknown" }),
    state: z.string().meta({
      description:
        "amnesiac: this replica's storage was lost or set back; it is counted in no majority and leads nothing",
    }),
    failbackInMs: z.int().optional().meta({
      description:
        "At the leader of a log that was taken over: how long until it is handed back to its own region, if that stays well. Absent: it is not, by itself",
    }),
  })
  .meta({ id: "LogState" });

export const Regions = z
  .object({
    regions: z.array(
      z.object({
        region: Region,
        role: z.enum(["voter"]),
        reachable: z.boolean(),
        faults: z.array(Fault),
        logs: z.array(LogState),
      }),
    ),
  })
  .meta({ id: "Regions" });

export const LeaderRequest = z.strictObject({ to: Region }).meta({ id: "LeaderRequest" });

const LogName = { namespace: z.string(), partition: z.int() };

export const HAND_OFF_MEMBERS = {
  unavailableMs: z.int().meta({
    description:
      "The longest time for which one of the logs had no leader: from the last moment at which the old one could acknowledge until it knew that the new one could, by its own clock. 0 where nothing had to be handed over",
  }),
  positions: z
    .array(
      z.object({
        ...LogName,
        position: PositionText.meta({ description: "Where the new leader's period begins" }),
        unavailableMs: z.int().meta({ description: "The same of this log" }),
      }),
    )
    .meta({ description: "The logs that the region leads now, one for each partition" }),
};

export const HandedOff = z.object(HAND_OFF_MEMBERS).meta({ id: "HandedOff" });

export const LogsRemaining = z
  .array(
    z.object({
      ...LogName,
      reason: z
        .enum(["no-leader", "silent", "not-ready", "behind", "taken-back", "superseded", "unfinished"])
        .meta({
          description:
            "`no-leader`: whoever leads it does not answer, and for a hand-off nobody takes over. `silent`: the region asked for does not answer. `not-ready`: it could not lead yet. `behind`: it did not catch up in time. `taken-back`: it was told to lead and did not, so that the leader before goes on. `superseded`: another one began to lead meanwhile. `unfinished`: the time was over first",
        }),
    }),
  )
  .meta({ description: "The logs that still have their old leader" });

const Loss = z
  .object({
    count: Count.meta({ description: "Entries: writes, and what else stands in a log" }),
    from: PositionText.optional(),
    to: PositionText.optional(),
  })
  .nullable();

const Candidate = z
  .object({
    region: Region,
    reachable: z.boolean(),
    head: PositionText.nullable().meta({
      description:
        "Where its own log ends, or, if it does not answer here, what the leader knows it to have; null: not known",
    }),
    lost: Loss.meta({
      description:
        "What would be lost if it took over now and everybody who answers took part; the first and the last of it. null: it could not take over, or nobody can say",
    }),
    lostAtWorst: Loss.meta({
      description: "The same if only a bare majority took part, of those who have least",
    }),
  })
  .meta({ id: "FailoverCandidate" });

export const FailoverPreview = z
  .object({
    origin: Region,
    logs: z.array(
      z.object({
        ...LogName,
        leader: Region,
        epoch: Count,
        exact: z.boolean().meta({
          description:
            "The leader answered, so that this is all there is. Otherwise it is measured against the furthest that anybody heard of, and may be more",
        }),
        head: PositionText.meta({ description: "Where the leader's log ends, as far as is known" }),
        committed: Count.meta({ description: "What no takeover can lose" }),
        exposedMs: z.number().nullable().meta({
          description: "Age of the oldest entry that no majority is known to hold; null: not known",
        }),
        candidates: z.array(Candidate),
      }),
    ),
    candidates: z
      .array(
        z.object({
          region: Region,
          logs: z.int().meta({ description: "Logs that it could take over" }),
          lost: Count,
          lostAtWorst: Count,
          unknown: z
            .int()
            .meta({ description: "Logs of which nothing can be said, and which are not in the sums" }),
        }),
      )
      .meta({ description: "The sums over all logs, by candidate" }),
    unreachable: z
      .array(z.object({ ...LogName, region: Region }))
      .meta({ description: "Replicas that did not answer in time" }),
  })
  .meta({ id: "FailoverPreview" });

const SinkLog = z
  .object({
    partition: z.int(),
    origin: Region,
    leader: Region,
    state: z.enum(["idle", "sending", "retrying", "parked", "lost", "unknown"]).meta({
      description:
        "`parked`: given up until it is resumed. `lost`: the log no longer has what follows `delivered`; resuming goes on with what it has, and what lies between has to be fed from a list. `unknown`: the log's leader does not answer, and this is what a follower was told.",
    }),
    delivered: PositionText.meta({ description: "Everything through this position was delivered" }),
    committed: Count,
    attempts: z.int().meta({ description: "Failures in a row of what comes next" }),
    error: z.string().optional(),
    nextAt: Instant.optional(),
  })
  .meta({ id: "SinkLog" });

const Unreachable = z
  .array(z.object({ partition: z.int(), region: Region }))
  .meta({ description: "Replicas that did not answer in time" });

export const Sinks = z
  .object({
    sinks: z.array(
      z.object({
        name: z.string(),
        namespace: z.string(),
        prefix: z.string(),
        kind: z.enum(["https", "queue"]),
        to: z.string().meta({ description: "The origin of its address, or the binding of its queue" }),
        logs: z.array(SinkLog),
        unreachable: Unreachable,
      }),
    ),
  })
  .meta({ id: "Sinks" });

export const SinkAction = z
  .discriminatedUnion("action", [
    z.strictObject({ action: z.literal("resume") }),
    z.strictObject({
      action: z.literal("replay"),
      partition: z.int().min(0),
      position: PositionText.meta({
        description:
          "What follows it is sent again. A position further on than what was delivered skips what lies between",
      }),
    }),
  ])
  .meta({ id: "SinkAction" });

export const SinkControlled = z
  .object({
    sink: z.string(),
    logs: z
      .array(z.object({ partition: z.int(), origin: Region, position: PositionText }))
      .meta({ description: "What goes on, and after which position" }),
    unreachable: Unreachable,
  })
  .meta({ id: "SinkControlled" });

export const Health = z.object({ status: z.literal("ok") }).meta({ id: "Health" });

export const Problem = z
  .looseObject({
    type: z.string().meta({ examples: ["/problems/not-found"] }),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    definite: z.boolean().meta({ description: "Surely not done" }),
    retryable: z.boolean(),
  })
  .meta({ id: "Problem", description: "RFC 9457" });
