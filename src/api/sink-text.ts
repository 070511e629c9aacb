/**
 * What a sink is sent: changes of one log, in its order, as JSON. The same text goes to an address and to a queue; a
 * queue's messages are small, so that there a large transaction takes several.
 */
import type { Change } from "../replication/change.ts";
import type { SinkBatch } from "../replication/effect.ts";
import type { RegionIndex } from "../replication/position.ts";
import { changeText } from "./change-text.ts";

export interface SinkTextOptions {
  readonly sink: string;
  readonly namespace: string;
  readonly partition: number;
  readonly regionId: (region: RegionIndex) => string;
  readonly values: boolean;
  /** A larger value is left out, and its change says where to get it. */
  readonly valueBytesMax: number;
  /** Of one message, in UTF-8, unless a single change is larger. */
  readonly messageBytesMax: number;
}

export interface SinkMessage {
  /** The same for every attempt, and for nothing else: what a receiver tells repeats by. */
  readonly id: string;
  readonly body: string;
}

const UTF8 = new TextEncoder();
/** Around the changes of a message: names of at most 63 characters, an id made of them, and numbers. */
const FRAME_BYTES = 600;

export function sinkMessages(batch: SinkBatch, options: SinkTextOptions): SinkMessage[] {
  const pages: string[][] = [[]];
  let bytes = FRAME_BYTES;
  for (const change of batch.changes) {
    const text = sinkChangeText(change, options);
    const size = UTF8.encode(text).length + 1;
    if (bytes + size > options.messageBytesMax && pages.at(-1)!.length > 0) {
      pages.push([]);
      bytes = FRAME_BYTES;
    }
    pages.at(-1)!.push(text);
    bytes += size;
  }
  const whole = idOf(batch, options);
  return pages.map((changes, part) => {
    const id = pages.length === 1 ? whole : `${whole}-p${part + 1}`;
    return { id, body: bodyOf(id, batch, options, changes) };
  });
}

/** Places of committed entries never mean anything else. No full stop in it: what is signed is put together with those. */
function idOf(
  { after, through, round }: SinkBatch,
  { sink, namespace, partition, regionId }: SinkTextOptions,
) {
  const place = `${sink}-${namespace}-${partition}-${regionId(through.o)}-${after + 1}-${through.s}`;
  return round === 0 ? place : `${place}-r${round}`;
}

function bodyOf(
  id: string,
  { through: { o, e, s } }: SinkBatch,
  { sink, namespace, partition, regionId }: SinkTextOptions,
  changes: readonly string[],
): string {
  const origin = regionId(o);
  const head = JSON.stringify({ id, sink, namespace, partition, origin, position: `${origin}.${e}.${s}` });
  return `${head.slice(0, -1)},"changes":[${changes.join(",")}]}`;
}

function sinkChangeText(change: Change, options: SinkTextOptions): string {
  const { namespace, regionId, values, valueBytesMax } = options;
  const truncated = values && (change.after?.value.length ?? 0) > valueBytesMax;
  const text = changeText(change, { regionId, values: values && !truncated });
  const user = `{"user":${JSON.stringify(change.user)},${text.slice(1)}`;
  if (!truncated) return user;
  const href = itemPath(namespace, change.user, change.key);
  return `${user.slice(0, -1)},"truncated":true,"href":${JSON.stringify(href)}}`;
}

/** What is there now, which may be newer: its ETag says. */
function itemPath(namespace: string, user: string, key: string): string {
  const users = namespace === "default" ? "/v1/users" : `/v1/ns/${namespace}/users`;
  return `${users}/${encodeURIComponent(user)}/items/${key.split("/").map(encodeURIComponent).join("/")}`;
}
