/**
 * A small drill that went well, made by hand: two users, three regions, one clock. Tests plant one violation at a time in it,
 * and the judge has to find that one.
 */
import type { LogEntry } from "../../src/checker/authority.ts";
import type { ReplicaState } from "../../src/checker/convergence.ts";
import { History } from "../../src/checker/history.ts";
import type { Answer, Invocation, ItemWrite, Json, Level } from "../../src/checker/operation.ts";
import type { DivergentWrite, FinalReading } from "../../src/drill/final-reading.ts";
import type { Evidence } from "../../src/drill/judge.ts";
import { ACCOUNTS } from "../../src/drill/workload/transfer.ts";

export const REGIONS = ["weur", "enam", "apac"] as const;
const MEMBERS = [
  { user: "alice", home: "weur", partition: 0 },
  { user: "bob", home: "enam", partition: 1 },
] as const;
type User = (typeof MEMBERS)[number]["user"];

interface Held {
  readonly version: string;
  readonly value: Json;
}

type Asked = Omit<Invocation, "process">;

export class World {
  readonly history = new History();
  readonly entries: LogEntry[] = [];
  readonly divergent: DivergentWrite[] = [];
  readonly #items = new Map<string, Held>();
  readonly #seqs = new Map<string, number>();
  /** The epoch of each user's log, and who leads it. */
  readonly leads = new Map<User, { epoch: number; leader: string }>([
    ["alice", { epoch: 16, leader: "weur" }],
    ["bob", { epoch: 17, leader: "enam" }],
  ]);
  #now = 0;
  #keys = 0;
  #values = 0;

  /** Enough of everything for the floors. */
  static busy(): World {
    const world = new World();
    for (let n = 0; n < 12; n++) {
      world.put("alice", "a");
      world.put("bob", "b", undefined, { concern: "majority" });
      world.read("alice", "a", { level: n % 2 === 0 ? "strong" : "user", region: "apac" });
      world.read("bob", "b", { level: "session", region: "weur", session: "bob-1" });
      world.add("alice", "counter", 3);
      world.read("alice", "counter");
    }
    world.transfer();
    world.transfer();
    world.listAccounts();
    return world;
  }

  newValue(): number {
    this.#values += 1;
    return this.#values;
  }

  /** An acknowledged write that is in the log. */
  put(user: User, key: string, value: Json = this.newValue(), asked: Partial<Asked> = {}): string {
    const version = this.nextVersion(user);
    this.log({ user, key, op: "put", position: version, value });
    this.#items.set(`${user} ${key}`, { version, value });
    this.acknowledge({ op: "write", user, key, value, ...asked }, version);
    return version;
  }

