/**
 * Idempotency: the same request again gets the answer of its first attempt, and a key that is used for another request is
 * refused. The client's keys stand in a table; the edge's are found in the log, and in the logs that the user has left.
 */
import { sameBytes } from "../lib/bytes.ts";
import type { Acknowledgements } from "./acknowledgement.ts";
import { reply, WAIT, type Attempt, type LoggedWrite, type Outcome } from "./attempt.ts";
import type { Context } from "./context.ts";
import { EarlierKeys } from "./earlier-keys.ts";
import type { Entry } from "./entry.ts";
import { hlcAt, wallOf } from "./hlc.ts";
import { importedBy } from "./import.ts";
import type { Leadership } from "./leader.ts";
import type { Leaderships } from "./leaderships.ts";
import { idempotencyDigest } from "./lost-write.ts";
import type { Position, RegionIndex } from "./position.ts";
import { RecentKeys } from "./recent-keys.ts";
import { notLeader } from "./redirect.ts";
import type { Command, WriteRequest } from "./request.ts";
import type { IdempotencyRow } from "./state-row.ts";

type Known = Pick<IdempotencyRow, "o" | "e" | "s" | "status" | "hlc" | "fingerprint">;

export class FirstAttempts {
  readonly #context: Context;
  readonly #leaderships: Leaderships;
  readonly #acknowledgements: Acknowledgements;
  readonly #earlier: EarlierKeys;
  /** Each made for one leadership: what others log in between would be missing from it. */
  readonly #recent = new Map<RegionIndex, { readonly leadership: Leadership; readonly keys: RecentKeys }>();

  constructor(context: Context, leaderships: Leaderships, acknowledgements: Acknowledgements) {
    this.#context = context;
    this.#leaderships = leaderships;
    this.#acknowledgements = acknowledgements;
    this.#earlier = new EarlierKeys(context);
  }

  /** What the first attempt came to; null: this is the first, as far as anybody knows. */
  outcomeOf(attempt: Attempt): Outcome | null {
    const { request, owner, leadership } = attempt;
    const mark = request.idempotency;
    if (mark === undefined || !this.#context.rules.remembersKeys()) return null;
    const known =
      mark.by === "client" ? this.#knownClientKey(request, mark.key) : this.#knownEdgeKey(attempt, mark.key);
    if (known === null) return null;
    const position: Position = { o: known.o, e: known.e, s: known.s };
    if (!sameBytes(known.fingerprint, mark.fingerprint)) {
      const judged = known.o === leadership.log.o ? known.s : 0;
      return this.#acknowledgements.refuse(attempt, judged, {
        kind: "refused",
        reason: "idempotency-key-reused",
      });
    }
    // Who led the user's log then knows in which regions it is.
    if (position.o !== leadership.log.o && request.concern === "all")
      return reply({ kind: "ask", to: position.o });
    const results = this.#importedBefore(request.command, position);
    if (results === null) return null;
    // Judged like the first attempt: the entry itself leaves out what an earlier one of its leader already names.
    const past = [owner, ...request.session.positions].filter(({ o }) => o !== position.o);
    return this.#acknowledgements.logged(attempt, {
      position,
      status: known.status,
      at: wallOf(known.hlc),
      deps: [...(this.#context.entryAt(position)?.deps ?? []), ...past],
      replayed: true,
      ...results,
    });
  }

  /**
   * Sent back by the leader of the user's present log, for what an earlier one holds; null: it is asked for something else.
   */
  atEarlierHome({ request, owner, startedAt }: Omit<Attempt, "leadership">): Outcome | null {
    const mark = request.idempotency;
    if (request.asking !== true || mark === undefined) return null;
    const known =
      mark.by === "client"
        ? this.#knownClientKey(request, mark.key)
        : this.#earlier.find(owner, request, mark.key);
    if (known === null || known.o === owner.home) return null;
    const way = this.#leaderships.way(known.o, { suspects: request.suspects, since: startedAt });
    if (way.kind === "wait") return WAIT;
    if (way.kind === "elsewhere") return reply(notLeader(way));
    return this.outcomeOf({ request, owner, leadership: way.leadership, startedAt });
  }

  /** This one was written: it is the first for those to come. */
  note(leadership: Leadership, entry: Entry): void {
    this.#recentKeys(leadership).note(entry);
  }

  /** What the first attempt of an import came to; null where nobody can say any more, and it has to be decided anew. */
  #importedBefore(command: Command, position: Position): Pick<LoggedWrite, "results"> | null {
    if (command.kind !== "import") return {};
    const entry = this.#context.entryAt(position);
    return entry === null ? null : { results: importedBy(command, entry) };
  }

  #knownClientKey(request: WriteRequest, key: string): Known | null {
    const { storage, hash, now, config } = this.#context;
    const row = storage.idempotency(request.user, idempotencyDigest(hash, request.principal, key));
    return row !== null && row.hlc >= hlcAt(now - config.timing.idempotencyMs) ? row : null;
  }

  #knownEdgeKey({ request, owner, leadership }: Attempt, key: string): Known | null {
    const looksBack = this.#context.rules.looksBack();
    const entry =
      this.#recentKeys(leadership).find(request, key) ??
      (looksBack ? this.#earlier.find(owner, request, key) : null);
    return entry === null ? null : { ...entry, fingerprint: entry.idempotency!.fingerprint };
  }

  #recentKeys(leadership: Leadership): RecentKeys {
    const present = this.#recent.get(leadership.log.o);
    if (present?.leadership === leadership) return present.keys;
    const keys = new RecentKeys(this.#context, leadership.log);
    this.#recent.set(leadership.log.o, { leadership, keys });
    return keys;
  }
}
