/** A traveller: writes, goes to another region, and reads there what it wrote. Others of its devices look as well. */
import type { Device } from "../device.ts";
import type { Surroundings, Workload } from "./workload.ts";

const KEYS = ["trip/0", "trip/1"] as const;

export class Travels implements Workload {
  async act(device: Device, { regions }: Surroundings): Promise<void> {
    const { random } = device;
    const key = random.pick(KEYS);
    const level = device.withTokens ? "session" : "user";
    if (random.chance(0.5)) await device.put(key, device.newValue());
    if (random.chance(0.7)) device.region = random.pick(regions);
    await device.read(key, level);
    if (random.chance(0.3)) await device.list("trip/", level);
  }
}
