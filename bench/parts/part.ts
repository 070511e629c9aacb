/** A part of the bench: it measures something and answers figures. */
import type { Figure } from "../figure.ts";

export interface Settings {
  /** Of one round of one contender. */
  readonly seconds: number;
  readonly rounds: number;
  /** Smaller sizes: to see that it runs, not to quote. */
  readonly quick: boolean;
  /** Directory for CPU profiles; null: none are taken. */
  readonly profiles: string | null;
  /** Where runtimes keep their data. */
  readonly data: string | undefined;
  readonly note: (line: string) => void;
}

export type Part = (settings: Settings) => Promise<readonly Figure[]>;
