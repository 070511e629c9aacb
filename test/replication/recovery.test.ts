/** The way back of a voter that has lost its memory, step by step; the simulator's schedule `memory-regained` goes all of it. */
import { expect, test } from "vitest";
import { Node, Story } from "./harness.ts";

test("gives up nothing that was applied for good, though a restart knows less of the commit position", () => {
  const node = new Node({ region: 2 });
  const anchor = new Story(0).open(16).claim("ben", 1);
  const home = new Story(1)
    .open(17)
    .put("ben", "a", "1", { deps: [anchor.position(2)] })
    .put("ben", "b", "2")
    .put("ben", "c", "3");
  // Stored without a commit position, which comes later; applied later still.
  node.peer(1, home.append(0, 3));
  node.peer(1, home.append(3, 3, { commit: 3 }));
  node.peer(0, anchor.append(0, 2, { commit: 2 }));
  node.peer(1, home.append(3, 4));
  expect(node.log(1)).toMatchObject({ applied: 4, committed: 3 });
  node.driver.run("UPDATE log SET commit_s = 0 WHERE o = 1");
  node.start();
  expect(node.log(1)).toMatchObject({ applied: 4, committed: 0 });
  node.peer(1, home.append(4, 4, { forgotten: String(node.storage.meta("storeId")) }));
  node.step({ type: "wake" });
  expect(node.log(1)).toMatchObject({ head: 3, applied: 3, committed: 3 });
  node.close();
});
