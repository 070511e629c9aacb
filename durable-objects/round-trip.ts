/**
 * The way to another region and back, in a store on one machine whose regions are to be as far apart as they are in the world.
 *
 * It is the caller who waits, there and back, and not the object that is called: so an idle object is started when the message
 * arrives and not when it leaves, and what an answer waits for at the other end, storage that confirms what was written, comes
 * before its way back. Both are so between real regions.
 *
 * A timer is a millisecond or two late. So it is set for one less, and what is left is waited for turn by turn; and by what the way there
 * was late all the same, the way back is shorter: a round trip takes what it should, to a millisecond, which is what the clock can tell
 * and what the distances are published in.
 */
import { sleep } from "./sleep.ts";

export class RoundTrip {
  readonly #thereMs: number;
  #backMs: number;

  constructor(ms: number) {
    this.#thereMs = Math.ceil(ms / 2);
    this.#backMs = Math.floor(ms / 2);
  }

  async there(): Promise<void> {
    const at = Date.now() + this.#thereMs;
    await until(at);
    this.#backMs -= Math.min(this.#backMs, Date.now() - at);
  }

  back(): Promise<void> {
    return until(Date.now() + this.#backMs);
  }
}

async function until(at: number): Promise<void> {
  for (let leftMs = at - Date.now(); leftMs > 0; leftMs = at - Date.now()) await sleep(leftMs - 1);
}
