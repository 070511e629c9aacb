import { describe, expect, test } from "vitest";
import { Authority, type LogEntry } from "../../src/checker/authority.ts";
import { checkFeeds, type FeedReading } from "../../src/checker/feed.ts";

const entry = (seq: number, key: string, op: LogEntry["op"] = "put", epoch = 16): LogEntry => ({
  user: "alice",
  position: `weur.${epoch}.${seq}`,
  key,
  op,
});
/** A transaction at 4; what was cut off at 6 in epoch 16 lives on in epoch 33. */
const KEPT = [
  entry(2, "a"),
  entry(4, "b"),
  entry(4, "c", "delete"),
  entry(6, "d", "put", 33),
  entry(9, "a", "put", 33),
];
const authority = new Authority(
  [...KEPT, { user: "bob", position: "weur.33.7", key: "x", op: "put" }],
  [entry(6, "lost")],
);

function reading(told: readonly LogEntry[], more: Partial<FeedReading> = {}): FeedReading {
  return { reader: "r", user: "alice", after: null, told, complete: false, ...more };
}
const messageOf = (...readings: FeedReading[]) =>
  checkFeeds(readings, authority).violations.map(({ message }) => message);

describe("a feed", () => {
  test("is good as far as it goes, and complete when it has all", () => {
    for (let n = 0; n <= KEPT.length; n++) expect(messageOf(reading(KEPT.slice(0, n)))).toEqual([]);
    const verdict = checkFeeds([reading(KEPT, { complete: true })], authority);
    expect(verdict).toMatchObject({ ok: true, counted: { readings: 1, told: 5, complete: 1 } });
  });

  test("begins where it was to begin, after anybody's entry", () => {
    expect(messageOf(reading(KEPT.slice(1), { after: "weur.16.3", complete: true }))).toEqual([]);
    expect(messageOf(reading(KEPT.slice(3), { after: "weur.16.4", complete: true }))).toEqual([]);
    expect(messageOf(reading([], { after: "weur.33.9", complete: true }))).toEqual([]);
    expect(messageOf(reading(KEPT.slice(2), { after: "weur.16.3" }))).toEqual([
      expect.stringContaining("without"),
    ]);
  });

  test("leaves nothing out", () => {
    expect(messageOf(reading([KEPT[0]!, KEPT[3]!]))).toEqual([
      expect.stringMatching(/told of put "d" .* without put "b"/),
    ]);
    expect(messageOf(reading(KEPT.slice(0, 4), { complete: true }))).toEqual([
      expect.stringMatching(/never told of put "a" at weur.33.9/),
    ]);
    // Half of a transaction is no better.
    expect(messageOf(reading([KEPT[0]!, KEPT[1]!, KEPT[3]!]))).toEqual([
      expect.stringContaining('without delete "c"'),
    ]);
  });

  test("tells nothing twice, and nothing out of order", () => {
    expect(messageOf(reading([KEPT[0]!, KEPT[0]!]))).toEqual([expect.stringContaining("again")]);
    expect(messageOf(reading([KEPT[0]!, KEPT[2]!, KEPT[1]!]))).toHaveLength(1);
  });

  test("tells nothing that is not committed, nor anything else", () => {
    expect(messageOf(reading([...KEPT.slice(0, 3), entry(6, "lost")]))).toEqual([
      expect.stringContaining("never committed"),
    ]);
    expect(messageOf(reading([entry(2, "a", "delete")]))).toEqual([
      expect.stringContaining("not what the log has"),
    ]);
    expect(messageOf(reading([entry(5, "z")]))).toEqual([expect.stringContaining("not what the log has")]);
    expect(messageOf(reading([...KEPT, entry(9, "a", "put", 33)]))).toHaveLength(1);
  });

  test("of somebody who wrote nothing is empty", () => {
    expect(messageOf(reading([], { user: "nobody", complete: true }))).toEqual([]);
    expect(messageOf(reading([KEPT[0]!], { user: "nobody" }))).toHaveLength(1);
  });
});
