/** Receipts of writes. */
import { z } from "zod";
import { Concern, Instant, PositionText, Region } from "./scalar.ts";

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
