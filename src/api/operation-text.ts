/**
 * What the OpenAPI document says of each operation beyond its one-line summary, and an example of it. The examples are real: run in
 * the order in which they stand here, against an empty store, each answers with its status.
 */
import type { RouteId } from "./route.ts";

export interface ExampleCall {
  /** Path and query, as they stand in a URL. `$POSITION` and the like stand for what an earlier answer gave. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Text is sent as it is, anything else as JSON. */
  readonly body?: unknown;
  readonly status: number;
  /** The body of the answer. */
  readonly answer?: unknown;
}

export interface OperationText {
  readonly description: string;
  readonly example?: ExampleCall;
}

const JSON_TYPE = { "Content-Type": "application/json" } as const;
const AT = 1_795_680_000_000;

const RECEIPT = {
  user: "alice",
  key: "notes/today",
  version: "weur.16.2",
  position: "weur.16.2",
  leader: "weur",
  concern: "local",
  durableIn: ["weur"],
  committed: false,
  at: AT,
} as const;

export const OPERATION_TEXTS: Readonly<Record<RouteId, OperationText>> = {
  putItem: {
    description:
      "The body is the value: any bytes up to 1 MiB, kept with their `Content-Type`. A user's first write also settles the user's home: the nearest region that answers. `Ithaca-Expires-In` fixes when the item expires; a PUT without it makes the item permanent again.",
    example: {
      path: "/v1/users/alice/items/notes/today",
      headers: { ...JSON_TYPE, "Idempotency-Key": "first-note" },
      body: { text: "hello" },
      status: 201,
      answer: RECEIPT,
    },
  },
  getItem: {
    description:
      "Answers the stored bytes as they were sent, under the content type that they came with. What is known of the item besides is in the headers; `ETag` is its version. `If-None-Match` with the version that you have answers 304 while there is no other.",
    example: {
      path: "/v1/users/alice/items/notes/today",
      headers: { "Ithaca-Consistency": "strong" },
      status: 200,
    },
  },
  listItems: {
    description:
      "Keys in byte order, from `start` (included) to `end` (not included), among those that begin with `prefix`; `reverse=true` gives them from the last to the first. A page that is not the last has a `cursor`: give it back with the same parameters. With `values=true` an item has its value: `value` where it is JSON, `valueBase64` otherwise; a page then also ends at 4 MiB.",
    example: {
      path: "/v1/users/alice/items?prefix=notes/&limit=10&values=true",
      status: 200,
      answer: {
        items: [
          {
            key: "notes/today",
            version: "weur.16.2",
            contentType: "application/json",
            size: 16,
            value: { text: "hello" },
          },
        ],
      },
    },
  },
  patchItem: {
    description:
      "A JSON merge patch (RFC 7396): members that it names are replaced, those that it gives as null are removed, all others stay byte for byte, with the digits that they had. So an older client never destroys what a newer one wrote. The content type of the request has to be `application/merge-patch+json`.",
    example: {
      path: "/v1/users/alice/items/notes/today",
      headers: { "Content-Type": "application/merge-patch+json" },
      body: { done: true },
      status: 200,
      answer: { ...RECEIPT, version: "weur.16.3", position: "weur.16.3" },
    },
  },
  transact: {
    description:
      "All of the writes are done or none, in one entry of the log, and only if every check holds: `version` is the item's present version, or null where there must be no such item. `put` takes `value` (JSON) or `valueBase64` (any bytes), `merge` a merge patch, `add` an integer. At most 100 writes; the request, and the values that it leaves, at most 1 MiB each.",
    example: {
      path: "/v1/users/alice/transactions",
      headers: { ...JSON_TYPE, "Idempotency-Key": "first-visit" },
      body: {
        checks: [{ key: "notes/tomorrow", version: null }],
        writes: [
          { op: "put", key: "notes/tomorrow", value: { text: "again" } },
          { op: "merge", key: "notes/today", patch: { done: null } },
          { op: "add", key: "visits", by: 1 },
        ],
      },
      status: 200,
      answer: {
        user: "alice",
        version: "weur.16.4",
        position: "weur.16.4",
        leader: "weur",
        concern: "local",
        durableIn: ["weur"],
        committed: false,
        at: AT,
        results: [
          { version: "weur.16.4" },
          { version: "weur.16.4", value: { text: "hello" } },
          { version: "weur.16.4", value: "1" },
        ],
      },
    },
  },
  readMany: {
    description:
      "Whoever sees an effect in the answer also sees its causes (the answer to a question and the question), across users, partitions and regions, at every level but `eventual`, where each item is shown as it is at hand. At `strong` each item is linearizable besides. Usually all replicas are asked once and at the same time; where a cause is late, those that lack it are asked again, within `Ithaca-Timeout-Ms`. `Ithaca-Served-By` names all regions that answered and `Ithaca-Staleness-Ms` the greatest bound; `Ithaca-Home`, `Ithaca-Leader` and `Ithaca-Position`, which speak of one user, are absent. One item that the caller may not read refuses the whole request and is named. An answer above 16 MiB is refused.",
    example: {
      path: "/v1/read",
      body: { reads: [{ user: "alice", key: "notes/never-written" }] },
      status: 200,
      answer: { items: [{ user: "alice", key: "notes/never-written", found: false }] },
    },
  },
  getReceipt: {
    description:
      "A receipt says where a write stood when it was answered; this says where it stands now. `state` is `pending` until a majority holds it, then `committed`; `lost` when a failover cut it off before, and `divergent` names what was kept of it. `waitMs` waits until the `concern` is met (a majority, unless given), and answers the receipt as it is when the time is over. A position that was never issued, or that is another user's, is 404.",
    example: {
      path: "/v1/users/alice/receipts/$POSITION?waitMs=2000",
      status: 200,
      answer: { ...RECEIPT, durableIn: ["weur", "enam"], committed: true, state: "committed" },
    },
  },
  listDivergent: {
    description:
      "A write that was acknowledged at `local` may stand in one region alone. If another takes over before it has come further, it is lost: the receipt says so, sessions that saw it are told, and when its region is back, it is kept here, deletes too, each once, the same in every region. `base` is what it found, `current` what is there at this moment, `value` what it had left. Ops of one transaction share an `id` and are settled together. What was sent again with its `Idempotency-Key` and took effect is `replayed`; it needs nobody's decision. While the region that held them is away, its lost writes are not known and not listed. An entry stays listed when it is settled.",
    example: { path: "/v1/users/alice/divergent", status: 200, answer: { entries: [] } },
  },
  settleDivergent: {
    description:
      '`{"action": "replay"}` runs the original operation on what is there now, as a new write: a put puts its value, a delete deletes (nothing, where there is nothing), a merge merges its patch, an add adds. All ops of a transaction together, or none. Conditions and checks of the first time are not made again, and what was to expire expires as long after the replay as it would have after the write. `{"action": "discard"}` changes no item. Either is one entry of the log, done at most once: asked again, the same action answers the same receipt, and the other one is 409 `divergent-settled`. A replay that is itself lost leaves the write as it was before: open.',
  },
  listChanges: {
    description:
      "Committed changes only, so none is ever taken back; in the order in which they were made, none twice and none left out, from whatever region is near. A page answers with a cursor, and `after` that cursor the next one begins, in any region, also after a failover; a page without changes may have a new cursor too, so keep it. Without `after` it begins with the user's first write. With `waitMs` the answer comes as soon as there is a change: ask again with its cursor at once, and nothing is missed in between. Changes are kept for a day: 410 `cursor-expired` carries a new cursor, and listing the items with that answer's Ithaca-Session, then following from its cursor, misses nothing. 404 until the user has a home, by a first write or by choosing one.",
    example: {
      path: "/v1/users/alice/changes?limit=10&waitMs=1000&values=true",
      status: 200,
      answer: {
        changes: [
          {
            position: "weur.16.2",
            key: "notes/today",
            op: "put",
            version: "weur.16.2",
            at: AT,
            contentType: "application/json",
            value: { text: "hello" },
          },
        ],
        cursor: "f1.0.CgdkZWZhdWx0EgVhbGljZRgBIAEoETAC-H8B.hIhbHB1If6Awu55ZgA8IYQ",
      },
    },
  },
  openLive: {
    description:
      "The changes of `listChanges` as they are committed. Each message is a page as JSON text, `{changes, cursor}`: whole transactions, in order. The first comes at once, with what there is after `after` (perhaps nothing); a message without changes only brings a newer cursor. Keep the last cursor: after the socket has closed, for whatever reason, open another with `after` that cursor, in any region, and nothing is missed. A message may come a second time after a crash: its positions tell. The client says nothing but, if it likes, the text `ping`, which is answered `pong`; anything else closes the socket with 1008. It is closed with 4410 when the cursor has expired meanwhile: `listChanges` with it then answers what to do. It is closed with 1011 where an injected fault cuts it off. A request without `Upgrade: websocket` is 400. Browsers: the page's origin has to be allowed as for CORS, or be the server's own; who may follow is judged when the socket opens. An idle socket costs nothing.",
    example: {
      path: "/v1/users/alice/live?after=$CURSOR",
      headers: {
        Connection: "Upgrade",
        Upgrade: "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
      },
      status: 101,
    },
  },
  createTicket: {
    description:
      "Whoever may read all of a user's keys may have a ticket for that user's live feed or changes, and hand it to a client that cannot send headers: `?ticket=` in place of Authorization. Whoever brings it counts as placed where it was made, unless the request says otherwise. A ticket that was used, or whose minute is over, is 401.",
    example: {
      path: "/v1/tickets",
      headers: JSON_TYPE,
      body: { path: "/v1/users/alice/live" },
      status: 200,
      answer: { ticket: "t1.0.CgVhbGljZRIEbGl2ZQ.Zm9yIGV4YW1wbGUgb25seQ" },
    },
  },
  exportItems: {
    description:
      "The answer is streamed, one item a line, and may be as long as it likes. The first line says where the user's log stood. A JSON value stands in its line as it is stored, byte for byte (`value`); every other value, and JSON that contains a line break or is surrounded by white space, is `valueBase64`. The last line of a whole export is `{end: true, items, session}`. An export that ends otherwise is incomplete: its last line is `{end: false, items, after, problem}`, or there is none where the connection broke. It goes on behind the last whole line with `after=` its key, or begins anew. Pages are not one snapshot, and a later line is never older than an earlier one. Ithaca-Timeout-Ms bounds each page of 1,000 items or 1 MiB, not the whole.",
    example: {
      path: "/v1/users/alice/export",
      status: 200,
    },
  },
  importItems: {
    description:
      "The body is read as a stream and may be as long as it likes. It is written in chunks of up to 250 lines or 512 KiB, in order, each chunk like one transaction and the whole not; Ithaca-Timeout-Ms bounds each chunk. A line that was imported before (the same key, exported version, content type, value and expiry) is `unchanged` as long as the item or its tombstone is there, whatever was written to the item since (an item remembers its last eight imports); so is a line that stands in the store under the very version. So an import that broke off is resumed by running it again. A line that is not taken is named in `failed` with its problem, and the others are written; an item that has expired meanwhile is one of them. First and last lines of exports are passed over. When a chunk cannot be written, the answer is its problem, with the counts so far and `line`, the first line that is not known to be done. `application/ndjson` and `application/jsonl` are taken as well. An Idempotency-Key is not needed and not looked at.",
    example: {
      path: "/v1/users/alice/import",
      headers: { "Content-Type": "application/x-ndjson" },
      body: '{"key":"notes/imported","value":{"text":"from elsewhere"}}\n',
      status: 200,
      answer: { imported: 1, unchanged: 0, failed: [], failedCount: 0 },
    },
  },
  deleteItem: {
    description:
      "Answers a receipt, like a write. Deleting what is not there is 404 and leaves no trace, unless the idempotency key says that it was this request that deleted it.",
    example: {
      path: "/v1/users/alice/items/notes/today",
      headers: { "Idempotency-Key": "no-more-note", "Ithaca-Write-Concern": "majority" },
      status: 200,
      answer: {
        ...RECEIPT,
        version: "weur.16.3",
        position: "weur.16.3",
        concern: "majority",
        durableIn: ["weur", "enam"],
        committed: true,
      },
    },
  },
  getHome: {
    description:
      "The region in which the user's writes are put in order, the region that leads that log now, the epoch of its leadership, and the partition that the user belongs to. 404 until the user has a home: the first write makes one.",
    example: {
      path: "/v1/users/alice/home",
      status: 200,
      answer: { user: "alice", home: "weur", leader: "weur", epoch: "16", partition: 3 },
    },
  },
  eraseUser: {
    description:
      "Items, deleted ones too, receipts, idempotency keys, writes that a failover cut off, the home, and what the logs of the partition still hold. Answered once a majority of regions holds the decision, which can then not be lost; `GET /v1/erasures/{id}` tells how far each region is. The user is unknown from then on, and a new first write makes a new user of the same name. A write that is under way at the same time may be done before (and is erased) or after (and is the new user's first). Asked again within 48 h for a user who is gone, it answers an id of the same erasure. It cannot be undone; export first what is to be kept. Neither the change feed nor a sink tells of it: what they were told before is with whoever was told, so tell those yourself. For the user themselves, or with the scope write:any.",
    example: {
      path: "/v1/users/alice",
      status: 202,
      answer: { erasure: "e1.0.CgdkZWZhdWx0.Zm9yIGV4YW1wbGUgb25seQ" },
    },
  },
  getErasure: {
    description:
      "`erasedIn` lists the regions whose replicas have nothing of the user left: no row, no log entry, no byte in the unused space of their database files. `remaining` lists what may still hold something: regions that have not finished or not answered (asking makes them go on), messages in the regions' queues for at most 4 days, and the platform's own history of the database files, which it keeps for 30 days. For whoever knows the id.",
    example: {
      path: "/v1/erasures/$ERASURE",
      status: 200,
      answer: {
        erasedIn: ["weur", "enam"],
        remaining: [{ where: "the region apac, which has not finished", until: null }],
      },
    },
  },
  putHome: {
    description:
      "Moves the user, online: it answers when the new home accepts writes. Until then the user's writes, and reads at `user` and `strong`, wait (a few hundred milliseconds) and are then done there; none is lost or reordered, idempotency keys, session tokens and feed cursors stay good, and reads at the other levels never pause. Asking again continues a move that was not answered, and where the user is already it answers 200 at once; of two moves at a time the second goes on from where the first has led. A region that is not reached, is far behind or does not lead its own log takes nobody in: 503, and the user stays. Before the first write it chooses the home, instead of the nearest region that answers. A sink may be sent changes from the new home before the last ones from the old: within one origin they are in order.",
    example: {
      path: "/v1/users/bob/home",
      headers: JSON_TYPE,
      body: { region: "apac" },
      status: 200,
      answer: { user: "bob", home: "apac", leader: "apac", epoch: "18", partition: 7 },
    },
  },
  listRegions: {
    description:
      "For every region whether it can be reached from where the client is placed, the faults set on it, and how far each of its logs is. Logs that were never opened are not listed. It answers within 2 seconds whatever is down, and keeps an answer for one second.",
    example: {
      path: "/v1/regions?region=weur&partition=0",
      status: 200,
      answer: {
        regions: [
          {
            region: "weur",
            role: "voter",
            reachable: true,
            faults: [],
            logs: [
              {
                namespace: "default",
                origin: "weur",
                partition: 0,
                leader: "weur",
                epoch: "16",
                head: "3",
                applied: "3",
                committed: "3",
                lagMs: 0,
                state: "leading",
              },
            ],
          },
        ],
      },
    },
  },
  putLeader: {
    description:
      "Hands every log of the users at home in `origin` to the region `to`, partition by partition, while reads and writes go on: a write that comes in between waits a moment. No write is lost, whatever its concern. It is idempotent: a log that the region leads already is left alone. A log that nobody has written to is opened there, so that its first write finds it. Only who leads a log can hand it over; one whose leader does not answer remains, and is not taken over for it. 503 `handoff-incomplete` lists what remains: repeating the request goes on with those. Logs that were handed over on purpose stay where they are until they are handed back. Ithaca-Timeout-Ms bounds the whole.",
    example: {
      path: "/v1/regions/weur/leader",
      headers: JSON_TYPE,
      body: { to: "weur" },
      status: 200,
      answer: {
        unavailableMs: 0,
        positions: [{ namespace: "default", partition: 0, position: "weur.16.1", unavailableMs: 0 }],
      },
    },
  },
  previewFailover: {
    description:
      "What would be lost if another region took over now, log by log and candidate by candidate: entries that the leader has acknowledged alone and that no candidate would bring along. Writes at `one` (with three regions), `majority` and `all` are never among them. With the leader's answer it is exact; without it, it is measured against the furthest end of the log that any region heard of. It changes nothing, answers within 2 seconds whatever is down, and keeps an answer for one second. Logs that were never opened are not listed.",
    example: { path: "/v1/regions/weur/failover-preview", status: 200 },
  },
  listSinks: {
    description:
      "Where the deployment sends committed changes, and how far each is with the log of every partition: `delivered` is the last position that arrived. A sink is named in the deployment's configuration (`SINKS`), never by a request. A failed delivery is tried again, with growing pauses; after the last of them the log is `parked` until somebody resumes it.",
    example: { path: "/v1/sinks", status: 200 },
  },
  controlSink: {
    description:
      '`{"action": "resume"}` goes on with every log of the sink that is parked or lost. `{"action": "replay", "partition": 3, "position": "weur.16.42"}` sends again what follows that position; what was delivered is delivered once more. 410 `cursor-expired` where the log no longer has it: the first position that it has is in `cursor`.',
  },
  putFault: {
    description:
      "Sets a fault on every replica, past all faults that are in force. `peer`, `ms` and `probability` go with the kinds that need them: `partition` and `one-way` need a `peer`; `delay` and `skew` need `ms`; `drop`, `duplicate` and `reorder` need a `probability`. Every fault ends by itself after `forMs`.",
    example: {
      path: "/v1/faults",
      headers: JSON_TYPE,
      body: { kind: "delay", region: "enam", peer: "apac", ms: 200, forMs: 60_000 },
      status: 200,
      answer: { id: "8f14e45fceea167a", kind: "delay", region: "enam", peer: "apac", ms: 200, endsAt: AT },
    },
  },
  listFaults: {
    description: "The faults that are in force now, wherever they were set.",
    example: {
      path: "/v1/faults",
      status: 200,
      answer: {
        faults: [
          { id: "8f14e45fceea167a", kind: "delay", region: "enam", peer: "apac", ms: 200, endsAt: AT },
        ],
      },
    },
  },
  endFault: {
    description: "Ends one fault before its time.",
    example: { path: "/v1/faults/$ID", status: 200, answer: { ended: ["8f14e45fceea167a"] } },
  },
  endFaults: {
    description: "Ends all faults before their time, and says which there were.",
    example: { path: "/v1/faults", status: 200, answer: { ended: [] } },
  },
  health: {
    description: "Says that the edge serves. Touches no replica, so that it is cheap to ask often.",
    example: { path: "/v1/health", status: 200, answer: { status: "ok" } },
  },
  metrics: {
    description:
      "Counters and histograms of the isolate that answers, for a scraper: requests by route and status, attempts at replicas by region and outcome.",
    example: { path: "/metrics", status: 200 },
  },
  openApi: {
    description: "OpenAPI 3.1, made out of the same declarations that the routes are served by.",
    example: { path: "/openapi.json", status: 200 },
  },
  docs: {
    description: "The document as a page to read. It loads nothing from elsewhere and runs no script.",
    example: { path: "/docs", status: 200 },
  },
  listProblems: {
    description: "Every way in which a request can be refused, with its status.",
    example: { path: "/problems", status: 200 },
  },
  getProblem: {
    description:
      "The page that a problem's `type` leads to: what it means, whether anything was done, and what to do.",
    example: { path: "/problems/session-lost", status: 200 },
  },
};
