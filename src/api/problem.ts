/**
 * Every way in which the surface can refuse, in one list.
 *
 * A problem is named for the state of the world and not for the code that noticed it. Beside its status stand the two
 * facts that a client needs before it repeats anything: whether this request may nevertheless have been done
 * (`definite`), and whether repeating it can help (`retryable`).
 *
 * `definite` follows the status and what happened on the way: some refusals are decided before anything is sent; some
 * are honest only when no internal attempt was sent without an answer, because that attempt may still be executed;
 * and a time-out of a write never says that nothing was done. A read does nothing, so it is always definite.
 */

export type DefiniteRule = "always" | "unless-unanswered" | "never";

export interface ProblemType {
  readonly status: number;
  readonly title: string;
  readonly definite: DefiniteRule;
  readonly retryable: boolean;
  /** For the page at /problems/<name>: what it means, and what to do. */
  readonly text: string;
}

function type(
  status: number,
  definite: DefiniteRule,
  retryable: boolean,
  title: string,
  text: string,
): ProblemType {
  return { status, title, definite, retryable, text };
}

export const PROBLEMS = {
  "invalid-request": type(
    400,
    "always",
    false,
    "The request does not parse",
    "A path segment, query parameter, header or body is not of the form the OpenAPI document gives. `detail` names it. Sending the same request again gives the same answer.",
  ),
  "invalid-session": type(
    400,
    "always",
    false,
    "The session token is not one of ours",
    "The token in Ithaca-Session was changed, cut, signed with a key this deployment does not have, or made for another namespace. Drop it and begin a new session.",
  ),
  unauthenticated: type(
    401,
    "always",
    false,
    "No valid token",
    "The request has no bearer token, or one that is malformed, expired or signed by somebody else. WWW-Authenticate says which.",
  ),
  forbidden: type(
    403,
    "always",
    false,
    "Not yours",
    "The token is valid and does not allow this. `sub` allows a user's own data, `read` further keys, `scope` everything.",
  ),
  "not-found": type(
    404,
    "unless-unanswered",
    false,
    "There is nothing here",
    "The item, user, receipt, fault, namespace or page does not exist, as far as the consistency level of the request can tell.",
  ),
  "method-not-allowed": type(
    405,
    "always",
    false,
    "This path does not take that method",
    "The Allow header lists what it takes.",
  ),
  "check-failed": type(
    409,
    "unless-unanswered",
    false,
    "A check of the transaction failed",
    "Nothing was written. `failed` lists the keys that did not match with their present versions, null where there is no item. Read, decide again, repeat with those.",
  ),
  "not-json": type(
    409,
    "unless-unanswered",
    false,
    "The stored value is not JSON",
    "A merge patch needs a JSON value to apply to: the item's content type has to be a JSON one, its bytes have to be JSON in UTF-8, nested no deeper than 512 levels. Replace the value with PUT. `key` names the item.",
  ),
  "counter-overflow": type(
    409,
    "unless-unanswered",
    false,
    "The counter would leave 64 bits",
    "A counter is a signed integer of 64 bits: -9223372036854775808 to 9223372036854775807. Nothing was written. `key` names the item.",
  ),
  "not-a-counter": type(
    409,
    "unless-unanswered",
    false,
    "The stored value is not a counter",
    "`add` needs an item that is absent, or `text/plain` with nothing in it but the decimal digits of a signed integer of 64 bits. Nothing was written. Put the number that you mean. `key` names the item.",
  ),
  "divergent-settled": type(
    409,
    "unless-unanswered",
    false,
    "This lost write was settled already",
    "Somebody had it replayed, or discarded it, or the same request took effect again. `state` says which, and `position` names the entry that did so. Nothing was written by this request.",
  ),
  "session-lost": type(
    409,
    "unless-unanswered",
    false,
    "A failover lost writes that this session saw",
    "The token covers writes that were acknowledged by a region which then failed before a majority held them. `lost` lists their positions and `divergent` where they are kept. The answer carries a fresh Ithaca-Session without exactly those; take it, decide what to do about the lost writes, and go on.",
  ),
  "cursor-expired": type(
    410,
    "always",
    false,
    "The cursor is older than the retained log",
    "Changes are kept for a day. List the items, with the Ithaca-Session of this answer, and follow from its `cursor`: that misses nothing.",
  ),
  "precondition-failed": type(
    412,
    "unless-unanswered",
    false,
    "The item is not as the condition wants it",
    "If-Match or If-None-Match does not hold. `version` is the present one. Read, decide again, repeat with the new tag.",
  ),
  "value-too-large": type(
    413,
    "always",
    false,
    "The value is larger than 1 MiB",
    "Values are limited to 1,048,576 bytes. Split it, or keep it in an object store and the reference here.",
  ),
  "transaction-too-large": type(
    413,
    "always",
    false,
    "The transaction is too large",
    "A transaction has at most 100 checks and 100 writes; its body, and the values that it leaves, are limited to 1 MiB each; the values that it replaces or deletes to 8 MiB. `detail` says which. Split it.",
  ),
  "answer-too-large": type(
    413,
    "always",
    false,
    "The answer would be too large",
    "Ask for fewer items at once.",
  ),
  "unsupported-media-type": type(
    415,
    "always",
    false,
    "The content type is not taken here",
    "`detail` names the one that is.",
  ),
  "idempotency-key-reused": type(
    422,
    "always",
    false,
    "This idempotency key belongs to another request",
    "The same caller used this key for this user with another method, path, condition or body within 48 hours. Use a new key for a new request.",
  ),
  "too-many-requests": type(429, "unless-unanswered", true, "Too many requests", "Wait for Retry-After."),
  "rpo-bound": type(
    429,
    "unless-unanswered",
    true,
    "Replication is too far behind to take a local write",
    "The oldest write that no majority holds is older than this deployment allows, so the leader refuses to let more be at risk. Wait for Retry-After, or write with a concern that waits for other regions.",
  ),
  internal: type(
    500,
    "never",
    true,
    "Our mistake",
    "Something that should not happen did. Quote the request id. A write may have been done: retry it with the same idempotency key.",
  ),
  misconfigured: type(
    500,
    "always",
    false,
    "This deployment is misconfigured",
    "The Worker refuses every request until its configuration is mended. `detail` says what is wrong; it is for the operator.",
  ),
  "no-leader": type(
    503,
    "unless-unanswered",
    true,
    "Nobody leads this user's log now",
    "The region that leads could not be reached within the time of the request, and no other has taken over yet. Retry after Retry-After; reads may send `Ithaca-On-Unreachable: stale`.",
  ),
  "region-unavailable": type(
    503,
    "unless-unanswered",
    true,
    "No region could answer",
    "None of the regions that could answer did. Retry after Retry-After.",
  ),
  overloaded: type(
    503,
    "unless-unanswered",
    true,
    "The replica is busy",
    "The replica is alive and has more work than it can hold. Wait for Retry-After before retrying.",
  ),
  "handoff-incomplete": type(
    503,
    "unless-unanswered",
    true,
    "Not every log was handed off",
    "`remaining` lists the logs that still have their old leader. Repeat the request: it continues.",
  ),
  "write-concern-timeout": type(
    504,
    "never",
    true,
    "Written, but not yet held where you asked",
    "The write is durable at the leader (`receipt`), and the regions that its concern names did not confirm in time. It is not undone. Repeat with the same idempotency key, or ask for the receipt with waitMs, to go on waiting.",
  ),
  "outcome-unknown": type(
    504,
    "never",
    true,
    "The write may or may not have been done",
    "An attempt was sent to the leader and no answer came back in time. Repeat with the same Idempotency-Key: if it was done, you get its receipt; if not, it is done now.",
  ),
  "read-timeout": type(
    504,
    "never",
    true,
    "What you asked to see did not arrive in time",
    "The replica could not cover your session token, or show a committed state, within Ithaca-Timeout-Ms. Retry, or ask at a weaker level.",
  ),
} as const satisfies Record<string, ProblemType>;

export type ProblemName = keyof typeof PROBLEMS;

/** The body of an answer of type application/problem+json, without the members that only some problems have. */
export interface ProblemBody {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly definite: boolean;
  readonly retryable: boolean;
}

export const PROBLEM_CONTENT_TYPE = "application/problem+json";

export function isProblemName(name: string): name is ProblemName {
  return Object.hasOwn(PROBLEMS, name);
}

/** What of the request's way decides whether a refusal is definite. */
export interface Outcome {
  readonly write: boolean;
  /** An internal attempt at the write was sent and not answered. */
  readonly unanswered: boolean;
}

export function isDefinite(rule: DefiniteRule, outcome: Outcome): boolean {
  if (!outcome.write || rule === "always") return true;
  return rule === "unless-unanswered" && !outcome.unanswered;
}

export function problemBody(name: ProblemName, detail: string, outcome: Outcome): ProblemBody {
  const { status, title, definite, retryable } = PROBLEMS[name];
  return {
    type: `/problems/${name}`,
    title,
    status,
    detail,
    definite: isDefinite(definite, outcome),
    retryable,
  };
}
