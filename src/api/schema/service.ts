/** What the service says of itself, and the problems that everything may answer. */
import { z } from "zod";

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
