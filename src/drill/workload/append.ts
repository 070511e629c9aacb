/** Lists that only grow: read, put one more at the end, write back if nobody else did in between. */
import type { Json } from "../../checker/operation.ts";
import type { Device } from "../device.ts";
import type { Workload } from "./workload.ts";

/** Long lists cost much and show nothing more: then the next one is begun. */
const LENGTH_MAX = 30;

export class Appends implements Workload {
  readonly #lists = new Map<string, number>();

  async act(device: Device): Promise<void> {
    const list = this.#lists.get(device.user) ?? 0;
    const key = `list/${list}`;
    const { type, answer } = await device.read(key, "user");
    if (type !== "ok" || answer.version === undefined) return;
    const elements = Array.isArray(answer.value) ? (answer.value as readonly Json[]) : [];
    if (elements.length >= LENGTH_MAX)
      this.#lists.set(device.user, Math.max(list + 1, this.#lists.get(device.user) ?? 0));
    else await device.append(key, elements, device.newValue(), answer.version);
  }
}
