/** Exports and imports, line by line. */
import { z } from "zod";
import { IMPORT_FAILURES_MAX } from "../limit.ts";
import { ListedItem } from "./item.ts";
import { Instant, PositionText } from "./scalar.ts";

/** Lines of exports that are no items are passed over. */
export const ImportLine = ListedItem.partial({ version: true, contentType: true, size: true }).meta({
  id: "ImportLine",
  description:
    "An item, with `value` or `valueBase64`. Without a version the line is known by the rest of it; without a content type it is application/json, or application/octet-stream for `valueBase64`; a size is compared",
});

const ExportFrame = z.object({ user: z.string(), position: PositionText, at: Instant }).meta({
  id: "ExportStart",
  description: "The first line: where the user's log stood when the export began",
});

const ExportEnd = z
  .object({ end: z.literal(true), items: z.int(), session: z.string() })
  .meta({ id: "ExportEnd", description: "The last line of a whole export, with a token that covers it" });

const ExportBreak = z
  .looseObject({ end: z.literal(false), items: z.int(), after: z.string().optional() })
  .meta({
    id: "ExportBreak",
    description: "The last line of an export that broke off, with the problem and the last key before it",
  });

export const ExportLine = z
  .union([ExportFrame, ListedItem, ExportEnd, ExportBreak])
  .meta({ id: "ExportLine", description: "A line of an export" });

export const ImportResult = z
  .object({
    imported: z.int().meta({ description: "Written now" }),
    unchanged: z.int().meta({ description: "Imported before, or there already under the very version" }),
    failed: z
      .array(
        z.object({
          line: z.int().meta({ description: "From 1" }),
          problem: z.string().meta({ description: "Name of a problem", examples: ["invalid-request"] }),
          detail: z.string(),
        }),
      )
      .meta({ description: `The first ${IMPORT_FAILURES_MAX} lines that were not taken` }),
    failedCount: z.int().meta({ description: "All of them" }),
  })
  .meta({ id: "ImportResult" });

/** What the problem that an import broke off with tells of what was done before. */
export const ImportBroken = {
  ...ImportResult.partial().shape,
  line: z.int().optional().meta({ description: "The first line that is not known to be done" }),
};
