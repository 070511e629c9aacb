/**
 * The document and the store, held against each other: every answer that the document lists is provoked, and what comes back has to be what
 * it says. The document is the one that is served. A row of it that nothing here provokes fails too, so that no error is added that was
 * never seen.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { OPERATION_TEXTS } from "../../src/api/operation-text.ts";
import { ApiDocument, type OperationSpec } from "../support/api-document.ts";
import { CONTROL } from "./contract/control.ts";
import { FEEDS } from "./contract/feeds.ts";
import { ITEMS } from "./contract/items.ts";
import { BY_PROBLEM, type Ask, type Table } from "./contract/provocation.ts";
import { SAMPLES } from "./contract/sample.ts";
import { during, SITUATIONS, type Situation } from "./contract/situation.ts";
import { Stage, type Sample } from "./contract/stage.ts";
import { TRANSFER } from "./contract/transfer.ts";
import type { Reply } from "./support/http.ts";

interface Row {
  readonly name: string;
  readonly operation: OperationSpec;
  readonly status: number;
  readonly problem: string | null;
}

/** The forms of a path other than the first take and answer the same: they have a test of their own. */
const OTHER_FORMS = ["me", "namespaces"];

const BY_OPERATION: Table = { ...ITEMS, ...FEEDS, ...TRANSFER, ...CONTROL };

let stage: Stage;
let document: ApiDocument;
let rows: readonly Row[];

beforeAll(async () => {
  stage = await Stage.begin();
  document = new ApiDocument((await stage.store.request("GET", "/openapi.json")).json());
  rows = document.operations.filter(({ tag }) => !OTHER_FORMS.includes(tag)).flatMap(rowsOf);
});
afterAll(() => stage.end());

function rowsOf(operation: OperationSpec): Row[] {
  return [...operation.responses].flatMap(([status, { problems }]): Row[] => {
    const name = `${operation.id} ${status}`;
    if (problems.length === 0) return [{ name, operation, status, problem: null }];
    return problems.map((problem) => ({ name: `${name} ${problem}`, operation, status, problem }));
  });
}

function provocationOf({ name, status, problem }: Row) {
  return BY_OPERATION[name] ?? BY_PROBLEM[`${status} ${problem}`];
}

test("every row of the document is provoked, or it is said why it cannot be", () => {
  const unknown = rows.filter((row) => provocationOf(row) === undefined).map(({ name }) => name);
  expect(unknown).toEqual([]);
  const names = new Set(rows.map(({ name }) => name));
  expect(Object.keys(BY_OPERATION).filter((name) => !names.has(name))).toEqual([]);
  const ids = new Set(rows.map(({ operation }) => operation.id));
  expect([...ids].filter((id) => SAMPLES[id] === undefined)).toEqual([]);
  expect(Object.keys(SAMPLES).filter((id) => !ids.has(id))).toEqual([]);
});

/**
 * The time that rows have which are to wait in vain, by attempt; always less than a lease. On a slow machine another answer may come first that
 * is right as well: such a row is asked again with more time, where it is so anew.
 */
const SHORT_MS = [1_000, 4_000, 16_000] as const;

describe.each(SITUATIONS)("where it is %s", (situation: Situation) => {
  test("every answer is what the document says", { timeout: 600_000 }, async () => {
    let missed: readonly { readonly row: Row; readonly ask: Ask; readonly answer?: string }[];
    missed = rows.flatMap((row) => {
      const provocation = provocationOf(row);
      return provocation !== undefined && "ask" in provocation && provocation.in === situation
        ? [{ row, ask: provocation.ask }]
        : [];
    });
    expect(missed.length).toBeGreaterThan(0);
    const wrong: string[] = [];
    for (const timeoutMs of SHORT_MS) {
      const here = missed;
      const hands = situation === "well" ? HANDS : here.length;
      const told = await during(stage, situation, () =>
        together(here, hands, async ({ row, ask }) => {
          const reply = await ask(stage, sampleOf(row.operation.id), { region: "weur", timeoutMs });
          return { row, ask, reply, answer: `${row.name}: answered ${reply.status} ${reply.text}` };
        }),
      );
      wrong.push(...told.flatMap(({ row, reply }) => differences(row, reply)));
      missed = told.filter(({ row, reply }) => !isProvoked(row, reply));
      if (missed.length === 0 || situation === "well") break;
    }
    expect(wrong).toEqual([]);
    expect(missed.map(({ answer }) => answer)).toEqual([]);
  });
});

/** From the document, whatever was to be provoked; that we are wrong is never a question of time. */
function differences({ name, operation }: Row, reply: Reply): string[] {
  const found = document.differences(operation, reply);
  if (reply.status === 500) found.push(`is wrong: ${reply.text}`);
  return found.map((each) => `${name}: ${each}`);
}

function isProvoked({ operation, status, problem }: Row, reply: Reply): boolean {
  if (reply.status !== status) return false;
  return problem === null || operation.method === "head" || reply.problemName === problem;
}

/** So many at a time where nothing presses; rows that wait in vain go side by side. */
const HANDS = 8;

async function together<T, R>(all: readonly T[], hands: number, act: (each: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  const waiting = [...all];
  const hand = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift())
      results.push(await act(next));
  };
  await Promise.all(Array.from({ length: hands }, hand));
  return results;
}

