import { describe, expect, test } from "vitest";
import { checkDeliveries, type LoggedChange, type TakenChange } from "../../src/checker/deliveries.ts";

const wrote = (seq: number, key = "a", user = "anna", value = `v${seq}`): LoggedChange => ({
  log: "0/0",
  user,
  key,
  position: `weur.16.${seq}`,
  seq,
  n: 0,
  op: "put",
  value,
});
const COMMITTED = [wrote(1), wrote(2, "b"), wrote(3, "a", "ben"), wrote(4)];
const took = (...changes: LoggedChange[]): TakenChange[] => changes.map((each) => ({ ...each, sink: "all" }));
const check = (taken: TakenChange[], excused: { after: number; through: number }[] = []) =>
  checkDeliveries({
    sinks: [{ name: "all", prefix: "" }],
    committed: COMMITTED,
    taken,
    excused: excused.map((excuse) => ({ ...excuse, sink: "all", log: "0/0" })),
  });
const messages = (taken: TakenChange[], excused?: { after: number; through: number }[]): string[] =>
  check(taken, excused).violations.map(({ message }) => message);

describe("deliveries to sinks", () => {
  test("may repeat, and users need not wait for each other", () => {
    const [first, second, ben, last] = COMMITTED as [LoggedChange, LoggedChange, LoggedChange, LoggedChange];
    const verdict = check(took(first, second, first, second, last, ben, first));
    expect(verdict).toMatchObject({ ok: true, counted: { committed: 4, taken: 7, repeated: 3 } });
  });

  test("are complete", () => {
    expect(messages(took(...COMMITTED.slice(0, 3)))).toEqual([
      'all was never sent: put anna/"a" at weur.16.4',
    ]);
    expect(messages([])).toHaveLength(2);
  });

  test("come first in the order of the log", () => {
    expect(messages(took(wrote(1), wrote(4), wrote(2, "b"), wrote(3, "a", "ben")))).toEqual([
      'all was sent weur.16.4 before: put anna/"b" at weur.16.2',
    ]);
  });

  test("are of what was committed, as it was written", () => {
    expect(messages(took(...COMMITTED, wrote(5)))).toEqual([
      'all was sent what it is not to have: put anna/"a" at weur.16.5',
    ]);
    expect(messages(took(...COMMITTED, wrote(1, "a", "anna", "other")))).toEqual([
      'all was told something else than what was written: put anna/"a" at weur.16.1',
    ]);
  });

  test("are of the keys that the sink asked for", () => {
    const sinks = [{ name: "all", prefix: "b" }];
    const taken = took(wrote(2, "b"));
    expect(checkDeliveries({ sinks, committed: COMMITTED, taken, excused: [] }).ok).toBe(true);
    const more = { sinks, committed: COMMITTED, taken: took(...COMMITTED), excused: [] };
    expect(checkDeliveries(more).violations).toHaveLength(3);
  });

  test("may miss what a sink said that it has lost, and no more", () => {
    expect(messages(took(wrote(3, "a", "ben"), wrote(4)), [{ after: 0, through: 2 }])).toEqual([]);
    expect(messages(took(wrote(3, "a", "ben"), wrote(4)), [{ after: 1, through: 2 }])).toEqual([
      'all was sent weur.16.4 before: put anna/"a" at weur.16.1',
    ]);
  });
});
