/**
 * The way to another region and back, in a store on one machine whose regions are to be as far apart as they are in the world.
 *
 * It is the caller who waits, there and back, and not the object that is called: so an idle object is started when the message
 * arrives and not when it leaves, and what an answer waits for at the other end, storage that confirms what was written, comes
 * before its way back. Both are so between real regions.
 *
 * A timer is a millisecond or two late. By what the one for the way there was late, the way back is shorter: so that a round trip takes
 * what it should, to a millisecond, which is what the clock can tell and what the distances are published in.
 */
export class RoundTrip {
  readonly #thereMs: number;
  #backMs: number;

  constructor(ms: number) {
    this.#thereMs = Math.ceil(ms / 2);
    this.#backMs = Math.floor(ms / 2);
  }

  async there(): Promise<void> {
    const leftAt = Date.now();
    await sleep(this.#thereMs);
    const lateMs = Date.now() - leftAt - this.#thereMs;
    this.#backMs -= Math.min(this.#backMs, Math.max(0, lateMs));
  }

  back(): Promise<void> {
    return sleep(this.#backMs);
  }
}

async function sleep(ms: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, ms));
}
