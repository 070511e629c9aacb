import { describe, expect, it } from "vitest";
import { isDefinite, problemBody, PROBLEMS, type ProblemName } from "../../src/api/problem.ts";
import { problemIndex, problemPage } from "../../src/api/problem-page.ts";

const names = Object.keys(PROBLEMS) as ProblemName[];
const ALWAYS = [400, 401, 403, 405, 413, 415, 422];
const UNLESS_UNANSWERED = [404, 409, 412, 429, 503];

describe("whether a problem is definite", () => {
  it.each(names)("%s follows its status", (name) => {
    const { status, definite } = PROBLEMS[name];
    if (ALWAYS.includes(status)) expect(definite).toBe("always");
    if (UNLESS_UNANSWERED.includes(status)) expect(definite).toBe("unless-unanswered");
    if (status === 504) expect(definite).toBe("never");
  });

  it("of a read is always", () => {
    expect(isDefinite("never", { write: false, unanswered: true })).toBe(true);
  });

  it("of a write depends on what was not answered", () => {
    expect(isDefinite("unless-unanswered", { write: true, unanswered: false })).toBe(true);
    expect(isDefinite("unless-unanswered", { write: true, unanswered: true })).toBe(false);
    expect(isDefinite("never", { write: true, unanswered: false })).toBe(false);
    expect(isDefinite("always", { write: true, unanswered: true })).toBe(true);
  });
});

it("a problem's type leads to its page", () => {
  const body = problemBody("no-leader", "x", { write: true, unanswered: false });
  expect(body).toEqual({
    type: "/problems/no-leader",
    title: PROBLEMS["no-leader"].title,
    status: 503,
    detail: "x",
    definite: true,
    retryable: true,
  });
  for (const name of names) {
    expect(problemPage(name)).toContain(name);
    expect(problemIndex()).toContain(`/problems/${name}"`);
  }
});
