/**
 * What an answer of the store means for the record: done, surely not done, or nobody knows.
 *
 * A refused condition is an answer (`ok`, applied: false). A problem that says `definite` is a failure. Everything else about
 * a write, silence above all, is `info`. A read does nothing, so a read that failed has failed.
 */
import { HEADER } from "../api/header.ts";
import type { Answer, Invocation, Json, ShownItem } from "../checker/operation.ts";
import { jsonOf, problemOf, type Reply } from "./caller.ts";
import type { Heard } from "./recorder.ts";

const READS: ReadonlySet<Invocation["op"]> = new Set(["read", "list", "read-many"]);
/** The state was not as the request wanted it, and that is all. */
const CONDITIONS: ReadonlySet<string> = new Set(["precondition-failed", "check-failed"]);

export function hear(asked: Invocation, reply: Reply | null): Heard {
  const isRead = READS.has(asked.op);
  if (reply === null) return { type: isRead ? "fail" : "info", answer: { problem: "unanswered" } };
  const told = headersOf(reply);
  if (reply.status < 300) {
    const body = bodyOf(asked, reply);
    // A whole answer that cannot be read: the write was done, and what it came to is not known.
    if (body === undefined)
      return { type: isRead ? "fail" : "info", answer: { ...told, problem: "unreadable" } };
    return { type: "ok", answer: { ...told, ...body } };
  }
  const problem = problemOf(reply) ?? `status-${reply.status}`;
  const definite = jsonOf(reply)["definite"] === true;
  if (problem === "not-found" && asked.op === "read")
    return { type: "ok", answer: { ...told, version: null } };
  if (problem === "not-found" && asked.op === "list") return { type: "ok", answer: { ...told, items: [] } };
  const refused = CONDITIONS.has(problem) || (problem === "not-found" && asked.op === "delete");
  if (definite && refused) return { type: "ok", answer: { ...told, applied: false, problem } };
  const lostReported = lostIn(jsonOf(reply));
  const answer: Answer = {
    ...told,
    problem,
    ...receiptIn(jsonOf(reply)),
    ...(lostReported.length > 0 ? { lostReported } : {}),
  };
  return { type: isRead || definite ? "fail" : "info", answer };
}

function headersOf({ headers }: Reply): Answer {
  const lost = headers.get(HEADER.sessionLost);
  const lostReported = lost === null ? [] : lostIn(JSON.parse(lost) as Record<string, unknown>);
  return {
    position: headers.get(HEADER.position) ?? undefined,
    servedBy: headers.get(HEADER.servedBy) ?? undefined,
    leader: headers.get(HEADER.leader) ?? undefined,
    ...(headers.get(HEADER.anchored) === "no" ? { anchored: false } : {}),
    ...(lostReported.length > 0 ? { lostReported } : {}),
  };
}

/** A write that is durable at its leader, and not yet where it was asked for, says where it stands. */
function receiptIn({ receipt }: Record<string, unknown>): Answer {
  if (receipt === null || typeof receipt !== "object" || !("version" in receipt)) return {};
  return typeof receipt.version === "string" ? { version: receipt.version } : {};
}

/** `[{from, to}]` as positions and ranges of them, "origin.epoch.from-to". */
function lostIn({ lost }: Record<string, unknown>): string[] {
  if (!Array.isArray(lost)) return [];
  return (lost as readonly { readonly from: string; readonly to: string }[]).map(({ from, to }) => {
    const first = from.slice(from.lastIndexOf(".") + 1);
    const cut = to.lastIndexOf(".");
    return from === to ? to : `${to.slice(0, cut)}.${first}-${to.slice(cut + 1)}`;
  });
}

/** undefined: not an answer to that question. */
function bodyOf(asked: Invocation, reply: Reply): Answer | undefined {
  if (asked.op === "read") {
    const version = tagOf(reply);
    return version === undefined ? undefined : { version, value: valueOf(reply) };
  }
  const body = jsonOf(reply);
  if (asked.op === "list" || asked.op === "read-many") {
    const { items } = body;
    return Array.isArray(items)
      ? { items: (items as readonly Shown[]).map((item) => shownOf(item)) }
      : undefined;
  }
  const { version, committed, leader, results } = body;
  if (typeof version !== "string") return undefined;
  const receipt = {
    version,
    committed: committed === true,
    ...(typeof leader === "string" ? { leader } : {}),
  };
  if (asked.op !== "transaction") return receipt;
  const came = Array.isArray(results) ? (results as readonly { readonly value?: Json }[]) : [];
  const items = (asked.writes ?? []).flatMap(({ key, op }, n): ShownItem[] => {
    const value = came[n]?.value;
    return op === "add" && value !== undefined ? [{ key, version, value }] : [];
  });
  return { ...receipt, items };
}

interface Shown {
  readonly user?: string;
  readonly key: string;
  readonly found?: boolean;
  readonly version?: string;
  readonly value?: Json;
  readonly valueBase64?: string;
}

export function shownOf({ user, key, found, version, value, valueBase64 }: Shown): ShownItem {
  const absent = found === false;
  const text = valueBase64 === undefined ? undefined : Buffer.from(valueBase64, "base64").toString();
  return {
    ...(user === undefined ? {} : { user }),
    key,
    version: absent ? null : version,
    value: absent ? undefined : (value ?? text),
  };
}

function tagOf({ headers }: Reply): string | undefined {
  return /^(?:W\/)?"(.*)"$/u.exec(headers.get(HEADER.etag) ?? "")?.[1];
}

function valueOf({ headers, text }: Reply): Json {
  const isJson = headers.get("Content-Type")?.startsWith("application/json") === true;
  try {
    return isJson ? (JSON.parse(text) as Json) : text;
  } catch {
    // What is stored is not what was written: as text it will fit nothing that anybody wrote.
    return text;
  }
}
