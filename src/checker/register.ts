/**
 * The sequential specification of one item: what it would do if only one client existed.
 *
 * A state is what a read would show: present or not, its version, its value. Either may be unknown: a write whose answer
 * never came has a version that nobody told us, and a merge a value. The first read that sees such a state settles it, and
 * later reads have to agree. A version that some acknowledged write was told is claimed: no other write can turn out to
 * have had it.
 *
 * States are numbered as they come up, so that the search compares numbers.
 */
import { canonical, type Json } from "./operation.ts";
import type { Touch } from "./touch.ts";
import type { Version } from "./version.ts";

export interface RegisterState {
  readonly present: boolean;
  readonly version: Version | undefined;
  readonly value: Json | undefined;
}

/** One operation on the item, or something that the system did to it by itself. */
export interface RegisterStep extends Pick<Touch, "version" | "input" | "output" | "required"> {
  /** set: the item is put back to `state`, as by a failover. */
  readonly kind: Touch["kind"] | "set";
  readonly state?: RegisterState;
}

export function changes(step: RegisterStep): boolean {
  return step.kind !== "read" && step.kind !== "refused";
}

/** Takes effect whatever stood there before: it looks at nothing. */
export function isBlind(step: RegisterStep): boolean {
  const looksAtNothing = step.kind === "write" || step.kind === "set" || step.kind === "remove";
  return looksAtNothing && step.required === undefined;
}

export const IMPOSSIBLE = -1;
export const ABSENT: RegisterState = { present: false, version: null, value: undefined };

export class Register {
  readonly #claimed: ReadonlySet<string>;
  readonly #states: RegisterState[] = [];
  readonly #numbers = new Map<string, number>();

  /** `claimed`: the versions that acknowledged writes of this item were told. */
  constructor(claimed: ReadonlySet<string>) {
    this.#claimed = claimed;
    this.number(ABSENT);
  }

  /** The state before anything happened has number 0. */
  number(state: RegisterState): number {
    const name = `${state.present ? "+" : "-"}${state.version ?? ""} ${comparable(state.value)}`;
    const known = this.#numbers.get(name);
    if (known !== undefined) return known;
    const number = this.#states.length;
    this.#states.push(state);
    this.#numbers.set(name, number);
    return number;
  }

  state(number: number): RegisterState {
    return this.#states[number] ?? ABSENT;
  }

  /** The number of the state after the step, or IMPOSSIBLE where the item would not have answered like that. */
  apply(number: number, step: RegisterStep): number {
    const state = this.state(number);
    if (step.kind === "read") return this.#read(number, state, step);
    if (step.kind === "refused")
      return holds(this.#condition(state, step.required), false) ? number : IMPOSSIBLE;
    if (!holds(this.#condition(state, step.required), true)) return IMPOSSIBLE;
    if (step.kind === "set") return this.number(step.state ?? ABSENT);
    if (step.kind === "delete") return state.present ? this.number(ABSENT) : IMPOSSIBLE;
    if (step.kind === "remove") return this.number(ABSENT);
    const version = step.version ?? undefined;
    // What a merge comes to only reads can tell.
    if (step.kind === "merge") return this.number({ present: true, version, value: step.output });
    if (step.kind === "write") return this.number({ present: true, version, value: step.input });
    const value = step.kind === "add" ? added(state, step.input) : appended(state, step.input);
    if (!agree(value, step.output)) return IMPOSSIBLE;
    return this.number({ present: true, version, value: value ?? step.output });
  }

  #read(number: number, state: RegisterState, step: RegisterStep): number {
    if (step.version === null) return state.present ? IMPOSSIBLE : number;
    if (step.version === undefined) return this.#readValue(number, state, step.output);
    if (!state.present || !agree(state.value, step.output)) return IMPOSSIBLE;
    if (!holds(this.#condition(state, step.version), true)) return IMPOSSIBLE;
    const value = state.value === undefined ? step.output : state.value;
    return this.number({ present: true, version: step.version, value });
  }

  /** A history without versions: null stands for an absent item, or a stored null. */
  #readValue(number: number, state: RegisterState, shown: Json | undefined): number {
    if (shown === undefined) return number;
    if (!state.present) return shown === null ? number : IMPOSSIBLE;
    if (!agree(state.value, shown)) return IMPOSSIBLE;
    return state.value === undefined ? this.number({ ...state, value: shown }) : number;
  }

  /** Whether a condition holds; "perhaps" when the state's version was never told. */
  #condition(state: RegisterState, required: Version | undefined): boolean | "perhaps" {
    if (required === undefined) return true;
    if (required === null) return !state.present;
    if (!state.present) return false;
    if (required === "*" || state.version === required) return true;
    return state.version === undefined && !this.#claimed.has(required) ? "perhaps" : false;
  }
}

function holds(condition: boolean | "perhaps", wanted: boolean): boolean {
  return condition === "perhaps" || condition === wanted;
}

/** Equal as far as both are known. */
function agree(a: Json | undefined, b: Json | undefined): boolean {
  return a === undefined || b === undefined || comparable(a) === comparable(b);
}

/** A counter reads as decimal digits, which a client may hold as a number: 5 and "5" are one value. */
function comparable(value: Json | undefined): string {
  if (typeof value === "string" && /^-?\d+$/u.test(value)) return value;
  return canonical(value);
}

function added(state: RegisterState, by: Json | undefined): Json | undefined {
  const from = state.present ? integer(state.value) : 0n;
  const step = integer(by);
  return from === undefined || step === undefined ? undefined : String(from + step);
}

function appended(state: RegisterState, element: Json | undefined): Json | undefined {
  if (!state.present) return [element ?? null];
  return Array.isArray(state.value) ? [...(state.value as readonly Json[]), element ?? null] : undefined;
}

function integer(value: Json | undefined): bigint | undefined {
  if (typeof value === "number") return Number.isSafeInteger(value) ? BigInt(value) : undefined;
  return typeof value === "string" && /^-?\d+$/u.test(value) ? BigInt(value) : undefined;
}
