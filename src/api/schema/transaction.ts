/** Several writes of a user as one. */
import { z } from "zod";
import {
  CONTENT_TYPE_BYTES_MAX,
  EXPIRES_IN_S_MAX,
  TRANSACTION_CHECKS_MAX,
  TRANSACTION_WRITES_MAX,
} from "../limit.ts";
import { MergePatch } from "./item.ts";
import { Receipt } from "./receipt.ts";
import { PositionText } from "./scalar.ts";

const Key = z.string().meta({ description: "As in a path; each key once" });

const ItemVersion = z.strictObject({
  key: Key,
  version: PositionText.nullable().meta({ description: "null: there must be no such item" }),
});

const PutWrite = z
  .strictObject({
    op: z.literal("put"),
    key: Key,
    value: z.unknown().optional().meta({ description: "JSON; stored as its text stands in the request" }),
    valueBase64: z
      .string()
      .optional()
      .meta({ description: "Any bytes (RFC 4648, section 4, padded). One of value and valueBase64" }),
    contentType: z
      .string()
      .max(CONTENT_TYPE_BYTES_MAX)
      .optional()
      .meta({ description: "application/json for value, application/octet-stream for valueBase64" }),
    expiresInS: z.int().min(1).max(EXPIRES_IN_S_MAX).optional(),
  })
  .meta({ id: "PutWrite" });

const DeleteWrite = z
  .strictObject({ op: z.literal("delete"), key: Key })
  .meta({ id: "DeleteWrite", description: "Succeeds also where there is no such item" });

const MergeWrite = z.strictObject({ op: z.literal("merge"), key: Key, patch: MergePatch }).meta({
  id: "MergeWrite",
  description: "Where there is no such item it becomes what the patch says, as application/json",
});

const AddWrite = z
  .strictObject({
    op: z.literal("add"),
    key: Key,
    by: z.union([z.int(), z.string().regex(/^(0|-?[1-9]\d{0,18})$/)]),
  })
  .meta({
    id: "AddWrite",
    description:
      "Keeps a signed integer of 64 bits, as text/plain with its decimal digits; where there is no such item it counts from 0",
  });

export const TransactionRequest = z
  .strictObject({
    checks: z.array(ItemVersion).max(TRANSACTION_CHECKS_MAX).optional(),
    writes: z
      .array(z.discriminatedUnion("op", [PutWrite, DeleteWrite, MergeWrite, AddWrite]))
      .max(TRANSACTION_WRITES_MAX)
      .optional()
      .meta({
        description:
          "Without any, the checks alone are made: the answer is a receipt of an entry that changes nothing and stands where they held",
      }),
  })
  .meta({
    id: "TransactionRequest",
    description:
      "All or nothing, in one entry of the log. An item that is expired is absent. Merging and adding keep an item's expiry.",
  });

export const TransactionAnswer = Receipt.extend({
  results: z
    .array(
      z.object({
        version: PositionText,
        value: z.unknown().optional().meta({
          description:
            "Of a merge the item's JSON text as it is, of an add its digits as a string. Absent where the caller may not read the item, and in the answer to a repeated idempotency key once the log no longer holds the entry (24 h)",
        }),
      }),
    )
    .meta({ description: "One for each write, in their order" }),
}).meta({ id: "TransactionAnswer", description: "The receipt, and what each write came to" });
