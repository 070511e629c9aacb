/**
 * Something that goes on beside a test: devices that write, readers that follow. What went wrong with it is told by whoever stops it, and not as
 * a rejection that nobody awaits yet. When the test ends, however that is, it goes on with nothing new, so that a test that fails leaves
 * nothing to those after it.
 */
import { onTestFinished } from "vitest";

export class Background {
  readonly #run: Promise<void>;
  #over = false;
  #failed = false;

  /** Within a test. `live` returns soon after it `isOver`. */
  constructor(live: (isOver: () => boolean) => Promise<void>) {
    this.#run = live(() => this.#over);
    this.#run.catch(() => {
      this.#failed = true;
    });
    onTestFinished(() => {
      this.#over = true;
    });
  }

  get failed(): boolean {
    return this.#failed;
  }

  /** Ends after what is under way. Throws what went wrong. */
  async stop(): Promise<void> {
    this.#over = true;
    await this.#run;
  }
}
