/** The change feed, and tickets for it. */
import { z } from "zod";
import { Instant, PositionText } from "./scalar.ts";

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
