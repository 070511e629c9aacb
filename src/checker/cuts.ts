/**
 * Whoever sees an answer also sees the question: the promise of one read of several items, judged by what clients wrote.
 *
 * A client that answers something says in the value what it had read: `{"answers": {"user", "key", "version"}}`. So the values of
 * one answer of the store testify by themselves which of them rest on which, and nothing has to be known of sessions, tokens
 * or logs but whether the later version shown includes the one that was answered. (causality.ts derives the same from what
 * sessions did; that the two rest on different evidence is the point.)
 */
import type { Authority } from "./authority.ts";
import type { Json, Level, Operation } from "./operation.ts";
import { showItem, showOperation, showVersion } from "./sentence.ts";
import { itemId, readsOf, type Touch } from "./touch.ts";
import { verdictOf, type Verdict, type Violation } from "./verdict.ts";
import { Writers } from "./writers.ts";

/** What somebody had seen when they wrote a value. */
export interface Question {
  readonly user: string;
  readonly key: string;
  readonly version: string;
}

/** Levels at which several items in one answer are a cut. */
const CUT_LEVELS: readonly Level[] = ["user", "strong", "bounded", "session", "prefix"];

export function checkCuts(operations: readonly Operation[], authority: Authority): Verdict {
  const writers = new Writers(operations, authority);
  const violations: Violation[] = [];
  const counted = { cuts: 0, answersWithQuestion: 0, acrossUsers: 0, questionsLost: 0 };
  for (const op of operations) {
    if (op.op !== "read-many" || op.anchored === false || !CUT_LEVELS.includes(op.level ?? "user")) continue;
    const reads = readsOf(op);
    if (reads.length === 0) continue;
    counted.cuts += 1;
    const shown = new Map(reads.map((read) => [itemId(read.user, read.key), read]));
    for (const read of reads) {
      const question = questionOf(read.output);
      const asked = question && shown.get(itemId(question.user, question.key));
      if (question === undefined || asked?.version === undefined) continue;
      // What a failover took away nobody can be shown.
      if (authority.isLost(question.user, question.version)) {
        counted.questionsLost += 1;
        continue;
      }
      counted.answersWithQuestion += 1;
      if (question.user !== read.user) counted.acrossUsers += 1;
      const seen = authority.shows(asked, asked.version, question.version, writers.existedFor(op));
      if (seen === false) violations.push(hidden(read, asked, question));
    }
  }
  return verdictOf("causal cuts", violations, counted);
}

export function questionOf(value: Json | undefined): Question | undefined {
  if (!isObject(value)) return undefined;
  const { answers } = value;
  if (!isObject(answers)) return undefined;
  const { user, key, version } = answers;
  if (typeof user !== "string" || typeof key !== "string" || typeof version !== "string") return undefined;
  return { user, key, version };
}

function isObject(value: Json | undefined): value is { readonly [member: string]: Json } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function hidden(answer: Touch, asked: Touch, question: Question): Violation {
  const message =
    `an answer without its question: ${showOperation(answer.op)} showed ${showItem(answer.user, answer.key)} at ` +
    `${showVersion(answer.version)}, which answers ${showItem(question.user, question.key)} at ${question.version}, and that ` +
    `item at ${showVersion(asked.version)}`;
  return { message, ops: [answer.op.id] };
}
