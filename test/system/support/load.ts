/**
 * Devices that write all the time, whatever happens around them, and hold the store to what they were told.
 *
 * Each device makes items that nobody made before (so that one write done twice shows as a refusal or as another version),
 * and keeps a note of its own that it overwrites (so that going back shows). A request that is not answered, or
 * answered by a problem that says "retry", is sent again with the same idempotency key until it is answered.
 */
import { expect } from "vitest";
import { Background } from "./background.ts";
import { type Receipt, type Reply } from "./http.ts";
import {
  compareVersions,
  converge,
  listAll,
  pause,
  REGIONS,
  type Asked,
  type RegionId,
  type Store,
} from "./store.ts";

const RETRY_MS = 50;
/** Far longer than any outage that a test makes. */
const STUCK_MS = 60_000;
const NOTE_EVERY = 4;

interface Done {
  readonly key: string;
  readonly text: string;
  readonly receipt: Receipt;
}

export interface DeviceOptions {
  readonly store: Store;
  readonly user: string;
  readonly name: string;
  readonly region: RegionId;
  readonly concern: "local" | "majority";
}

export class Device {
  readonly #options: DeviceOptions;
  readonly made: Done[] = [];
  /** Requests that were sent and not answered. */
  unanswered = 0;
  #note: Done | null = null;
  #session: string | null = null;
  readonly #life: Background;

  constructor(options: DeviceOptions) {
    this.#options = options;
    this.#life = new Background((isOver) => this.#live(isOver));
  }

  get user(): string {
    return this.#options.user;
  }

  get failed(): boolean {
    return this.#life.failed;
  }

  get note(): Done | null {
    return this.#note;
  }

  /** Ends after the request that is under way has its answer. Throws what went wrong. */
  stop(): Promise<void> {
    return this.#life.stop();
  }

  async #live(isOver: () => boolean): Promise<void> {
    const { name } = this.#options;
    for (let count = 1; !isOver(); count++) {
      const item = { key: `${name}/${String(count).padStart(5, "0")}`, text: `${name} made ${count}` };
      const receipt = await this.#write({ ...item, create: true });
      const last = this.made.at(-1);
      if (last !== undefined)
        expect(compareVersions(receipt.version, last.receipt.version)).toBeGreaterThan(0);
      this.made.push({ ...item, receipt });
      if (count % NOTE_EVERY === 0) await this.#takeNote(count);
    }
  }

  async #takeNote(count: number): Promise<void> {
    const item = { key: `${this.#options.name}/note`, text: `${this.#options.name} is at ${count}` };
    this.#note = { ...item, receipt: await this.#write({ ...item, create: false }) };
    await this.#readNote();
  }

  /** From elsewhere, as another device would without any token; and near, with this session's. */
  async #readNote(): Promise<void> {
    const { store, user, name, region } = this.#options;
    const elsewhere = REGIONS.find((each) => each !== region) ?? region;
    for (const asked of [
      { region: elsewhere },
      { region, level: "session", session: this.#session },
    ] satisfies Asked[]) {
      const read = await answerOf(store.get(user, `${name}/note`, asked));
      if (read === null || read.status >= 500) continue;
      expect(read.text, `${name}: ${JSON.stringify(asked)}`).toBe(this.#note?.text);
      expect(read.header("ETag")).toBe(`"${this.#note?.receipt.version}"`);
    }
  }

  async #write({ key, text, create }: { key: string; text: string; create: boolean }): Promise<Receipt> {
    const { store, user, region, concern } = this.#options;
    const idempotencyKey = `${key}: ${text}`;
    const headers: Record<string, string> = create ? { "If-None-Match": "*" } : {};
    const end = Date.now() + STUCK_MS;
    for (;;) {
      const asked = { region, concern, idempotencyKey, session: this.#session, headers };
      const reply = await answerOf(store.put(user, key, text, asked));
      if (reply === null) this.unanswered += 1;
      else if (reply.status === 200 || reply.status === 201) {
        if (create) expect(reply.status, `${key} was there`).toBe(201);
        this.#session = reply.session;
        return reply.receipt;
      } else if (!isRetryable(reply)) {
        throw new Error(`${key} was refused: ${reply.status} ${reply.text}`);
      }
      if (Date.now() > end)
        throw new Error(`${key} is not taken: ${reply?.status} ${reply?.text ?? "no answer"}`);
      await pause(RETRY_MS);
    }
  }

  /** The same request again: it was done, and is not done again. */
  async repeat({ key, text, receipt }: Done): Promise<void> {
    const { store, user, concern } = this.#options;
    const idempotencyKey = `${key}: ${text}`;
    const headers = { "If-None-Match": "*" };
    const reply = await store.put(user, key, text, { concern, idempotencyKey, headers });
    expect(reply.status).toBe(201);
    expect(reply.receipt).toMatchObject({ version: receipt.version, position: receipt.position });
  }
}

/** Null: the connection broke. A runtime that was killed may also have answered half a page, of its host's making. */
async function answerOf(asking: Promise<Reply>): Promise<Reply | null> {
  try {
    return await asking;
  } catch {
    return null;
  }
}

function isRetryable(reply: Reply): boolean {
  // A host whose runtime has just gone answers for it, and not with a problem of ours.
  if (reply.problemName === null) return reply.status >= 500;
  return reply.problem.retryable;
}

/** Waits until every device has made so many items more. */
export async function progress(devices: readonly Device[], items: number): Promise<void> {
  const goals = devices.map((device) => device.made.length + items);
  const end = Date.now() + STUCK_MS;
  while (devices.some((device, at) => device.made.length < (goals[at] ?? 0))) {
    if (devices.some(({ failed }) => failed) || Date.now() > end) break;
    await pause(20);
  }
  const failed = devices.find((device) => device.failed);
  await failed?.stop();
  expect(devices.map((device, at) => device.made.length >= (goals[at] ?? 0))).not.toContain(false);
}

/** Nothing that was acknowledged is lost, nothing was done twice, and every region shows it. */
export async function settleAccounts(store: Store, devices: readonly Device[]): Promise<void> {
  await Promise.all(devices.map((device) => device.stop()));
  for (const user of new Set(devices.map((device) => device.user))) {
    const own = devices.filter((device) => device.user === user);
    const told = own
      .flatMap((device) => (device.note === null ? device.made : [...device.made, device.note]))
      .map(({ key, text, receipt }) => ({ key, version: receipt.version, valueBase64: btoa(text) }))
      .toSorted((a, b) => (a.key < b.key ? -1 : 1));
    const found = (await listAll(store, user)).map(({ key, version, valueBase64 }) => ({
      key,
      version,
      valueBase64,
    }));
    expect(found).toEqual(told);
    await converge(store, user);
    const positions = own.flatMap(({ made }) => made.map(({ receipt }) => receipt.position));
    expect(new Set(positions).size).toBe(positions.length);
    for (const device of own) {
      const step = Math.max(1, Math.floor(device.made.length / 5));
      for (let at = 0; at < device.made.length; at += step) {
        const done = device.made[at];
        if (done !== undefined) await device.repeat(done);
      }
    }
    expect((await listAll(store, user)).length).toBe(told.length);
  }
}
