/** What a reader has to know before any single operation, in the order of need. Markdown; part of the OpenAPI document. */

export interface Chapter {
  readonly title: string;
  readonly text: string;
}

export const GUIDE: readonly Chapter[] = [
  {
    title: "First steps",
    text: `
Ithaca keeps items: a value under a key, for a user. Every user has a home region, in which the user's writes are put in order; every other
region holds a copy. What you choose is how far a read looks and how long a write waits.

Write an item, and read it back:

\`\`\`sh
curl -i -X PUT http://127.0.0.1:8787/v1/users/alice/items/notes/today \\
  -H 'Content-Type: application/json' -d '{"text":"hello"}'
curl -i http://127.0.0.1:8787/v1/users/alice/items/notes/today
\`\`\`

The answer of a write is a receipt: the version that was made, and the regions that hold it. The answer of a read is the stored bytes, as they were
sent; everything about them is in the headers.
`,
  },
  {
    title: "Who is asking",
    text: `
\`Authorization: Bearer <JWT>\`. The claim \`sub\` is the user: it may read and write \`/v1/users/<sub>/…\`, and read the keys under \`public/\`
of any user. \`/v1/me/…\` is the same as \`/v1/users/<sub>/…\`. More is allowed by further claims:

| claim | allows |
| --- | --- |
| \`read\` | keys of others: a list of patterns such as \`users/bob/shared/*\` |
| \`ns\` | namespaces; only \`default\` unless it lists others |
| \`scope\` | \`read:any\`, \`write:any\`: any user; \`admin\`: regions, faults and everything else |

No token, or one that does not verify: 401, and \`WWW-Authenticate\` says why. Somebody else's data: 403, whether it exists or not.
\`npx ithaca token --sub alice\` makes a token for development. A deployment in open mode (\`npm start\`) asks nobody who they are.
`,
  },
  {
    title: "Users, keys and values",
    text: `
A user's name has 1 to 128 bytes and a key 1 to 512 bytes of UTF-8, without control characters. A key may contain \`/\`, but no segment of it
may be empty, \`.\` or \`..\`: clients and proxies rewrite such paths on the way. Encode everything else: \`?\`, \`#\` and \`%\` above all.
A value is any bytes up to 1 MiB, under any \`Content-Type\`.

\`/v1/users/{user}/…\` is the namespace \`default\`. Another one that the deployment declares is \`/v1/ns/{ns}/users/{user}/…\`: the same operations on
other users and data.

Sequence numbers, epochs, positions and counters may pass 2^53, so they travel as strings. Times are milliseconds since 1970. Where an answer embeds a
stored value, \`value\` is the stored JSON text as it is, and \`valueBase64\` any other bytes.
`,
  },
  {
    title: "Consistency of reads",
    text: `
\`Ithaca-Consistency\` says how far a read has to look. A stronger promise costs a longer way.

| level | promises | answered by |
| --- | --- | --- |
| \`user\` (default) | every device of a user sees every write that was acknowledged to any of them, with a token or without | the leader of the user's log, or a replica that can prove the same |
| \`strong\` | linearizable for each item; shows only what a majority of regions holds | the leader |
| \`bounded; max-staleness-ms=N\` | no older than N milliseconds; never answers when the age is unknown | a replica near the client, once it knows its age |
| \`session\` | read your writes, monotonic reads, monotonic writes, writes follow reads | a replica near the client that covers the token; otherwise the leader |
| \`prefix\` | no effect without its cause within what one answer shows | the replica at hand |
| \`eventual\` | whatever it has | the replica at hand |

\`session\` without a token reads as \`user\`. At \`prefix\` and \`eventual\` a user whom the replica at hand does not know yet is 404; the other levels ask
where the answer is certain.

\`Ithaca-Read-Concern: committed\` waits until what is shown is held by a majority, so that no failover can take it back.
\`Ithaca-On-Unreachable: stale\` lets a read answer from the replica at hand when no leader can be had; the answer then says
\`Ithaca-Anchored: no\`, and none of the promises above holds.
\`Ithaca-Staleness-Ms\` is an upper bound on the age of what was answered.
`,
  },
  {
    title: "Sessions",
    text: `
Every answer about data carries \`Ithaca-Session\`: a signed token that covers what the answer showed or wrote. Send the last one you got with the
next request; it holds what the one before held. Then reads at \`session\` are quick and still see your own writes, wherever they are answered,
and what you write is ordered after everything you saw.

- Keep one token for each client, and always the newest. Two clients that hand a token on see each other's writes.
- A token belongs to its namespace. It is opaque; changed or cut it is refused (400 \`invalid-session\`): drop it and begin anew.
- When a failover lost writes that a session saw, its next request is answered 409 \`session-lost\`. The answer says what was lost and carries a token without
exactly that: take it, decide, go on. With \`Ithaca-On-Lost: report\` a read answers 200 and tells the same in \`Ithaca-Session-Lost\`.
`,
  },
  {
    title: "Write concerns and receipts",
    text: `
\`Ithaca-Write-Concern\` says who has to hold a write before it is answered.

| concern | answered when it is held by | what can still happen to it |
| --- | --- | --- |
| \`local\` | the leader's region | a failover before it reached a majority cuts it off; it is then kept, and listed as divergent |
| \`one\` | one more region | the same, if both are lost |
| \`majority\` | a majority of regions | nothing: no failover loses it |
| \`all\` | every region | nothing; it waits for the slowest, and in vain for one that is down |

The default is the namespace's, \`local\` unless the deployment says otherwise. A receipt names the regions that held the write when it was answered
(\`durableIn\`) and whether a majority did (\`committed\`). \`GET …/receipts/{position}\` tells how it stands now, and with \`waitMs\` waits.

A concern that is not met in time is 504 \`write-concern-timeout\`. The write is done and stays done: the answer carries its receipt.
\`Ithaca-Timeout-Ms\` is how long the server may wait on your behalf, 5 seconds unless you say otherwise.
`,
  },
  {
    title: "Repeating a request",
    text: `
Send an \`Idempotency-Key\` of your own with every write that you may have to repeat. The same caller repeating the same request with the same key gets the
same status and the same receipt, for 48 hours, across failovers and restarts; the write is done once. Another body, path, method or condition
under a used key is 422 \`idempotency-key-reused\`. Refusals are not remembered: after one, the key is free.

Every problem says two things that a client needs before it repeats anything:

- \`definite\`: true means that this request surely did nothing. False means that a write may have been done.
- \`retryable\`: repeating the same request can help. Every 429 and 503 says in \`Retry-After\` after how many seconds.

So: \`retryable\` and \`definite\`, repeat; \`retryable\` and not \`definite\`, repeat with the same key; otherwise read \`detail\`.
`,
  },
  {
    title: "Versions and conditions",
    text: `
Every write makes a version, which is the item's \`ETag\`. \`If-Match: "<version>"\` writes only over that version, \`If-Match: *\` only over something,
\`If-None-Match: *\` only where nothing is: anything else is 412 \`precondition-failed\` with the present version. On a read
\`If-None-Match\` answers 304 while nothing changed.

Deleting what is not there is 404, and nothing is logged for it. An item with an expiry (\`Ithaca-Expires-In\`, seconds, on PUT) is gone at that time at every region, and
never comes back. A PUT without it makes the item permanent again.
`,
  },
  {
    title: "Changing part of a value, and several items at once",
    text: `
PATCH with a JSON merge patch changes the members that it names and leaves all others as they are stored, byte for byte: spaces, order and the digits of
large numbers too. A counter is an item that \`add\` keeps as a signed integer of 64 bits; a read of it answers the decimal digits as \`text/plain\`.

A transaction writes up to 100 items of one user, all or nothing, and only if its checks hold:

\`\`\`sh
curl -i http://127.0.0.1:8787/v1/users/alice/transactions \\
  -H 'Content-Type: application/json' -H 'Idempotency-Key: move-1' -d '{
    "checks": [{"key": "moves/1", "version": null}],
    "writes": [
      {"op": "put", "key": "moves/1", "value": {"from": "a", "to": "b"}},
      {"op": "add", "key": "balance/a", "by": -5},
      {"op": "add", "key": "balance/b", "by": 5}]}'
\`\`\`

A check that does not hold is 409 \`check-failed\` with the keys and their present versions: read, decide again, repeat.
`,
  },
  {
    title: "Lists and their pages",
    text: `
Lists come in pages, in byte order of their keys (the order of UTF-8, not of any language). A page that is not the last has a \`cursor\`: give it back with the same
parameters for the next one. A page may end before \`limit\`, at 4 MiB of values; only a missing \`cursor\` means the end. The pages of a list are not one
snapshot, and a later page is never older than one before.
`,
  },
  {
    title: "Following changes",
    text: `
\`GET …/changes\` tells what was done to a user's items, in order and once it is committed; none is left out, and none told twice. Each page has a
\`cursor\`: ask again with \`after=<cursor>\`, from whatever region, and with \`waitMs\` the answer comes as soon as there is something:

\`\`\`sh
cursor=
while true; do
  page=$(curl -s "http://127.0.0.1:8787/v1/users/alice/changes?waitMs=25000\${cursor:+&after=$cursor}")
  echo "$page" | jq -c '.changes[]'
  cursor=$(echo "$page" | jq -r .cursor)
done
\`\`\`

\`GET …/live\` is the same over a WebSocket. A client that cannot send headers gets a ticket first (\`POST /v1/tickets\`) and gives it as \`?ticket=\`.
Changes are kept for a day. After that a cursor is 410 \`cursor-expired\`: list the items with the session of that answer, then follow from the cursor in it.
`,
  },
  {
    title: "What people trip over",
    text: `
- A PUT without \`Content-Type\` is stored as \`application/octet-stream\`; curl's \`-d\` says \`application/x-www-form-urlencoded\`. Both come back as \`valueBase64\` in
lists: say \`application/json\` for JSON.
- curl resolves \`..\` in a path before it sends it; \`--path-as-is\` keeps it, and then it is refused.
- A \`+\` in a query is a space. In a path it is a plus.
- Entity tags have quotes: \`If-Match: "weur.16.42"\`, in a shell \`-H 'If-Match: "weur.16.42"'\`. Receipts and lists give versions without them.
- A header with a value that is not of its list is 400. It never means the default.
- A parameter given twice is 400. One that no operation knows is ignored.
- HEAD answers wherever GET does. OPTIONS and every 405 say in \`Allow\` what a path takes.
- In a browser the deployment has to allow the page's origin (\`CORS_ORIGINS\`; any, in local open mode). Every header named here may be sent and read.
- New members and headers may appear in answers at any time: ignore those that you do not know. A request with a member that is not known is refused.
`,
  },
];
