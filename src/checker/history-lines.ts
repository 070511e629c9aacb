/**
 * A history as a file: one JSON object a line, in Jepsen's vocabulary.
 *
 *   {"process": 3, "type": "invoke", "op": "write", "user": "alice", "key": "a", "value": 7, "region": "weur", …, "time": 12}
 *   {"process": 3, "type": "ok", "op": "write", "user": "alice", "key": "a", "version": "weur.16.4", …, "time": 19}
 *
 * An answer belongs to the one invocation that its process has open. Other members are those of Invocation and Answer,
 * under their own names; a reader that does not know one passes over it.
 */
import { History, type RecordedEvent } from "./history.ts";
import type { Answer, Invocation } from "./operation.ts";

export interface ParsedHistory {
  readonly history: History;
  /** What could not be read or matched, in words; a history with any of these deserves a second look. */
  readonly problems: readonly string[];
}

export function formatHistory(history: History): string {
  return history.events.map((event) => `${JSON.stringify(lineOf(event))}\n`).join("");
}

function lineOf(event: RecordedEvent): object {
  const { process, op, user, key, region, level, concern } = event.invocation;
  const name = { process, type: event.type, op, user, key, region, level, concern };
  const body = event.type === "invoke" ? event.invocation : event.answer;
  return { ...name, ...body, time: event.time };
}

export function parseHistory(text: string): ParsedHistory {
  const history = new History();
  const problems: string[] = [];
  const open = new Map<number, number>();
  for (const [index, line] of text.split("\n").entries()) {
    if (line.trim() === "") continue;
    const problem = readLine(line, history, open);
    if (problem !== undefined) problems.push(`line ${index + 1}: ${problem}`);
  }
  return { history, problems };
}

/** Adds one line to the history; answers what is wrong with it, if anything is. */
function readLine(line: string, history: History, open: Map<number, number>): string | undefined {
  const fields = readObject(line);
  if (fields === undefined) return "not a JSON object";
  const { type, process, time, ...rest } = fields;
  if (typeof process !== "number" || typeof time !== "number") return "no process or no time";
  if (type === "invoke") {
    const left = open.has(process)
      ? `process ${process} invokes while its last operation is open`
      : undefined;
    const invocation = { user: "", ...rest, process };
    if (!isInvocation(invocation)) return "not the members of an invocation";
    open.set(process, history.invoke(invocation, time));
    return left;
  }
  if (type !== "ok" && type !== "fail" && type !== "info") return `unknown type ${JSON.stringify(type)}`;
  const id = open.get(process);
  if (id === undefined) return `process ${process} has nothing open`;
  open.delete(process);
  const {
    op: _op,
    user: _user,
    key: _key,
    region: _region,
    level: _level,
    concern: _concern,
    ...told
  } = rest;
  const answer: object = told;
  if (!isAnswer(answer)) return "not the members of an answer";
  if (type === "ok") history.ok(id, answer, time);
  else if (type === "fail") history.fail(id, time, answer);
  else history.info(id, time, answer);
  return undefined;
}

/** As much as the checkers lean on; every other member only ever gets compared or printed. */
function isInvocation(fields: object): fields is Invocation {
  const { op, user, key, writes, checks, session, idempotencyKey } = fields as Partial<
    Record<string, unknown>
  >;
  if (typeof op !== "string" || typeof user !== "string") return false;
  return [key, session, idempotencyKey].every(isTextOrMissing) && [writes, checks].every(isItemsOrMissing);
}

function isAnswer(fields: object): fields is Answer {
  const { version, items, position, lostReported } = fields as Partial<Record<string, unknown>>;
  if (version !== null && !isTextOrMissing(version)) return false;
  if (!isTextOrMissing(position) || !isItemsOrMissing(items)) return false;
  return lostReported === undefined || (Array.isArray(lostReported) && lostReported.every(isTextOrMissing));
}

function isTextOrMissing(member: unknown): boolean {
  return member === undefined || typeof member === "string";
}

function isItemsOrMissing(member: unknown): boolean {
  if (member === undefined) return true;
  return (
    Array.isArray(member) &&
    member.every((item: unknown) => {
      if (item === null || typeof item !== "object" || !("key" in item)) return false;
      return typeof item.key === "string";
    })
  );
}

function readObject(line: string): Record<string, unknown> | undefined {
  try {
    const parsed: unknown = JSON.parse(line);
    if (parsed === null || typeof parsed !== "object" || Array.isArray(parsed)) return undefined;
    return parsed as Record<string, unknown>;
  } catch {
    // Half a line is what a killed run leaves behind; the caller reports it as a problem.
    return undefined;
  }
}
