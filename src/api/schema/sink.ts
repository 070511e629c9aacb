/** Sinks and how far they are. */
import { z } from "zod";
import { Count, Instant, PositionText, Region } from "./scalar.ts";

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
