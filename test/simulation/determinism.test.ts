/** One seed, one run: line by line the same. */
import { expect, test } from "vitest";
import { Random } from "./random.ts";
import { scheduleNamed } from "./schedule.ts";
import { simulate } from "./simulation.ts";
import { Timeline } from "./timeline.ts";

test.each(["chaos", "takeovers", "snapshots"])(
  "the same seed of %s twice has the same transcript",
  (name) => {
    const [first, second, other] = [7, 7, 8].map((seed) => simulate({ seed, schedule: scheduleNamed(name) }));
    expect(first?.transcript.count).toBeGreaterThan(1_000);
    expect(second?.transcript.digest()).toBe(first?.transcript.digest());
    expect(other?.transcript.digest()).not.toBe(first?.transcript.digest());
  },
);

test("streams of chance are apart: drawing from one does not move another", () => {
  const [left, right] = [new Random(1), new Random(1)];
  const network = left.fork("network");
  for (let n = 0; n < 10; n++) network.unit();
  expect(left.fork("clients").unit()).toBe(right.fork("clients").unit());
  expect(left.fork("clients").unit()).not.toBe(left.fork("network").unit());
});

test("what falls on one instant happens in the order in which it was planned", () => {
  const timeline = new Timeline();
  const happened: string[] = [];
  timeline.at(5, () => happened.push("b"));
  timeline.at(3, () => timeline.at(5, () => happened.push("d")));
  timeline.at(5, () => happened.push("c"));
  timeline.cancel(timeline.at(4, () => happened.push("never")));
  while (timeline.step());
  expect(happened).toEqual(["b", "c", "d"]);
  expect(timeline.pending).toBe(0);
});
