/** Erasures of users. */
import { z } from "zod";
import { Instant, Region } from "./scalar.ts";

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
