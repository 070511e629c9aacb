/** Ctrl-C, or an abort from outside: whatever is waited for is not waited for any longer. */

/** Somebody stopped the drill. */
export class Stopped extends Error {
  /** What it had set at the deployment and could not take away again; in words. */
  readonly left: string[] = [];
}

export class Interrupt {
  readonly #signal: AbortSignal;

  constructor(signal: AbortSignal) {
    this.#signal = signal;
  }

  /** Not for longer than until somebody stops the drill. */
  async guard<T>(work: Promise<T>): Promise<T> {
    const stopped = Promise.withResolvers<never>();
    const stop = (): void => stopped.reject(new Stopped("stopped"));
    if (this.#signal.aborted) stop();
    this.#signal.addEventListener("abort", stop, { once: true });
    try {
      return await Promise.race([work, stopped.promise]);
    } finally {
      this.#signal.removeEventListener("abort", stop);
    }
  }
}
