/** Regions and how far their logs are. */
import { z } from "zod";
import { Fault } from "./fault.ts";
import { Count, Region } from "./scalar.ts";

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
