/** What a takeover would lose. */
import { z } from "zod";
import { LogName } from "./region.ts";
import { Count, PositionText, Region } from "./scalar.ts";

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
