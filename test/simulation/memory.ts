/**
 * All that an object has in its memory, as a text: two of them with the same text will do the same. It follows every
 * field, and of functions what they have captured, which only the inspector tells. Fields have to be ordinary ones (visible.ts).
 *
 * Left out is what never changes (`fixed`), fields that decide nothing (`without`), the order in which a Map was filled, and how many calls there were: a call is told from others by what it is and by which of
 * those that still wait for an answer came before it.
 */
import { Session } from "node:inspector";

/** Names of fields and variables that hold the number of a call. */
const CALL_NUMBERS: ReadonlySet<string> = new Set(["$lastCall", "heardAt", "asked", "call"]);

interface RemoteProperty {
  readonly name: string;
  readonly value?: { readonly objectId?: string; readonly value?: unknown };
}

/** Variables around a function, as the inspector shows them. */
interface Scope {
  readonly description: string;
  readonly object: Readonly<Record<string, unknown>>;
}

interface Properties {
  readonly internalProperties?: readonly RemoteProperty[];
}

export class Memory {
  readonly #inspector = new Session();
  readonly #fixed: ReadonlySet<unknown>;
  readonly #without: ReadonlySet<string>;
  readonly #made = new WeakSet();
  #isLooked = false;

  constructor(fixed: readonly unknown[], without: readonly string[]) {
    this.#fixed = new Set(fixed);
    this.#without = new Set(without);
    this.#inspector.connect();
  }

  close(): void {
    this.#inspector.disconnect();
  }

  /** `calls`: those whose answer would mean something, in order, by number and by what tells them from others. */
  textOf(root: object, calls: ReadonlyMap<number, string>): string {
    const numbers = [...calls.keys()];
    const seen = new Map<unknown, number>();
    const words: string[] = [];
    const write = (value: unknown, name: string): void => {
      if (typeof value === "number" && CALL_NUMBERS.has(name)) {
        words.push(`c${numbers.filter((call) => call <= value).length}`);
        return;
      }
      if (value === null || (typeof value !== "object" && typeof value !== "function")) {
        words.push(typeof value === "string" ? JSON.stringify(value) : String(value));
        return;
      }
      const known = seen.get(value);
      if (known !== undefined) {
        words.push(`^${known}`);
        return;
      }
      if (this.#fixed.has(value) || this.#made.has(value)) {
        words.push("_");
        return;
      }
      seen.set(value, seen.size);
      if (typeof value === "function") {
        words.push("f{");
        for (const [of, held] of this.#inspect(value)) {
          words.push(of);
          write(held, of);
        }
      } else if (value instanceof Uint8Array) {
        words.push(`b{${Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString("base64")}`);
      } else if (Array.isArray(value)) {
        words.push("[");
        for (const one of value) write(one, "");
      } else if (name === "$calls") {
        words.push("m{", ...calls.values());
      } else if (value instanceof Map) {
        words.push("m{");
        for (const [key, held] of [...value].toSorted(byKey)) {
          write(key, "");
          write(held, "");
        }
      } else if (value instanceof Set) {
        words.push("s{");
        for (const one of value) write(one, "");
      } else {
        words.push(`${value.constructor?.name ?? ""}{`);
        let looked = false;
        for (const key of Object.keys(value)) {
          if (this.#without.has(key)) continue;
          words.push(key);
          // Functions of one literal share what they have captured.
          const isFunction = typeof (value as Record<string, unknown>)[key] === "function";
          if (isFunction && looked && value.constructor === Object) continue;
          looked ||= isFunction;
          write((value as Record<string, unknown>)[key], key);
        }
      }
      words.push("}");
    };
    write(root, "");
    return words.join(" ");
  }

  /** A function's place, and what it has captured that is no object. */
  primitivesOf(value: object): string {
    const captured = this.#inspect(value).filter(([name]) => !CALL_NUMBERS.has(name));
    return captured
      .filter(([, held]) => typeof held !== "object" && typeof held !== "function")
      .map(([name, held]) => `${name} ${String(held)}`)
      .join(" ");
  }

  /**
   * The object has just been made. Functions that it has now are taken to do always the same, since all that they have captured
   * is in a field too; of the first object that is looked up.
   */
  made(root: object): void {
    const functions: object[] = [];
    const seen = new Set<unknown>();
    const visit = (value: unknown): void => {
      if (value === null || (typeof value !== "object" && typeof value !== "function")) return;
      if (seen.has(value) || this.#fixed.has(value) || value instanceof Uint8Array) return;
      seen.add(value);
      if (typeof value === "function") functions.push(value);
      else if (value instanceof Map) for (const [, held] of value) visit(held);
      else if (value instanceof Set || Array.isArray(value)) for (const held of value) visit(held);
      else for (const held of Object.values(value)) visit(held);
    };
    visit(root);
    for (const one of functions) {
      this.#made.add(one);
      if (this.#isLooked) continue;
      for (const [name, held] of this.#inspect(one))
        if (held !== null && typeof held === "object" && !seen.has(held) && !this.#fixed.has(held))
          throw new Error(`${name}, which a function of the object has captured, is in no field`);
    }
    this.#isLooked = true;
  }

  #inspect(value: object): readonly (readonly [string, unknown])[] {
    const bridge = globalThis as { explored?: unknown };
    bridge.explored = value;
    const { result } = this.#post("Runtime.evaluate", {
      expression: "globalThis.explored",
      objectGroup: "explored",
    }) as { readonly result: { readonly objectId: string } };
    const { internalProperties = [] } = this.#properties(result.objectId);
    const captured: [string, unknown][] = [];
    const place = internalProperties.find(({ name }) => name === "[[FunctionLocation]]")?.value?.value;
    captured.push(["at", JSON.stringify(place)]);
    const list = internalProperties.find(({ name }) => name === "[[Scopes]]")?.value?.objectId;
    if (list !== undefined) {
      this.#post("Runtime.callFunctionOn", {
        objectId: list,
        functionDeclaration: "function () { globalThis.explored = this; }",
      });
      for (const { description, object } of Object.values(bridge.explored as readonly Scope[]))
        if (!/^(?:Global|Module|Script)/u.test(description)) captured.push(...Object.entries(object));
    }
    bridge.explored = undefined;
    this.#post("Runtime.releaseObjectGroup", { objectGroup: "explored" });
    return captured;
  }

  #properties(objectId: string): Properties {
    return this.#post("Runtime.getProperties", { objectId, ownProperties: true }) as Properties;
  }

  /** The inspector of this process answers before the call returns. */
  #post(method: string, parameters: object): unknown {
    let answer: unknown;
    this.#inspector.post(method, parameters, (error: Error | null, result?: object) => {
      if (error !== null) throw error;
      answer = result;
    });
    return answer;
  }
}

function byKey([a]: [unknown, unknown], [b]: [unknown, unknown]): number {
  if (typeof a === "number" && typeof b === "number") return a - b;
  return String(a) < String(b) ? -1 : 1;
}
