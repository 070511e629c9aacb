/**
 * What bodies of every kind are made of.
 *
 * The files beside it hold the bodies of requests and answers, once, by resource. The OpenAPI document is made out of them; the
 * small requests (home, faults) are parsed with them; items, on the hot path, have bytes for a body and never meet them.
 */
import { z } from "zod";

export const Concern = z.enum(["local", "one", "majority", "all"]);

/** `origin.epoch.seq`. Epoch and seq may pass 2^53: text. */
export const PositionText = z
  .string()
  .regex(/^[a-z0-9-]+\.(0|[1-9]\d*)\.(0|[1-9]\d*)$/)
  .meta({ description: "`origin.epoch.seq`", examples: ["weur.16.42"] });

export const Count = z
  .string()
  .regex(/^\d+$/)
  .meta({ description: "A counter that may pass 2^53: decimal text" });

export const Instant = z.int().meta({ description: "Milliseconds since 1970" });

export const Region = z.string().meta({ description: "A region id", examples: ["weur"] });