test("the examples run in the order in which they stand, each with the answer that it tells of", async () => {
  const told = new Map<string, string>();
  for (const [id, { example }] of Object.entries(OPERATION_TEXTS)) {
    if (example === undefined) continue;
    const operation = document.operation(id);
    const fill = (text: string) =>
      text.replaceAll(/\$([A-Z]+)/g, (_, name: string) => told.get(name) ?? name);
    const { headers = {}, body, status } = example;
    const reply = await stage.ask({
      method: operation.method.toUpperCase(),
      path: fill(example.path),
      headers,
      ...(body === undefined ? {} : { body: fill(typeof body === "string" ? body : JSON.stringify(body)) }),
    });
    expect(reply.status, `${id}: ${reply.text}`).toBe(status);
    expect(document.differences(operation, reply), id).toEqual([]);
    if (!reply.header("Content-Type").startsWith("application/json") || reply.text === "") continue;
    for (const [name, value] of Object.entries(reply.members)) {
      if (typeof value === "string") told.set(name.toUpperCase(), value);
    }
  }
});

/** Every path of the document, with the methods that it lists. */
function paths(): Map<string, Set<string>> {
  const all = new Map<string, Set<string>>();
  for (const { path, method } of document.operations) {
    all.set(path, (all.get(path) ?? new Set()).add(method.toUpperCase()));
  }
  return all;
}

/** A path out of its template, with the values that the document gives for examples. */
function example(template: string): string {
  const parameters = document.operations.find(({ path }) => path === template)?.parameters ?? [];
  return template.replaceAll(/\{(\w+)\}/g, (_, name: string) => {
    const value = parameters.find((each) => each.in === "path" && each.name === name)?.example;
    expect(value, `${template} has no example of ${name}`).toBeDefined();
    return String(value);
  });
}

function sampleOf(id: string): Sample {
  const sample = SAMPLES[id];
  if (sample === undefined) throw new Error(`there is no sample of ${id}`);
  return sample(stage);
}

describe("every path", () => {
  test("takes the methods that the document lists, says so, and no others", async () => {
    await together([...paths()], HANDS, async ([template, listed]) => {
      const allowed = new Set([...listed, "OPTIONS", ...(listed.has("GET") ? ["HEAD"] : [])]);
      const path = example(template);
      for (const method of ["GET", "HEAD", "PUT", "POST", "PATCH", "DELETE"]) {
        if (allowed.has(method)) continue;
        const reply = await stage.ask({ method, path });
        expect(reply.status, `${method} ${path}`).toBe(405);
        expect(new Set(reply.header("Allow").split(", ")), path).toEqual(allowed);
        if (method !== "HEAD") expect(reply.problemName, path).toBe("method-not-allowed");
      }
      const options = await stage.ask({ method: "OPTIONS", path });
      expect([options.status, options.text], path).toEqual([204, ""]);
      expect(new Set(options.header("Allow").split(", ")), path).toEqual(allowed);
    });
  });

  test("lets a script send every header that the document lists for it, and read every one that it answers", async () => {
    const origin = { Origin: "https://app.example" };
    const operations = document.operations.filter(({ tag }) => !OTHER_FORMS.includes(tag));
    await together(operations, HANDS, async (operation) => {
      const { path } = sampleOf(operation.id);
      const method = operation.method.toUpperCase();
      const preflight = await stage.ask({
        method: "OPTIONS",
        path,
        headers: { ...origin, "Access-Control-Request-Method": method },
      });
      const allowed = preflight.header("Access-Control-Allow-Headers").toLowerCase().split(", ");
      const sendable = operation.parameters.filter((each) => each.in === "header");
      for (const { name } of sendable) expect(allowed, operation.id).toContain(name.toLowerCase());
      expect(preflight.header("Access-Control-Allow-Methods").split(", ")).toContain(method);
      const reply = await stage.ask({ method: "GET", path, headers: origin });
      const exposed = reply.header("Access-Control-Expose-Headers").toLowerCase().split(", ");
      for (const { headers } of operation.responses.values()) {
        const ours = Object.keys(headers).filter((name) =>
          /^(ithaca-|etag$|server-timing$|retry-after$)/i.test(name),
        );
        for (const name of ours) expect(exposed, operation.id).toContain(name.toLowerCase());
      }
    });
  });

  test("answers HEAD as it answers GET, without the body", async () => {
    // A socket has no other side to it than what is said over it.
    const gets = document.operations.filter(
      ({ id, method, tag }) => !OTHER_FORMS.includes(tag) && method === "get" && id !== "openLive",
    );
    await together(gets, HANDS, async ({ id }) => {
      const [get, head] = [
        await stage.ask(sampleOf(id)),
        await stage.ask({ ...sampleOf(id), method: "HEAD" }),
      ];
      expect([head.status, head.text], id).toEqual([get.status, ""]);
      const names = (reply: Reply) =>
        [...reply.headers.keys()].filter((name) => !/length|encoding/.test(name));
      expect(names(head), id).toEqual(names(get));
      expect(head.header("Content-Type"), id).toBe(get.header("Content-Type"));
    });
  });

  test("about a user answers the same in each of its forms", async () => {
    const forms = [
      ["OfMeInNamespace", "/v1/ns/default/me"],
      ["InNamespace", "/v1/ns/default/users/wilma"],
      ["OfMe", "/v1/me"],
    ] as const;
    const operations = document.operations.filter(({ tag }) => OTHER_FORMS.includes(tag));
    await together(operations, HANDS, async (operation) => {
      const [suffix, prefix] = forms.find(([suffix]) => operation.id.endsWith(suffix)) ?? [];
      expect(suffix, operation.id).toBeDefined();
      const sample = sampleOf(operation.id.replace(suffix ?? "", ""));
      const path = sample.path.replace("/v1/users/wilma", prefix ?? "");
      const reply = await stage.askAs("own", { ...sample, path });
      expect(document.differences(operation, reply), operation.id).toEqual([]);
      expect(reply.text, operation.id).not.toContain("nothing at this path");
    });
  });
});
