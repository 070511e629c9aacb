/** Items that are deleted and made again: what is gone must not come back, and what came back must not be gone. */
import type { Device } from "../device.ts";
import { anyLevel, type Workload } from "./workload.ts";

const KEY = "phoenix";

export class Recreations implements Workload {
  async act(device: Device): Promise<void> {
    switch (device.random.weighted({ read: 4, create: 3, remove: 3 })) {
      case "read":
        await device.read(KEY, anyLevel(device));
        return;
      case "create":
        await device.put(KEY, device.newValue(), device.random.chance(0.7) ? null : undefined);
        return;
      case "remove":
        await device.remove(KEY);
        return;
    }
  }
}
