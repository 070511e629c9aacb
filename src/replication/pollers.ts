/** Who waits in long polls: a bound for all, and one for each user, so that nobody takes the places of the others. */

const POLLS_MAX = 1_000;
/** As many as sockets. Whoever follows one user from more places than that can share. */
const POLLS_PER_USER_MAX = 50;

export class Pollers {
  readonly #byUser = new Map<string, Set<number>>();
  #size = 0;

  /** False: there is no place left. */
  add(user: string, id: number): boolean {
    const own = this.#byUser.get(user) ?? new Set();
    if (this.#size >= POLLS_MAX || own.size >= POLLS_PER_USER_MAX) return false;
    this.#byUser.set(user, own.add(id));
    this.#size += 1;
    return true;
  }

  delete(user: string, id: number): void {
    const own = this.#byUser.get(user);
    if (own?.delete(id) !== true) return;
    this.#size -= 1;
    if (own.size === 0) this.#byUser.delete(user);
  }
}
