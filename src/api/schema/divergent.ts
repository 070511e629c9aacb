/** Lost writes, and what their user makes of them. */
import { z } from "zod";
import { Receipt } from "./receipt.ts";
import { Count, Instant, PositionText, Region } from "./scalar.ts";

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
