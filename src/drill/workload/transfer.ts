/** Accounts of a user, opened together; amounts are moved between them, and the total stays. */
import type { ItemWrite, ShownItem } from "../../checker/operation.ts";
import type { Accounts } from "../../checker/transfers.ts";
import type { Device } from "../device.ts";
import type { Workload } from "./workload.ts";

export const ACCOUNTS = { prefix: "account/", count: 3, total: 300 } as const satisfies Accounts;
const MARK = "transfer-mark";

export class Transfers implements Workload {
  async act(device: Device): Promise<void> {
    const { random } = device;
    const { type, answer } = await device.list(ACCOUNTS.prefix, random.pick(["user", "strong"]));
    if (type !== "ok" || answer.items === undefined) return;
    if (answer.items.length === 0) {
      await open(device);
      return;
    }
    await move(device, answer.items);
  }
}

async function open(device: Device): Promise<void> {
  const { prefix, count, total } = ACCOUNTS;
  const keys = Array.from({ length: count }, (_, n) => `${prefix}${n}`);
  await device.transact(
    [...keys.map((key): ItemWrite => ({ op: "write", key, value: total / count })), mark(device)],
    keys.map((key) => ({ key, version: null })),
  );
}

async function move(device: Device, accounts: readonly ShownItem[]): Promise<void> {
  const { random } = device;
  const from = random.pick(accounts);
  const to = random.pick(accounts.filter(({ key }) => key !== from.key));
  const amount = random.between(1, 20);
  const checks = [from, to].map(({ key, version = null }) => ({ key, version }));
  await device.transact(
    [
      { op: "write", key: from.key, value: Number(from.value) - amount },
      { op: "write", key: to.key, value: Number(to.value) + amount },
      mark(device),
    ],
    checks,
  );
}

function mark(device: Device): ItemWrite {
  return { op: "write", key: MARK, value: device.newValue() };
}
