/** Lists of items, page by page. */
import { LIST_BYTES_MAX, LIST_LIMIT_DEFAULT, LIST_LIMIT_MAX, KEY_BYTES_MAX } from "../../api/limit.ts";
import type { PathForm } from "../../api/path-form.ts";
import { embeddedValue } from "../../api/value-text.ts";
import type { ItemView, ReadList, SessionPart } from "../../replication/request.ts";
import type { Addressed, Exchange } from "../exchange.ts";
import { floorAfter, floorFrom } from "../floor.ts";
import { mayList } from "../identity.ts";
import { itemText } from "../item-text.ts";
import type { ListPlace } from "../list-cursor.ts";
import type { Outcome } from "../journey.ts";
import { utf8Length } from "../path.ts";
import { outcomeAnswer } from "../problem-answer.ts";
import { parseBoolean, type Query } from "../query.ts";
import { beginRead, read, readTerms } from "../read.ts";
import { invalid, Refused } from "../refusal.ts";
import { parseInteger } from "../request-header.ts";
import type { RegionTable } from "../region-table.ts";
import { readHeaders, staleAware } from "./item.ts";

export async function listItems(exchange: Exchange, form: PathForm): Promise<Response> {
  const subject = await exchange.address(form);
  const query = exchange.query();
  const prefix = bound(query, "prefix") ?? "";
  if (!mayList(subject.identity, subject.user, prefix)) {
    throw new Refused("forbidden", "this list is not yours to read; try a prefix that is");
  }
  const terms = readTerms(exchange, subject.namespace);
  const { list, floor } = listOf(exchange, subject, query, prefix);
  const journey = beginRead(exchange, subject);

  const { outcome, stale } = await read(journey, terms, list, floor);
  if (outcome.kind !== "list") return staleAware(outcomeAnswer(exchange, journey, outcome, terms), stale);
  const headers = readHeaders(exchange, journey, terms, outcome, stale);
  headers["Content-Type"] = "application/json";
  const { edge, isHead } = exchange;
  const cursor =
    outcome.next === undefined ? undefined : edge.cursors.issue(placeAfter(subject, list, outcome, floor));
  return new Response(isHead ? null : pageText(edge.regions, outcome.items, cursor), { headers });
}

function listOf(exchange: Exchange, subject: Addressed, query: Query, prefix: string) {
  const { namespace, user } = subject;
  const reverse = parseBoolean(query, "reverse");
  const limit = query.get("limit");
  const start = bound(query, "start");
  const end = bound(query, "end");
  const cursor = query.get("cursor");
  const place =
    cursor === undefined ? undefined : exchange.edge.cursors.read(cursor, { namespace, user, reverse });
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
  return { list, floor: place === undefined ? undefined : floorFrom(place.floor, place.seenAt) };
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
function placeAfter(
  { namespace, user }: Addressed,
  { reverse }: ReadList,
  { next, facts }: Extract<Outcome, { kind: "list" }>,
  floor: SessionPart | undefined,
): ListPlace {
  const { positions, seenAt } = floorAfter(facts, floor);
  return {
    namespace,
    user,
    key: next ?? "",
    reverse,
    floor: positions.map(({ o, e, s }) => ({ o, e, s })),
    seenAt,
  };
}

/** Written by hand: stored JSON stands in it as it is, byte for byte. */
function pageText(regions: RegionTable, items: readonly ItemView[], cursor: string | undefined): string {
  const texts = items.map((item) => itemText(regions, item, embeddedValue));
  const tail = cursor === undefined ? "" : `,"cursor":${JSON.stringify(cursor)}`;
  return `{"items":[${texts.join(",")}]${tail}}`;
}
