/**
 * How long a leader has held what no majority is known to hold, by its own clock.
 *
 * The times in the entries would tell it too, but they go with whatever clock was ahead of the others once: an entry of such a time
 * looks young for as long as it was ahead, and a bound on exposure would bound nothing. So the instant is noted at which the
 * log grew here. Only a restart has no notes, and begins with what its entries say or with itself, whichever is earlier.
 *
 * Notes that are close together share one, of the earlier instant: what is told may be a little too much, and never too little.
 */
/** Growth within so many ms of a note adds nothing to it but the seq. */
const GRAIN_MS = 5;
/** So many notes are kept; then every other one is given up, and those that follow are twice as far apart. */
const NOTES_MAX = 512;

interface Note {
  /** Entries up to here, and after the note before, came at `at` or later. */
  readonly through: number;
  readonly at: number;
}

export class Exposure {
  #notes: Note[] = [];
  #grainMs = GRAIN_MS;
  #now: number;

  /** `at`: when the oldest of what is exposed at the beginning, up to `through`, is known to have been there. */
  constructor(now: number, through: number, at: number) {
    this.#now = now;
    this.#notes.push({ through, at: Math.min(at, now) });
  }

  /** The log reaches to `last`, and a majority is known to hold it up to `commit`. */
  note(now: number, last: number, commit: number): void {
    this.#turn(now);
    const latest = this.#notes.at(-1);
    if (last > (latest?.through ?? commit)) {
      const joins = latest !== undefined && latest.through > commit && now - latest.at < this.#grainMs;
      if (joins) this.#notes.pop();
      this.#notes.push({ through: last, at: joins ? latest.at : now });
    }
    const settled = this.#notes.findIndex(({ through }) => through > commit);
    if (settled !== 0) this.#notes.splice(0, settled === -1 ? this.#notes.length : settled);
    if (this.#notes.length === 0) this.#grainMs = GRAIN_MS;
    if (this.#notes.length <= NOTES_MAX) return;
    this.#notes = thinned(this.#notes);
    this.#grainMs *= 2;
  }

  /** Age of the oldest entry above `commit`; 0: there is none. */
  ms(now: number, commit: number): number {
    this.#turn(now);
    const oldest = this.#notes.find(({ through }) => through > commit);
    return oldest === undefined ? 0 : now - oldest.at;
  }

  /** A clock that went back takes nothing off the ages. */
  #turn(now: number): void {
    const backMs = this.#now - now;
    if (backMs > 0) this.#notes = this.#notes.map(({ through, at }) => ({ through, at: at - backMs }));
    this.#now = now;
  }
}

/** Half of the notes: each takes what follows it for as old as itself. */
function thinned(notes: readonly Note[]): Note[] {
  const kept: Note[] = [];
  for (let n = 0; n < notes.length; n += 2)
    kept.push({ through: (notes[n + 1] ?? notes[n]!).through, at: notes[n]!.at });
  return kept;
}
