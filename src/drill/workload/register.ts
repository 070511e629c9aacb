/** A few registers per user, read, written and compared-and-set by all devices of the user at once. */
import type { Version } from "../../checker/version.ts";
import type { Device } from "../device.ts";
import { anyLevel, type Workload } from "./workload.ts";

const KEYS = ["register/0", "register/1", "register/2"] as const;

export class Registers implements Workload {
  /** What anybody here saw last, by user and key: conditions that sometimes hold and sometimes do not. */
  readonly #seen = new Map<string, Version>();

  async act(device: Device): Promise<void> {
    const { random } = device;
    const key = random.pick(KEYS);
    const item = `${device.user}/${key}`;
    const what = random.weighted({ read: 6, write: 3, cas: 2 });
    const expected = this.#seen.get(item);
    const heard =
      what === "read"
        ? await device.read(key, anyLevel(device))
        : await device.put(key, device.newValue(), what === "cas" ? (expected ?? null) : undefined);
    const { version } = heard.answer;
    if (heard.type !== "ok") return;
    if (version === undefined) this.#seen.delete(item);
    else this.#seen.set(item, version);
  }
}
