/** Places in logs, as several messages hold them. */
import type { EpochStart } from "../replication/message.ts";
import type { CrossPosition, Position, Tail } from "../replication/position.ts";
import { message, one, region, u32, u53 } from "./shape.ts";

export const positionShape = message<Position>("Position", {
  o: one(1, region),
  e: one(2, u53),
  s: one(3, u53),
});

export const crossPositionShape = message<CrossPosition>("CrossPosition", {
  p: one(1, u32),
  o: one(2, region),
  e: one(3, u53),
  s: one(4, u53),
});

export const tailShape = message<Tail>("Tail", {
  e: one(1, u53),
  s: one(2, u53),
});

export const epochStartShape = message<EpochStart>("EpochStart", {
  e: one(1, u53),
  start: one(2, u53),
});
