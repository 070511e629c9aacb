import { expect, test } from "vitest";
import { Pollers } from "../../src/replication/pollers.ts";

test("fifty of one user, a thousand of all; who leaves makes room", () => {
  const pollers = new Pollers();
  let id = 0;
  for (let user = 0; user < 20; user++) {
    for (let n = 0; n < 50; n++) expect(pollers.add(`user ${user}`, id++)).toBe(true);
    expect(pollers.add(`user ${user}`, id)).toBe(false);
  }
  expect(pollers.add("somebody else", id)).toBe(false);
  pollers.delete("user 3", 150);
  pollers.delete("user 3", 150);
  expect(pollers.add("somebody else", id++)).toBe(true);
  expect(pollers.add("user 3", id)).toBe(false);
});
