/** Regions and how far their logs are. */
import { z } from "zod";
import { Fault } from "./fault.ts";
import { Count, Instant, Region } from "./scalar.ts";

/** Beside its origin. */
export const LogName = { namespace: z.string(), partition: z.int() };

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
    checksum: z.string().optional().meta({
      description:
        "Chained over the log's entries through `head`. Regions at the same epoch and head hold the same if and only if it is the same",
    }),
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

const ReplicaCost = z
  .object({
    ...LogName,
    since: Instant.meta({ description: "When the object began: a later one counts from 0 again" }),
    requests: z.int().meta({ description: "Calls of the object, alarms among them" }),
    rowsRead: z.int(),
    rowsWritten: z.int(),
    queueOperations: z.int().meta({
      description: "Messages sent, received and deleted, each for every 64 kB begun",
    }),
  })
  .meta({ id: "ReplicaCost" });

const Apart = z
  .object({
    between: z.tuple([Region, Region]),
    roundTripMs: z.int().meta({ description: "There and back, added to every call and message" }),
  })
  .meta({ id: "Apart" });

export const Regions = z
  .object({
    regions: z.array(
      z.object({
        region: Region,
        role: z.enum(["voter"]),
        reachable: z.boolean(),
        faults: z.array(Fault),
        logs: z.array(LogState),
        costs: z.array(ReplicaCost).optional().meta({
          description:
            "Only where drills are on: what each replica that answers has cost since its object last began, in the units of the platform's bill",
        }),
      }),
    ),
    distances: z.array(Apart).optional().meta({
      description:
        "Only where the deployment itself keeps its regions apart, as `npm start -- --latency real` does on one machine",
    }),
  })
  .meta({ id: "Regions" });
