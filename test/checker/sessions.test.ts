import { describe, expect, it } from "vitest";
import { Authority } from "../../src/checker/authority.ts";
import { checkSessions } from "../../src/checker/sessions.ts";
import { entry, Story, v } from "./story.ts";

const read = { op: "read", level: "session", session: "s" } as const;
const write = { op: "write", session: "s" } as const;
const line = new Authority([entry(v(1)), entry(v(2)), entry(v(3), { op: "delete" }), entry(v(4))]);

function messages(story: Story, authority = line): string[] {
  return checkSessions(story.operations, authority).violations.map((violation) => violation.message);
}

describe("session guarantees", () => {
  it("hold in a session that only moves on", () => {
    const story = new Story();
    story.did(write, { version: v(1) });
    story.did(read, { version: v(1) });
    story.did({ ...read, region: "apac" }, { version: v(2) });
    story.did(read, { version: null });
    story.did(write, { version: v(4) });
    story.did(read, { version: v(4) });
    expect(messages(story)).toEqual([]);
    expect(checkSessions(story.operations, line).counted).toMatchObject({ sessions: 1, reads: 4, writes: 2 });
  });

  it("read your writes: an older version, or absence without a delete, is caught", () => {
    const older = new Story();
    older.did(write, { version: v(2) });
    older.did(read, { version: v(1) });
    expect(messages(older)).toEqual([expect.stringContaining("read your writes: #1 read")]);
    const absent = new Story();
    absent.did(write, { version: v(4) });
    absent.did(read, { version: null });
    expect(messages(absent)).toEqual([expect.stringContaining("read your writes")]);
    const undeleted = new Story();
    undeleted.did({ op: "delete", session: "s" }, { version: v(3) });
    undeleted.did(read, { version: v(2) });
    expect(messages(undeleted)).toEqual([expect.stringContaining("read your writes")]);
  });

  it("absence is no excuse when the delete was only made later", () => {
    const story = new Story();
    story.did(write, { version: v(2) });
    story.did(read, { version: null });
    story.did({ op: "delete", session: "other" }, { version: v(3) });
    expect(messages(story)).toEqual([expect.stringContaining("read your writes")]);
  });

  it("monotonic reads: going back in time after switching the replica is caught, also into the time before a delete", () => {
    const story = new Story();
    story.did({ ...read, region: "weur" }, { version: v(2), servedBy: "weur" });
    story.did({ ...read, region: "apac" }, { version: v(1), servedBy: "apac" });
    expect(messages(story)).toEqual([
      expect.stringMatching(/monotonic reads: #1 .*in apac.*saw weur.16.2 in #0/u),
    ]);
    const revived = new Story();
    revived.did(read, { version: v(1) });
    revived.did(read, { version: null });
    revived.did(read, { version: v(2) });
    expect(messages(revived)).toEqual([expect.stringContaining("monotonic reads")]);
  });

  it("an eventual read adds to what the session knows and is not held to it", () => {
    const story = new Story();
    story.did({ ...read, level: "eventual" }, { version: v(2) });
    story.did({ ...read, level: "eventual" }, { version: v(1) });
    expect(messages(story)).toEqual([]);
    story.did(read, { version: v(1) });
    expect(messages(story)).toEqual([expect.stringContaining("monotonic reads")]);
  });

  it("asks nothing of another session, of a request without a token, or of an answer marked as not anchored", () => {
    const story = new Story();
    story.did(write, { version: v(2) });
    story.did({ ...read, session: "t" }, { version: v(1) });
    story.did(read, { version: v(1), anchored: false });
    story.did({ ...read, token: false }, { version: v(1) });
    story.did(read, { version: v(1) });
    expect(messages(story)).toEqual([]);
  });

  it("judges items of a list", () => {
    const story = new Story();
    story.did(write, { version: v(2) });
    story.did({ op: "list", level: "session", session: "s" }, { items: [{ key: "a", version: v(1) }] });
    expect(messages(story)).toEqual([expect.stringContaining("read your writes")]);
  });

  it("monotonic writes and writes follow reads: an entry before what the session knew is caught", () => {
    const swapped = new Story();
    swapped.did(write, { version: v(4) });
    swapped.did(write, { version: v(2) });
    expect(messages(swapped)).toEqual([expect.stringContaining("monotonic writes: #1 write")]);
    const blind = new Story();
    blind.did(read, { version: v(2) });
    blind.did({ ...write, key: "b" }, { version: "weur.16.1" });
    expect(messages(blind)).toEqual([expect.stringContaining("writes follow reads: #1 write")]);
  });

  it("follows a write of unknown outcome by its idempotency key, and does not judge a replay by its age", () => {
    const authority = new Authority([entry(v(1), { idempotencyKey: "i" }), entry(v(2))]);
    const unknown = new Story();
    unknown.did(write, { version: v(2) });
    unknown.unknown({ ...write, idempotencyKey: "i" });
    expect(messages(unknown, authority)).toEqual([expect.stringContaining("monotonic writes")]);
    const replay = new Story();
    replay.unknown({ ...write, idempotencyKey: "i" });
    replay.did(write, { version: v(2) });
    replay.did({ ...write, idempotencyKey: "i" }, { version: v(1) });
    expect(messages(replay, authority)).toEqual([]);
  });

  describe("after a failover that lost the session's write", () => {
    const cut = new Authority([entry(v(1)), entry("weur.33.3")], [entry(v(2))]);

    it("a silent return to older data is caught", () => {
      const story = new Story();
      story.did(write, { version: v(2) });
      story.did(read, { version: v(1) });
      expect(messages(story, cut)).toEqual([
        expect.stringContaining("that version was lost, and nobody told the session"),
      ]);
      const overwritten = new Story();
      overwritten.did(read, { version: v(2) });
      overwritten.did(write, { version: "weur.33.3" });
      expect(messages(overwritten, cut)).toEqual([expect.stringContaining("writes follow reads")]);
    });

    it("a report settles it, on the answer itself or on a refusal before", () => {
      const onAnswer = new Story();
      onAnswer.did(write, { version: v(2) });
      onAnswer.did(read, { version: v(1), lostReported: ["weur.16.2-5"] });
      onAnswer.did(read, { version: "weur.33.3" });
      expect(messages(onAnswer, cut)).toEqual([]);
      const onRefusal = new Story();
      onRefusal.did(write, { version: v(2) });
      onRefusal.did(read, { version: v(2) });
      onRefusal.failed(read, { lostReported: [v(2)] });
      onRefusal.did(read, { version: v(1) });
      expect(messages(onRefusal, cut)).toEqual([]);
    });

    it("a report of something else does not, and what was not lost stays owed", () => {
      const other = new Story();
      other.did(write, { version: v(2) });
      other.did(read, { version: v(1), lostReported: [v(7)] });
      expect(messages(other, cut)).toHaveLength(1);
      const owed = new Story();
      owed.did(write, { version: v(1) });
      owed.did(write, { version: v(2) });
      owed.did(read, { version: null, lostReported: [v(2)] });
      expect(messages(owed, cut)).toEqual([expect.stringContaining("wrote weur.16.1")]);
    });
  });
});
