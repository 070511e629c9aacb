/** Handing the logs of an origin to another region. */
import { z } from "zod";
import { LogName } from "./region.ts";
import { PositionText, Region } from "./scalar.ts";

export const LeaderRequest = z.strictObject({ to: Region }).meta({ id: "LeaderRequest" });

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
