/** Lists of items, page by page. */
import { LIST_BYTES_MAX, LIST_LIMIT_DEFAULT, LIST_LIMIT_MAX, KEY_BYTES_MAX } from "../../api/limit.ts";
import type { PathForm } from "../../api/path-form.ts";
import { embeddedValue } from "../../api/value-text.ts";
import type { ReadList, SessionPart } from "../../replication/request.ts";
import type { Addressed, Exchange } from "../exchange.ts";
import { floorAfter, floorFrom } from "../floor.ts";
import { mayList } from "../identity.ts";
import { itemText } from "../item-text.ts";
import { rangeDigest, type ListPlace } from "../list-cursor.ts";
import type { Outcome } from "../journey.ts";
import { utf8Length } from "../path.ts";
import { outcomeAnswer } from "../problem-answer.ts";
import { parseBoolean, type Query } from "../query.ts";
import { beginRead, read, readTerms } from "../read.ts";
import { invalid, Refused } from "../refusal.ts";
import { parseInteger } from "../request-header.ts";
import type { RegionTable } from "../region-table.ts";
import { readHeaders, staleAware } from "./item.ts";

type ListAnswer = Extract<Outcome, { kind: "list" }>;

/** What a page has beside its items: a cursor names a user and a key, and each of up to 16 logs. */
const FRAME_BYTES = 2_000;

export async function listItems(exchange: Exchange, form: PathForm): Promise<Response> {
  const subject = await exchange.address(form);
  const query = exchange.query();
  const prefix = bound(query, "prefix") ?? "";
  if (!mayList(subject.identity, subject.user, prefix)) {
    throw new Refused("forbidden", "this list is not yours to read; try a prefix that is");
  }
  const terms = readTerms(exchange, subject.namespace);
  const { list, range, floor } = listOf(exchange, subject, query, prefix);
  const journey = beginRead(exchange, subject);

  const { outcome, stale } = await read(journey, terms, list, floor);
  if (outcome.kind !== "list") return staleAware(outcomeAnswer(exchange, journey, outcome, terms), stale);
  const headers = readHeaders(exchange, journey, terms, outcome, stale);
  headers["Content-Type"] = "application/json";
  const { edge, isHead } = exchange;
  const { texts, next } = fitting(edge.regions, outcome);
  const cursor =
    next === undefined
      ? undefined
      : edge.cursors.issue({
          namespace: subject.namespace,
          user: subject.user,
          key: next,
          reverse: list.reverse,
          range,
          ...covering(outcome, floor),
        });
  return new Response(isHead ? null : pageText(texts, cursor), { headers });
}

function listOf(exchange: Exchange, subject: Addressed, query: Query, prefix: string) {
  const { namespace, user } = subject;
  const reverse = parseBoolean(query, "reverse");
  const limit = query.get("limit");
  const start = bound(query, "start");
  // Nothing comes before an empty end: it is one that was left blank.
  const end = bound(query, "end") || undefined;
  const range = rangeDigest(prefix, start, end);
  const cursor = query.get("cursor");
  const place =
    cursor === undefined
      ? undefined
      : exchange.edge.cursors.read(cursor, { namespace, user, reverse, range });
  const list: ReadList = {
    kind: "list",
    prefix,
    ...(start === undefined ? {} : { start }),
    ...(end === undefined ? {} : { end }),
    ...(place === undefined ? {} : { after: place.key }),
    limit: limit === undefined ? LIST_LIMIT_DEFAULT : parseInteger("limit", limit, 1, LIST_LIMIT_MAX),
    reverse,
    values: parseBoolean(query, "values"),
    bytesMax: LIST_BYTES_MAX,
  };
  return { list, range, floor: place === undefined ? undefined : floorFrom(place.floor, place.seenAt) };
}

/** A bound is compared with keys, so that longer ones than any key are a mistake; it need not be a key itself. */
export function bound(query: Query, name: "prefix" | "start" | "end" | "after"): string | undefined {
  const value = query.get(name);
  if (value !== undefined && (utf8Length(value) > KEY_BYTES_MAX || !value.isWellFormed())) {
    throw invalid(`the query parameter ${name} has to be at most ${KEY_BYTES_MAX} bytes of UTF-8`);
  }
  return value;
}

/** The next page covers what this one showed, and what the ones before did. */
function covering(
  { facts }: ListAnswer,
  floor: SessionPart | undefined,
): Pick<ListPlace, "floor" | "seenAt"> {
  const { positions, seenAt } = floorAfter(facts, floor);
  return { floor: positions.map(({ o, e, s }) => ({ o, e, s })), seenAt };
}

/** The replica ended the page by what is stored; as text, and in base64 above all, it may be longer. */
function fitting(regions: RegionTable, { items, next }: ListAnswer): { texts: string[]; next?: string } {
  const texts: string[] = [];
  let bytes = FRAME_BYTES;
  for (const item of items) {
    const text = itemText(regions, item, embeddedValue);
    bytes += utf8Length(text) + 1;
    const before = items[texts.length - 1];
    if (bytes > LIST_BYTES_MAX && before !== undefined) return { texts, next: before.key };
    texts.push(text);
  }
  return { texts, ...(next === undefined ? {} : { next }) };
}

/** Written by hand: stored JSON stands in it as it is, byte for byte. */
function pageText(texts: readonly string[], cursor: string | undefined): string {
  const tail = cursor === undefined ? "" : `,"cursor":${JSON.stringify(cursor)}`;
  return `{"items":[${texts.join(",")}]${tail}}`;
}
