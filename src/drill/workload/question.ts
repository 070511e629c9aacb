/** One asks, another answers, a third looks at both: nobody may see the answer without its question. */
import type { Device } from "../device.ts";
import type { Surroundings, Workload } from "./workload.ts";

const QUESTION = "question";
const ANSWER = "answer";

export class Questions implements Workload {
  async act(device: Device, { users }: Surroundings): Promise<void> {
    const { random } = device;
    const other = random.pick(users);
    switch (random.weighted({ ask: 3, answer: 4, look: 4 })) {
      case "ask":
        await device.put(QUESTION, device.newValue());
        return;
      case "answer":
        await answer(device, other);
        return;
      case "look": {
        const asked = users.slice(0, 8).flatMap((user) => [
          { user, key: ANSWER },
          { user, key: QUESTION },
        ]);
        await device.readMany(
          asked,
          random.weighted({ user: 2, session: device.withTokens ? 3 : 0, prefix: 2, strong: 1 }),
        );
        return;
      }
    }
  }
}

async function answer(device: Device, other: string): Promise<void> {
  // Only a session makes the answer an effect of the question.
  if (!device.withTokens) return;
  const { type, answer: shown } = await device.read(QUESTION, "session", other);
  if (type !== "ok" || typeof shown.version !== "string") return;
  const answers = { user: other, key: QUESTION, version: shown.version };
  await device.put(ANSWER, { answers, n: device.newValue() });
}
