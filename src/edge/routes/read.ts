/** Several items of several users, in one cut. */
import { HEADER } from "../../api/header.ts";
import { READ_ANSWER_BYTES_MAX, READ_BODY_BYTES_MAX } from "../../api/limit.ts";
import type { PathForm } from "../../api/path-form.ts";
import { ReadManyRequest } from "../../api/schema/item.ts";
import { partitionOf } from "../../deployment/deployment.ts";
import type { ItemView } from "../../replication/request.ts";
import { readJson } from "../body.ts";
import { Cut, type CutAnswer, type CutRead } from "../cut.ts";
import { cutHeaders, cutLostMembers, cutTimeOf } from "../cut-answer.ts";
import type { Exchange } from "../exchange.ts";
import { mayReadKey, type Identity } from "../identity.ts";
import { checkKey, checkUser } from "../path.ts";
import { positionText } from "../position-text.ts";
import { outcomeAnswer, problemAnswer } from "../problem-answer.ts";
import { readTerms } from "../read.ts";
import { invalid, Refused } from "../refusal.ts";
import type { RegionTable } from "../region-table.ts";
import { embeddedValue } from "../../api/value-text.ts";
import { Voyage } from "../voyage.ts";

export async function readMany(exchange: Exchange, form: PathForm): Promise<Response> {
  const { identity, namespace } = await exchange.enter(form);
  const asked = await readsOf(exchange, identity);
  const { distinct, places } = withoutDoubles(asked);
  const terms = readTerms(exchange, namespace);
  const { edge, startedAt } = exchange;
  const voyage = new Voyage(edge, {
    from: exchange.placed(),
    startedAt,
    budgetMs: exchange.budgetMs(),
    isWrite: false,
  });
  exchange.journey = voyage;
  const cut = new Cut(voyage, { namespace, terms, reads: distinct, bytesMax: READ_ANSWER_BYTES_MAX });

  const outcome = await cut.read();
  const nothing = { namespace, terms, answers: [], rounds: 0, stale: false, lost: [] };
  switch (outcome.kind) {
    case "failed":
      return outcomeAnswer(exchange, outcome.journey, outcome.outcome, terms);
    case "too-large":
      return tooLarge(exchange, cutHeaders(exchange, voyage, nothing));
    case "lost":
      return problemAnswer(exchange, "session-lost", "a failover lost writes that this session saw", {
        members: cutLostMembers(exchange, namespace, distinct, outcome.lost),
        headers: cutHeaders(exchange, voyage, { ...nothing, lost: outcome.lost }),
      });
    case "cut": {
      const { answers, rounds, stale } = outcome;
      const lost = answers.flatMap(({ partition, reply }) =>
        reply.lost === undefined ? [] : [{ partition, positions: reply.lost }],
      );
      const headers = cutHeaders(exchange, voyage, { namespace, terms, answers, rounds, stale, lost });
      if (lost.length > 0)
        headers[HEADER.sessionLost] = JSON.stringify(cutLostMembers(exchange, namespace, distinct, lost));
      const body = bodyOf(edge.regions, asked, places, itemsOf(answers));
      if (body === null) return tooLarge(exchange, headers);
      headers["Content-Type"] = "application/json";
      return new Response(body, { headers });
    }
  }
}

function tooLarge(exchange: Exchange, headers: Record<string, string>): Response {
  const detail = `the answer would be larger than ${READ_ANSWER_BYTES_MAX} bytes`;
  return problemAnswer(exchange, "answer-too-large", detail, { headers });
}

async function readsOf(exchange: Exchange, identity: Identity): Promise<readonly CutRead[]> {
  const parsed = ReadManyRequest.safeParse(await readJson(exchange.request, READ_BODY_BYTES_MAX));
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const where = (issue?.path ?? []).map((step) =>
      typeof step === "number" ? `[${step}]` : `.${String(step)}`,
    );
    throw invalid(
      `the body has to be {"reads": [{"user", "key"}]}: ${where.join("").slice(1)} ${issue?.message ?? ""}`,
    );
  }
  const { deployment } = exchange.edge;
  const reads = parsed.data.reads.map(({ user, key }, n) => {
    checkUser(user, `reads[${n}].user`);
    checkKey(key, `reads[${n}].key`);
    return { user, key, partition: partitionOf(deployment, user) };
  });
  const forbidden = reads.findIndex(({ user, key }) => !mayReadKey(identity, user, key));
  if (forbidden !== -1) {
    const { user = "", key = "" } = reads[forbidden] ?? {};
    throw new Refused("forbidden", `reads[${forbidden}] is not yours to read`, {
      members: { index: forbidden, user, key },
    });
  }
  return reads;
}

/** Who asks for the same item twice is shown the same twice. */
function withoutDoubles(asked: readonly CutRead[]): {
  readonly distinct: readonly CutRead[];
  /** By read: its place among the distinct ones. */
  readonly places: readonly number[];
} {
  const known = new Map<string, number>();
  const distinct: CutRead[] = [];
  const places = asked.map((read) => {
    const name = JSON.stringify([read.user, read.key]);
    const place = known.get(name) ?? distinct.push(read) - 1;
    known.set(name, place);
    return place;
  });
  return { distinct, places };
}

/** By place among the distinct reads. What expired at one replica by the time of the cut has expired at all of them. */
function itemsOf(answers: readonly CutAnswer[]): ReadonlyMap<number, ItemView> {
  const cutTime = cutTimeOf(answers);
  const items = new Map<number, ItemView>();
  for (const { reads, reply } of answers) {
    for (const [n, outcome] of reply.items.entries()) {
      if (outcome.kind !== "item" || outcome.item === null) continue;
      const { item } = outcome;
      if (item.expiresAt === 0 || item.expiresAt > cutTime) items.set(reads[n] ?? 0, item);
    }
  }
  return items;
}

const encoder = new TextEncoder();

/** Written by hand: stored JSON stands in it as it is, byte for byte. Null: more than may be answered. */
function bodyOf(
  regions: RegionTable,
  asked: readonly CutRead[],
  places: readonly number[],
  items: ReadonlyMap<number, ItemView>,
): Uint8Array<ArrayBuffer> | null {
  const pieces: Uint8Array[] = [encoder.encode('{"items":[')];
  let length = pieces[0]?.length ?? 0;
  for (const [n, read] of asked.entries()) {
    const text = itemText(regions, read, items.get(places[n] ?? 0));
    const piece = encoder.encode(n === 0 ? text : `,${text}`);
    length += piece.length;
    if (length > READ_ANSWER_BYTES_MAX) return null;
    pieces.push(piece);
  }
  const end = encoder.encode("]}");
  if (length + end.length > READ_ANSWER_BYTES_MAX) return null;
  const body = new Uint8Array(length + end.length);
  let at = 0;
  for (const piece of [...pieces, end]) {
    body.set(piece, at);
    at += piece.length;
  }
  return body;
}

function itemText(regions: RegionTable, { user, key }: CutRead, item: ItemView | undefined): string {
  if (item === undefined) return JSON.stringify({ user, key, found: false });
  const { version, contentType, value = new Uint8Array(0) } = item;
  const fixed = JSON.stringify({
    user,
    key,
    found: true,
    version: positionText(regions, version),
    contentType,
  });
  return `${fixed.slice(0, -1)},${embeddedValue(contentType, value)}}`;
}
