/** How much one turn looks through for requests that came again. */
import { afterEach, expect, test } from "vitest";
import { Context } from "../../src/replication/context.ts";
import type { Entry } from "../../src/replication/entry.ts";
import { LaterAttempts } from "../../src/replication/later-attempts.ts";
import { Log } from "../../src/replication/log.ts";
import { RULES } from "../../src/replication/rules.ts";
import { entryCodec } from "../../src/wire/entry-codec.ts";
import { bytesOf, Node, sha256, Story } from "./harness.ts";

const node = new Node({ region: 1 });
afterEach(() => node.close());

const keyed = (key: string) => ({
  idempotency: { key, fingerprint: bytesOf("same"), by: "edge" as const },
});

test("one turn looks at about a thousand entries, and a user's are looked at once", () => {
  const first = new Story(0).open(16);
  for (const user of ["anna", "ben", "cleo"]) first.claim(user, 0);
  const cut = first.fork();
  for (const user of ["anna", "ben", "cleo"]) cut.put(user, "k", "lost", keyed(`of ${user}`));
  const [anna, ben, cleo] = cut.entries.slice(4).map(({ bytes }) => entryCodec.decode(bytes)) as [
    Entry,
    Entry,
    Entry,
  ];
  const stands = first.fork().open(34);
  stands.put("cleo", "k", "again", keyed("of cleo")).put("ben", "k", "again", keyed("of ben"));
  for (let n = 0; n < 1_010; n++) stands.put("anna", "k", String(n), keyed(n === 998 ? "of anna" : `${n}`));
  for (let after = 0; after < stands.entries.length; after += 100) {
    const through = Math.min(stands.entries.length, after + 100);
    node.peer(2, stands.append(after, through, { commit: through }));
  }
  const { config, storage } = node;
  const context = new Context({ config, storage, codec: entryCodec, hash: sha256, rules: RULES });
  context.logs.set(
    0,
    new Log(0, storage, { base: undefined, epochs: storage.epochs(), acceptor: undefined, sinks: [] }),
  );
  const turn = new LaterAttempts(context);
  expect(turn.find(cleo)).toEqual({ o: 0, e: 34, s: 6 });
  expect(turn.find(anna)).toEqual({ o: 0, e: 34, s: 8 + 998 });
  // The thousand of anna's were the last that this turn looked at; they are known now.
  expect(turn.find(ben)).toBe("later");
  expect(turn.find({ ...anna, ...keyed("1005") })).toBeNull();
  expect(turn.find({ ...anna, ...keyed("5") })).toEqual({ o: 0, e: 34, s: 8 + 5 });
  expect(new LaterAttempts(context).find(ben)).toEqual({ o: 0, e: 34, s: 7 });
});