  add(user: User, key: string, by: number): void {
    const version = this.nextVersion(user);
    const before = Number(this.#items.get(`${user} ${key}`)?.value ?? 0);
    const value = String(before + by);
    const mark = this.newValue();
    this.log({ user, key, op: "add", position: version, value });
    this.log({ user, key: "mark", op: "put", position: version, value: mark });
    this.#items.set(`${user} ${key}`, { version, value });
    this.#items.set(`${user} mark`, { version, value: mark });
    const writes: ItemWrite[] = [
      { op: "add", key, value: by },
      { op: "write", key: "mark", value: mark },
    ];
    this.acknowledge({ op: "transaction", user, writes }, version, { items: [{ key, version, value }] });
  }

  /** Opens the accounts, or moves something. */
  transfer(amounts: readonly number[] = [10, -10, 0]): void {
    const version = this.nextVersion("alice");
    const writes = amounts.map((amount, n): ItemWrite => {
      const key = `${ACCOUNTS.prefix}${n}`;
      const before = Number(this.#items.get(`alice ${key}`)?.value ?? Number.NaN);
      const value = Number.isNaN(before) ? ACCOUNTS.total / ACCOUNTS.count : before + amount;
      this.log({ user: "alice", key, op: "put", position: version, value });
      this.#items.set(`alice ${key}`, { version, value });
      return { op: "write", key, value };
    });
    this.acknowledge({ op: "transaction", user: "alice", writes }, version);
  }

  listAccounts(): void {
    const items = [...this.#items].flatMap(([name, held]) => {
      const [user, key = ""] = name.split(" ");
      return user === "alice" && key.startsWith(ACCOUNTS.prefix) ? [{ key, ...held }] : [];
    });
    this.did(
      { op: "list", user: "alice", prefix: ACCOUNTS.prefix, level: "strong", region: "weur" },
      { items },
    );
  }

  read(user: User, key: string, asked: Partial<Asked> = {}, shown?: Answer): void {
    const held = this.#items.get(`${user} ${key}`);
    const level: Level = "user";
    this.did({ op: "read", user, key, level, region: "enam", ...asked }, shown ?? held ?? { version: null });
  }

  nextVersion(user: User): string {
    const seq = (this.#seqs.get(user) ?? 0) + 1;
    this.#seqs.set(user, seq);
    const home = MEMBERS.find((member) => member.user === user)?.home;
    return `${home}.${this.leads.get(user)?.epoch}.${seq}`;
  }

  log(entry: LogEntry): void {
    this.entries.push(entry);
  }

  acknowledge(asked: Asked, version: string, answer: Answer = {}): void {
    const idempotencyKey = `key-${this.#keys++}`;
    const leader = this.leads.get(asked.user as User)?.leader;
    this.did({ concern: "local", region: "weur", idempotencyKey, ...asked }, { version, leader, ...answer });
  }

  did(asked: Asked, answer: Answer): void {
    const id = this.history.invoke({ process: 1, ...asked }, this.#tick());
    this.history.ok(id, answer, this.#tick());
  }

  unknown(asked: Asked): void {
    const id = this.history.invoke({ process: 1, ...asked }, this.#tick());
    this.history.info(id, this.#tick());
  }

  evidence(rest: Partial<Evidence> = {}, final: Partial<FinalReading> = {}): Evidence {
    const told = (user: string) => this.entries.filter((entry) => entry.user === user);
    return {
      operations: this.history.operations(),
      members: MEMBERS,
      regions: REGIONS,
      final: {
        replicas: this.replicas(),
        feeds: MEMBERS.flatMap(({ user }) =>
          REGIONS.map((region) => ({ reader: region, user, after: null, told: told(user), complete: true })),
        ),
        entries: this.entries,
        divergent: { known: true, writes: this.divergent, disagreements: [] },
        unread: [],
        convergedMs: 1,
        ...final,
      },
      readings: MEMBERS.map(({ user }) => {
        return { reader: `follower of ${user}`, user, after: null, told: told(user), complete: false };
      }),
      movedInQuiet: [],
      handOffs: 0,
      moves: 0,
      takeovers: 0,
      undone: [],
      refusing: undefined,
      ...rest,
    };
  }

  replicas(): ReplicaState[] {
    return MEMBERS.flatMap(({ user, partition }) =>
      REGIONS.map((region) => ({
        region,
        partition: String(partition),
        items: [...this.#items].flatMap(([name, held]) => {
          const [owner = "", key = ""] = name.split(" ");
          return owner === user ? [{ user, key, ...held }] : [];
        }),
      })),
    );
  }

  /** The item as all replicas will be found to hold it. */
  hold(user: User, key: string, held: Held): void {
    this.#items.set(`${user} ${key}`, held);
  }

  /** The item is gone. */
  release(user: User, key: string): void {
    this.#items.delete(`${user} ${key}`);
  }

  held(user: User, key: string): Held {
    const held = this.#items.get(`${user} ${key}`);
    if (held === undefined) throw new Error(`${user} has no ${key}`);
    return held;
  }

  #tick(): number {
    this.#now += 1;
    return this.#now;
  }
}
