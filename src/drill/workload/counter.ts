/** A counter per user. With each add goes a mark that nobody else writes, so that an add done twice can be told. */
import type { Device } from "../device.ts";
import { anyLevel, type Workload } from "./workload.ts";

const COUNTER = "counter";
const MARK = "counter-mark";

export class Counters implements Workload {
  async act(device: Device): Promise<void> {
    if (device.random.chance(0.5)) {
      await device.read(COUNTER, anyLevel(device));
      return;
    }
    await device.transact([
      { op: "add", key: COUNTER, value: device.random.between(1, 9) },
      { op: "write", key: MARK, value: device.newValue() },
    ]);
  }
}
