/** Faults for drills. */
import { z } from "zod";
import { FAULT_MS_MAX } from "../limit.ts";
import { Instant, Region } from "./scalar.ts";

const FAULT_KINDS = [
  "down",
  "stall",
  "isolate",
  "partition",
  "one-way",
  "delay",
  "drop",
  "duplicate",
  "reorder",
  "skew",
  "restart",
] as const;

export const FaultRequest = z
  .strictObject({
    kind: z.enum(FAULT_KINDS),
    region: Region,
    peer: Region.nullish(),
    ms: z.int().min(-FAULT_MS_MAX).max(FAULT_MS_MAX).nullish(),
    probability: z.number().gt(0).max(1).nullish(),
    forMs: z.int().min(1).max(FAULT_MS_MAX).meta({ description: "Required: every fault ends by itself" }),
  })
  .meta({ id: "FaultRequest" });

export const Fault = z
  .object({
    id: z.string(),
    kind: z.enum(FAULT_KINDS),
    region: Region,
    peer: Region.optional(),
    ms: z.int().optional(),
    probability: z.number().optional(),
    endsAt: Instant,
  })
  .meta({ id: "Fault" });

export const FaultList = z.object({ faults: z.array(Fault) }).meta({ id: "FaultList" });

export const FaultsEnded = z.object({ ended: z.array(z.string()) }).meta({ id: "FaultsEnded" });
