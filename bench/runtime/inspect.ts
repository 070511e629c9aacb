/** A CPU profile of the Worker inside the runtime, objects included: they share its isolate. */
import { writeFileSync } from "node:fs";
import type { Profiler } from "node:inspector/promises";
import { hotSpots, type HotSpot } from "../core/profile.ts";

export async function profiledWorker(
  inspectorPort: number,
  file: string,
  body: () => Promise<unknown>,
): Promise<HotSpot[]> {
  const targets = (await (await fetch(`http://127.0.0.1:${inspectorPort}/json`)).json()) as {
    readonly id: string;
    readonly webSocketDebuggerUrl: string;
  }[];
  const target = targets.find(({ id }) => id.includes("ithaca"));
  if (target === undefined) throw new Error("the runtime lets nobody inspect the Worker");
  const socket = new WebSocket(target.webSocketDebuggerUrl);
  await new Promise((settle) => socket.addEventListener("open", settle, { once: true }));
  const waiting = new Map<number, (result: unknown) => void>();
  socket.addEventListener("message", ({ data }) => {
    const { id, result } = JSON.parse(String(data)) as { id?: number; result?: unknown };
    if (id !== undefined) waiting.get(id)?.(result);
  });
  let lastId = 0;
  const post = (method: string, params: object = {}): Promise<unknown> =>
    new Promise((settle) => {
      const id = ++lastId;
      waiting.set(id, settle);
      socket.send(JSON.stringify({ id, method, params }));
    });
  await post("Profiler.enable");
  await post("Profiler.setSamplingInterval", { interval: 250 });
  await post("Profiler.start");
  await body();
  const { profile } = (await post("Profiler.stop")) as { profile: Profiler.Profile };
  socket.close();
  writeFileSync(file, JSON.stringify(profile));
  return hotSpots(profile);
}
