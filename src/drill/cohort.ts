/**
 * The users of a drill: its own ones, under a prefix that no other drill has, each put at home somewhere before anything is
 * written. Nobody else's data is read or written.
 */
import { jsonOf, sayProblem, type Caller } from "./caller.ts";
import { pause } from "./device.ts";

const USER_PREFIX = "drill-";

export interface Member {
  readonly user: string;
  readonly home: string;
  readonly partition: number;
}

/** The deployment does not let a drill in, or is not well to begin with. */
export class NotReady extends Error {}

const TRIES = 20;
const PAUSE_MS = 250;
const ERASING_TRIES = 4;
const ERASING_MS = 15_000;

export class Cohort {
  readonly #caller: Caller;
  readonly #users: readonly string[];
  #settling: Promise<unknown> | undefined;

  constructor(caller: Caller, run: string, count: number) {
    this.#caller = caller;
    this.#users = Array.from({ length: count }, (_, n) => `${USER_PREFIX}${run}-u${n}`);
  }

  /** Nobody has been put anywhere. */
  get isEmpty(): boolean {
    return this.#settling === undefined;
  }

  /** For people. */
  get shown(): string {
    const [first = ""] = this.#users;
    return this.#users.length === 1
      ? `the user ${first}`
      : `${this.#users.length} users (${first} and so on)`;
  }

  /** In turns over all regions. */
  settle(regions: readonly string[]): Promise<Member[]> {
    const settling = Promise.all(
      this.#users.map((user, n) => settle(this.#caller, user, regions[n % regions.length] ?? "")),
    );
    this.#settling = settling.catch(() => undefined);
    return settling;
  }

  /** Erases them again, in every region. Answers in words who could not be erased. */
  async erase(): Promise<string[]> {
    // Whoever is erased has to be there first, or would come to be afterwards.
    await this.#settling;
    const problems: string[] = [];
    // One after the other: each has three databases cleaned, which on one machine leaves no time for anything else.
    for (const user of this.#users) {
      const problem = await erase(this.#caller, user);
      if (problem !== null) problems.push(`${user} could not be erased: ${problem}`);
    }
    return problems;
  }
}

async function erase(caller: Caller, user: string): Promise<string | null> {
  for (let tries = 1; ; tries++) {
    const reply = await caller.ask({
      method: "DELETE",
      path: `/v1/users/${encodeURIComponent(user)}`,
      timeoutMs: ERASING_MS,
    });
    if (reply?.status === 202 || reply?.status === 404) return null;
    if (tries === ERASING_TRIES || reply === null) return sayProblem(reply);
    await pause(PAUSE_MS * tries);
  }
}

async function settle(caller: Caller, user: string, home: string): Promise<Member> {
  let last = "no answer";
  for (let tries = 0; tries < TRIES; tries++) {
    const body = JSON.stringify({ region: home });
    const reply = await caller.ask({
      method: "PUT",
      path: `/v1/users/${encodeURIComponent(user)}/home`,
      headers: { "Content-Type": "application/json" },
      body,
    });
    const { partition } = jsonOf(reply);
    if (reply !== null && reply.status < 300 && typeof partition === "number")
      return { user, home, partition };
    if (reply !== null) last = sayProblem(reply);
    if (reply?.status === 401 || reply?.status === 403) break;
    await pause(PAUSE_MS);
  }
  throw new NotReady(`${user} could not be put at home in ${home}: ${last}`);
}
