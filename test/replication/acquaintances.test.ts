/** Who the other voters are taken for, over losses of memory and returns. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Acquaintances, type Hearing } from "../../src/replication/acquaintances.ts";
import { EMPTY_TAIL } from "../../src/replication/position.ts";
import { RULES } from "../../src/replication/rules.ts";
import { Node } from "./harness.ts";

let node: Node;
let calls: number;
beforeEach(() => {
  node = new Node();
  calls = 0;
});
afterEach(() => node.close());

const load = (): Acquaintances => new Acquaintances(node.storage, RULES, () => calls);
const word = (storeId: string, inc: number) => ({ storeId, inc, tail: EMPTY_TAIL });
/** An answer to a call that is made now. */
const answering = (): Hearing => ({ o: 0, asked: ++calls, wrote: true, whole: false });

describe("a voter that has lost its memory", () => {
  test("counts again under the name that was asked for, over restarts of who knows it, and what comes late does not", () => {
    let known = load();
    expect(known.counts(1, word("old", 9), answering())).toBe(true);
    expect(known.counts(1, word("", 1), answering())).toBe(false);
    known.expect(1, "new");
    expect(known.counts(1, word("old", 9), { ...answering(), asked: 1 })).toBe(false);
    known = load();
    expect(known.all()).toEqual([1]);
    expect(known.counts(1, word("new", 2), answering())).toBe(true);
    expect(known.counts(1, word("old", 9), { ...answering(), asked: 1 })).toBe(false);
    expect(known.counts(1, word("new", 2), answering())).toBe(true);
    expect(load().all()).toEqual([]);
  });

  test("is not taken in again under the same name when it has lost its memory under that one too", () => {
    let known = load();
    known.counts(1, word("", 1), answering());
    known.expect(1, "new");
    expect(known.counts(1, word("new", 5), answering())).toBe(true);
    expect(known.counts(1, word("new", 4), answering())).toBe(false);
    // Restarted often enough to look like one that goes on.
    expect(known.counts(1, word("new", 7), answering())).toBe(false);
    expect(known.recognizes(1, word("new", 7))).toBe(false);
    expect(known.reminder(1)).toEqual({ forgotten: "new" });
    known = load();
    expect(known.recognizes(1, word("new", 7))).toBe(false);
    known.expect(1, "newer");
    expect(known.recognizes(1, word("newer", 8))).toBe(true);
  });

  test("is named to others by the name under which it would be counted, or by none", () => {
    const known = load();
    known.counts(2, word("two", 3), answering());
    known.counts(1, word("old", 9), answering());
    known.counts(1, word("another", 1), answering());
    expect(known.others()).toEqual([
      { region: 1, storeId: "", inc: 0 },
      { region: 2, storeId: "two", inc: 3 },
    ]);
    known.expect(1, "new");
    expect(known.others()[0]).toEqual({ region: 1, storeId: "new", inc: 0 });
    expect(RULES.contradicts(known.others()[0]!, { storeId: "another", inc: 1 })).toBe(true);
    expect(RULES.contradicts(known.others()[0]!, { storeId: "new", inc: 2 })).toBe(false);
    expect(RULES.contradicts(known.others()[1]!, { storeId: "two", inc: 2 })).toBe(true);
  });
});
