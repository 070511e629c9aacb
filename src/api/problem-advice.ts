/** What to do about each problem, for the person who meets it. What it means stands with the problem. */
import type { ProblemName } from "./problem.ts";

export const PROBLEM_ADVICE: Readonly<Record<ProblemName, string>> = {
  "invalid-request":
    "Read `detail`: it names the segment, parameter, header or member, and what it has to be. [The documentation](/docs) has an example of every operation.",
  "invalid-session":
    "Send the request again without `Ithaca-Session`, and keep the token of the answer. If it happens to many clients at once, the deployment's session key was changed without keeping the old one (`SESSION_SECRETS`).",
  unauthenticated:
    "Get a token and send it as `Authorization: Bearer <token>`. For development: `npx ithaca token --sub alice`, with the `AUTH_SECRET` of the deployment.",
  forbidden:
    "Ask for what is yours: `/v1/me/…` always is. To read somebody else's keys the token needs them in the claim `read`, or they have to be under `public/`; to change regions or faults it needs the scope `admin`.",
  "not-found":
    "Look at `detail`: it says what is missing. After a write of another client, read at a level that sees it: `user` (the default), or `session` with a token that covers the write.",
  "method-not-allowed": "Use one of the methods in `Allow`.",
  "check-failed": "Read the keys again, decide anew, and send the transaction with their present versions.",
  "not-json": "Read the value to see what it is; replace it with PUT, under a JSON content type.",
  "not-a-counter": "Put the number that you mean, as decimal digits under `text/plain`, or use another key.",
  "counter-overflow": "Add less, or start another counter.",
  "divergent-settled":
    "Look at the item as it is now. If the write is to be done after all, write it anew; if it is to be undone, write what should be there.",
  "session-lost":
    "Take the new `Ithaca-Session` from this answer and go on with it. Look at `divergent` for what was lost: each write is kept there. To never meet this, write with `Ithaca-Write-Concern: majority`, and read with `Ithaca-Read-Concern: committed`.",
  "cursor-expired":
    "List the items, and follow the changes from the cursor in this answer: together they miss nothing.",
  "precondition-failed":
    "Read the item, decide again with what is there, and repeat with its `ETag`. When you only repeat a request whose answer you did not get, send it with an `Idempotency-Key`: then you get the first answer instead of this one.",
  "value-too-large": "Split the value, or keep the bytes in an object store and a reference here.",
  "transaction-too-large": "Split it into transactions that are each whole in themselves.",
  "answer-too-large": "Ask for fewer items at once.",
  "unsupported-media-type": "Send the body under the `Content-Type` that `detail` names.",
  "idempotency-key-reused":
    "Make a new key for every new request, for example a UUID, and use it again only to repeat that very request.",
  "too-many-requests": "Wait for the seconds in `Retry-After`, then repeat.",
  "rpo-bound":
    "Wait for the seconds in `Retry-After`, or send the write with `Ithaca-Write-Concern: majority`, which waits for other regions instead of running ahead of them. `GET /v1/regions` shows which region is behind.",
  internal:
    "Repeat once, a write with the same `Idempotency-Key`. If it stays, tell the operator the `requestId`: it is in the logs.",
  misconfigured:
    "If you operate this deployment: mend what `detail` names, and deploy again. Otherwise tell who does.",
  "no-leader":
    "Wait for the seconds in `Retry-After`, then repeat: another region takes over, or this one comes back. A read may go on meanwhile with `Ithaca-On-Unreachable: stale`, or at the levels `prefix` and `eventual`.",
  "region-unavailable":
    "Wait for the seconds in `Retry-After`, then repeat. `GET /v1/regions` shows what can be reached.",
  overloaded:
    "Wait for the seconds in `Retry-After`, and send less at once: repeating sooner makes it last longer.",
  "handoff-incomplete": "Repeat the same request: what is handed off stays so, and it goes on with the rest.",
  "write-concern-timeout":
    "Do not write it anew: it is written. Repeat with the same `Idempotency-Key`, or ask `GET …/receipts/{position}?waitMs=…` with the position of the receipt in this answer, to go on waiting. If a region is down, `all` waits in vain; `majority` does not need it.",
  "outcome-unknown":
    "Repeat with the same `Idempotency-Key`: if the write was done you get its receipt, if not it is done now. Without a key, read the item and see.",
  "read-timeout":
    "Repeat, with a larger `Ithaca-Timeout-Ms` if the client can wait, or without `Ithaca-Read-Concern: committed`, or at a weaker level.",
};
