/** Items as they are listed and read several at a time, and a patch of one. */
import { z } from "zod";
import { READS_MAX } from "../limit.ts";
import { Instant, PositionText } from "./scalar.ts";

export const MergePatch = z.unknown().meta({
  id: "MergePatch",
  description:
    "A JSON merge patch (RFC 7396), nested no deeper than 512 levels, 1 MiB at most. Its own text goes into the stored text as it is, and what it does not name stays byte for byte: spaces, order, escapes, digits. A member that stands twice in the stored object is patched wherever it stands; of one that stands twice in the patch the last counts.",
});

export const ListedItem = z
  .object({
    key: z.string(),
    version: PositionText,
    contentType: z.string(),
    size: z.int(),
    expiresAt: Instant.optional(),
    value: z.unknown().optional().meta({ description: "The stored JSON text as it is (JSON content types)" }),
    valueBase64: z.string().optional().meta({ description: "Any other bytes" }),
  })
  .meta({ id: "ListedItem" });

export const ItemList = z.object({ items: z.array(ListedItem), cursor: z.string().optional() }).meta({
  id: "ItemList",
  description:
    "A page of items in byte order of their keys. A page may be short, or empty, and still have a cursor: it ends early at 4 MiB, and where much was deleted or has expired. The last one has none",
});

export const ReadManyRequest = z
  .strictObject({
    reads: z
      .array(z.strictObject({ user: z.string(), key: z.string() }))
      .min(1)
      .max(READS_MAX),
  })
  .meta({ id: "ReadManyRequest", description: "The same item may stand in it twice" });

const ReadItem = z
  .object({
    user: z.string(),
    key: z.string(),
    found: z.boolean(),
    version: PositionText.optional(),
    contentType: z.string().optional(),
    value: z.unknown().optional().meta({ description: "The stored JSON text as it is (JSON content types)" }),
    valueBase64: z.string().optional().meta({ description: "Any other bytes" }),
  })
  .meta({ id: "ReadItem" });

export const ReadManyAnswer = z.object({ items: z.array(ReadItem) }).meta({
  id: "ReadManyAnswer",
  description:
    "In the order asked. Whoever sees an effect in it sees its causes, across users, partitions and regions",
});
