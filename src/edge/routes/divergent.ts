/** Writes that a failover cut off: listed for their user, and settled one by one. */
import { LIST_BYTES_MAX, LIST_LIMIT_DEFAULT, LIST_LIMIT_MAX } from "../../api/limit.ts";
import type { PathForm } from "../../api/path-form.ts";
import { DivergentAction } from "../../api/schema/divergent.ts";
import { embeddedValue } from "../../api/value-text.ts";
import { jsonTextOf } from "../../replication/json-text.ts";
import { leaderOf, type Position } from "../../replication/position.ts";
import type { ItemView, LostOpView, LostWriteView } from "../../replication/request.ts";
import { readJson } from "../body.ts";
import type { Exchange } from "../exchange.ts";
import { mayReadAll, mayWrite } from "../identity.ts";
import { decodePart } from "../path.ts";
import { parsePosition, positionText } from "../position-text.ts";
import { outcomeAnswer } from "../problem-answer.ts";
import { beginRead, read, readTerms } from "../read.ts";
import { invalid, Refused } from "../refusal.ts";
import type { RegionTable } from "../region-table.ts";
import { parseInteger } from "../request-header.ts";
import { beginWrite, write, writeTerms } from "../write.ts";
import { writtenAnswer } from "../written-answer.ts";
import { readHeaders, staleAware } from "./item.ts";

const DIVERGENT = "/divergent/".length;

export async function listDivergent(exchange: Exchange, form: PathForm): Promise<Response> {
  const subject = await exchange.address(form);
  if (!mayReadAll(subject.identity, subject.user))
    throw new Refused("forbidden", "these writes are not yours to read");
  const { regions } = exchange.edge;
  const query = exchange.query();
  const limit = query.get("limit");
  const cursor = query.get("cursor");
  const after = cursor === undefined ? undefined : parsePosition(regions, cursor);
  if (after === "malformed" || after === "unknown")
    throw invalid("the query parameter cursor has to be the cursor of a page");
  const terms = readTerms(exchange, subject.namespace);
  const journey = beginRead(exchange, subject);
  const { outcome, stale } = await read(journey, terms, {
    kind: "divergent",
    limit: limit === undefined ? LIST_LIMIT_DEFAULT : parseInteger("limit", limit, 1, LIST_LIMIT_MAX),
    bytesMax: LIST_BYTES_MAX,
    ...(after === undefined ? {} : { after }),
  });
  if (outcome.kind !== "divergent")
    return staleAware(outcomeAnswer(exchange, journey, outcome, terms), stale);
  const headers = readHeaders(exchange, journey, terms, outcome, stale);
  headers["Content-Type"] = "application/json";
  const { entries, next } = outcome;
  const texts = entries.flatMap((lost) => lost.ops.map((op) => entryText(regions, lost, op)));
  const tail = next === undefined ? "" : `,"cursor":${JSON.stringify(positionText(regions, next))}`;
  return new Response(exchange.isHead ? null : `{"entries":[${texts.join(",")}]${tail}}`, { headers });
}

export async function settleDivergent(exchange: Exchange, form: PathForm): Promise<Response> {
  const subject = await exchange.address(form);
  if (!mayWrite(subject.identity, subject.user))
    throw new Refused("forbidden", "this user's data is not yours to write");
  const { regions } = exchange.edge;
  const lost = placeOf(regions, decodePart(subject.tail.slice(DIVERGENT), "the id"));
  const terms = writeTerms(exchange, subject.namespace);
  const journey = beginWrite(exchange, subject);
  const parsed = DivergentAction.safeParse(await readJson(exchange.request));
  if (!parsed.success) throw invalid('the body has to be {"action": "replay"} or {"action": "discard"}');
  const { action } = parsed.data;
  const id = positionText(regions, lost);
  const outcome = await write(exchange, journey, terms, {
    identity: subject.identity,
    command: { kind: "settle", lost, action },
    digested: [id, action],
    // Whoever has no home has lost nothing.
    claims: false,
  });
  const state = action === "replay" ? "replayed" : "discarded";
  return writtenAnswer(exchange, journey, terms, outcome, { tag: false, more: { id, state } });
}

function placeOf(regions: RegionTable, id: string): Position {
  const position = parsePosition(regions, id);
  if (position === "malformed") throw invalid("the id has to be one that the list of divergent writes gave");
  if (position === "unknown") throw new Refused("not-found", "no lost write of this user has this id");
  return position;
}

/** Written by hand: stored JSON stands in it as it is, byte for byte. */
function entryText(regions: RegionTable, lost: LostWriteView, op: LostOpView): string {
  const { after, base, command, current, key } = op;
  const id = positionText(regions, lost.place);
  const fixed = JSON.stringify({
    id,
    position: id,
    key,
    op: op.op,
    ...(after === undefined ? {} : { contentType: after.contentType }),
    ...(after === undefined || after.expiresAt === 0 ? {} : { expiresAt: after.expiresAt }),
    ...(op.op === "add" && command !== undefined ? { by: new TextDecoder().decode(command) } : {}),
    cause: {
      epoch: String(lost.supersededBy),
      leader: regions.idOf(leaderOf(lost.supersededBy)),
      cutIn: regions.idOf(lost.cutIn),
      cutAt: lost.cutAt,
    },
    at: lost.at,
    state: lost.state,
    ...(lost.by === undefined ? {} : { settledBy: positionText(regions, lost.by) }),
  });
  const patch = op.op === "merge" && command !== undefined ? jsonTextOf(command) : null;
  const members = [
    ...(after === undefined ? [] : [embeddedValue(after.contentType, after.value)]),
    ...(patch === null ? [] : [`"patch":${patch}`]),
    `"base":${base === null ? "null" : stateText(regions, viewOfBase(base))}`,
    `"current":${stateText(regions, current)}`,
  ];
  return `${fixed.slice(0, -1)},${members.join(",")}}`;
}

type State = Pick<ItemView, "contentType" | "expiresAt" | "value" | "version">;

function viewOfBase({ item, version }: NonNullable<LostOpView["base"]>): State | null {
  return item === undefined || version === undefined ? null : { ...item, version };
}

function stateText(regions: RegionTable, item: State | null): string {
  if (item === null) return '{"found":false}';
  const { contentType, expiresAt, value = new Uint8Array(0), version } = item;
  const fixed = JSON.stringify({
    found: true,
    version: positionText(regions, version),
    contentType,
    ...(expiresAt === 0 ? {} : { expiresAt }),
  });
  return `${fixed.slice(0, -1)},${embeddedValue(contentType, value)}}`;
}
