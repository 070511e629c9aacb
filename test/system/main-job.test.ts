/** What Ithaca is for: written at home, read anywhere, by devices that know nothing of each other. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startRuntime, type Runtime } from "./support/runtime.ts";
import { type Listed } from "./support/http.ts";
import {
  compareVersions,
  converge,
  listAll,
  pause,
  REGIONS,
  until,
  type Level,
  type Store,
} from "./support/store.ts";

let runtime: Runtime;
let store: Store;

beforeAll(async () => {
  runtime = await startRuntime();
  ({ store } = runtime);
});
afterAll(() => runtime.stop());

const MIB = 1_048_576;

describe("levels", () => {
  test("the first write's region becomes the home; every level shows the write from every region", async () => {
    const written = await store.put("ann", "plan", "go home", { region: "enam", concern: "all" });
    expect(written.status).toBe(201);
    expect(written.receipt).toMatchObject({ user: "ann", key: "plan", leader: "enam", concern: "all" });
    const { version } = written.receipt;
    expect(written.header("ETag")).toBe(`"${version}"`);
    // `all` is acknowledged when all have it; that they have applied it and know the home comes a moment later.
    await converge(store, "ann");

    const levels: Level[] = [
      "user",
      "strong",
      "bounded; max-staleness-ms=60000",
      "session",
      "prefix",
      "eventual",
    ];
    for (const region of REGIONS) {
      for (const level of levels) {
        for (const session of [null, written.session]) {
          const near = level === "prefix" || level === "eventual";
          const read = await until(
            () => store.get("ann", "plan", { region, level, session }),
            ({ servedBy }) => !near || servedBy === region,
          );
          const told = `${level} from ${region}, ${session === null ? "without" : "with"} a token`;
          expect(read.status, told).toBe(200);
          expect(read.text, told).toBe("go home");
          expect(read.header("ETag"), told).toBe(`"${version}"`);
          expect(read.header("Ithaca-Home"), told).toBe("enam");
          expect(read.header("Ithaca-Leader"), told).toBe("enam");
          expect(compareVersions(read.header("Ithaca-Position"), version), told).toBeGreaterThanOrEqual(0);
          expect(read.session, told).toMatch(/^s1\./);
          expect(read.header("Ithaca-Anchored"), told).toBe("");
          if (level === "user" || level === "strong") {
            expect(read.servedBy, told).toBe("enam");
            expect(read.header("Ithaca-Staleness-Ms"), told).toBe("0");
          }
          if (near) expect(read.servedBy, told).toBe(region);
        }
      }
    }
  });

  test("a second device sees at once what the first one was told is written, without any token", async () => {
    const devices = ["phone", "laptop"] as const;
    await store.settle("odysseus", "weur");
    let last = "";
    for (let turn = 0; turn < 50; turn++) {
      const writer = devices[turn % 2];
      const from = REGIONS[turn % 3];
      const elsewhere = REGIONS[(turn + 1 + (turn % 2)) % 3];
      const text = `${writer} was here, ${turn}`;
      const written = await store.put("odysseus", "log", text, from === undefined ? {} : { region: from });
      const { version } = written.receipt;
      expect(written.status).toBe(turn === 0 ? 201 : 200);
      if (last !== "") expect(compareVersions(version, last)).toBeGreaterThan(0);
      last = version;
      const read = await store.get("odysseus", "log", elsewhere === undefined ? {} : { region: elsewhere });
      expect(read.text, `turn ${turn}: written from ${from}, read from ${elsewhere}`).toBe(text);
      expect(read.header("ETag")).toBe(`"${version}"`);
    }
  });

  test("a session reads its own writes, and near it as soon as its replica covers them", async () => {
    await store.settle("nausicaa", "weur");
    let session: string | null = null;
    for (let turn = 0; turn < 10; turn++) {
      const written = await store.put("nausicaa", "song", `verse ${turn}`, { region: "apac", session });
      ({ session } = written);
      const read = await store.get("nausicaa", "song", { region: "apac", level: "session", session });
      expect(read.text).toBe(`verse ${turn}`);
      ({ session } = read);
    }
    const near = await until(
      () => store.get("nausicaa", "song", { region: "apac", level: "session", session }),
      (read) => read.servedBy === "apac",
    );
    expect(near.servedBy).toBe("apac");
    expect(near.text).toBe("verse 9");
    // Nothing new was shown: the token is the same.
    expect(near.session).toBe(session);
  });

  test("what a session has seen at a weak level, it does not lose sight of elsewhere", async () => {
    await store.settle("telemachus", "apac");
    for (let turn = 0; turn < 5; turn++) {
      await store.put("telemachus", "news", `day ${turn}`, { region: "apac" });
      const seen = await store.get("telemachus", "news", { region: "apac", level: "eventual" });
      expect(seen.status).toBe(200);
      const { session } = seen;
      const read = await store.get("telemachus", "news", { region: "enam", level: "session", session });
      expect(compareVersions(read.header("ETag"), seen.header("ETag"))).toBeGreaterThanOrEqual(0);
    }
  });

  test("bounded is never older than it says, down to nothing", async () => {
    await store.settle("circe", "weur");
    for (const bound of [0, 1, 200, 60_000]) {
      await store.put("circe", "brew", `within ${bound}`, { region: "weur" });
      const level = `bounded; max-staleness-ms=${bound}` as const;
      if (bound === 60_000) await converge(store, "circe");
      const read = await store.get("circe", "brew", { region: "apac", level });
      expect(read.status).toBe(200);
      expect(Number(read.header("Ithaca-Staleness-Ms"))).toBeLessThanOrEqual(bound);
      if (bound === 0 || bound === 60_000) expect(read.text).toBe(`within ${bound}`);
    }
  });

  test("strong and committed show what a majority holds", async () => {
    await store.settle("penelope", "apac");
    for (let turn = 0; turn < 5; turn++) {
      const { receipt } = await store.put("penelope", "web", `thread ${turn}`, { region: "apac" });
      const asked = turn % 2 === 0 ? ({ level: "strong" } as const) : {};
      const headers = { "Ithaca-Read-Concern": "committed" };
      const read = await store.get("penelope", "web", { region: "enam", ...asked, headers });
      expect(read.text).toBe(`thread ${turn}`);
      const held = await store.request("GET", `/v1/users/penelope/receipts/${receipt.position}`);
      expect(held.json()).toMatchObject({ state: "committed", committed: true });
    }
  });

  test("a later position in the same token never makes a replica show an earlier one", async () => {
    await store.settle("mentor", "enam");
    let session: string | null = null;
    let last = "";
    for (let turn = 0; turn < 12; turn++) {
      await store.put("mentor", "word", `${turn}`, { region: "enam" });
      const region = REGIONS[turn % 3] ?? "weur";
      const read = await store.get("mentor", "word", { region, level: "session", session });
      ({ session } = read);
      const tag = read.header("ETag");
      if (last !== "") expect(compareVersions(tag, last)).toBeGreaterThanOrEqual(0);
      last = tag;
    }
  });
});

describe("concerns and receipts", () => {
  test("each concern says who holds the write, and that is so", async () => {
    await store.settle("ajax", "weur");
    const least = { local: 1, one: 2, majority: 2, all: 3 } as const;
    for (const concern of ["local", "one", "majority", "all"] as const) {
      const { receipt } = await store.put("ajax", `shield/${concern}`, "x", { region: "apac", concern });
      expect(receipt.concern).toBe(concern);
      expect(receipt.leader).toBe("weur");
      expect(receipt.durableIn).toContain("weur");
      expect(new Set(receipt.durableIn).size).toBe(receipt.durableIn.length);
      expect(receipt.durableIn.length).toBeGreaterThanOrEqual(least[concern]);
      if (concern === "majority" || concern === "all") expect(receipt.committed).toBe(true);
      expect(Math.abs(receipt.at - Date.now())).toBeLessThan(60_000);
    }
  });

  test("a receipt is told as it stands, waits for a concern, and is nobody else's", async () => {
    await store.settle("hector", "apac");
    await store.settle("paris", "apac");
    const { receipt } = await store.put("hector", "oath", "kept", { region: "apac" });
    const path = `/v1/users/hector/receipts/${receipt.position}`;
    const now = await store.request("GET", path, { region: "enam" });
    expect(now.json()).toMatchObject({ user: "hector", key: "oath", version: receipt.version });
    expect(["pending", "committed"]).toContain(now.members["state"]);

    const everywhere = await store.request("GET", `${path}?concern=all&waitMs=25000`);
    expect(everywhere.receipt.durableIn.toSorted()).toEqual([...REGIONS].toSorted());
    expect(everywhere.json()).toMatchObject({ state: "committed", committed: true });
    expect(everywhere.session).not.toBe("");
    expect((await store.request("GET", `${path}?waitMs=25000`)).json()).toMatchObject({ state: "committed" });

    const [origin, epoch] = receipt.position.split(".");
    for (const unknown of [`${origin}.${epoch}.999999`, `${origin}.9999.1`, "oc.16.1", `weur.${epoch}.1`]) {
      const none = await store.request("GET", `/v1/users/hector/receipts/${unknown}`);
      expect(none.status, unknown).toBe(404);
    }
    const foreign = await store.request("GET", `/v1/users/paris/receipts/${receipt.position}`);
    expect(foreign.status).toBe(404);
    expect((await store.request("GET", `/v1/users/hector/receipts/nonsense`)).status).toBe(400);
    expect((await store.request("GET", `/v1/users/nobody-yet/receipts/${receipt.position}`)).status).toBe(
      404,
    );
  });
});

describe("conditions", () => {
  test("If-None-Match: * creates once; If-Match replaces what was read and nothing else", async () => {
    const create = { region: "weur", headers: { "If-None-Match": "*" } } as const;
    const first = await store.put("eumaeus", "pigs", "1", create);
    expect(first.status).toBe(201);
    const again = await store.put("eumaeus", "pigs", "2", { ...create, region: "apac" });
    expect(again.status).toBe(412);
    expect(again.problem).toMatchObject({
      type: "/problems/precondition-failed",
      definite: true,
      retryable: false,
      version: first.receipt.version,
    });
    expect(again.header("ETag")).toBe(first.header("ETag"));
    expect(again.session).not.toBe("");

    const tag = first.header("ETag");
    const replaced = await store.put("eumaeus", "pigs", "3", {
      region: "enam",
      headers: { "If-Match": tag },
    });
    expect(replaced.status).toBe(200);
    const stale = await store.put("eumaeus", "pigs", "4", { region: "enam", headers: { "If-Match": tag } });
    expect(stale.status).toBe(412);
    // As an intermediary that recodes bodies hands it on.
    const weak = { "If-Match": `"x.y", W/${replaced.header("ETag")}` };
    expect((await store.put("eumaeus", "pigs", "5", { headers: weak })).status).toBe(200);
    expect((await store.put("eumaeus", "goats", "1", { headers: { "If-Match": "*" } })).status).toBe(412);
    expect((await store.get("eumaeus", "goats")).status).toBe(404);
    expect((await store.delete("eumaeus", "pigs", { headers: { "If-Match": tag } })).status).toBe(412);
    expect((await store.get("eumaeus", "pigs")).text).toBe("5");
  });

  test("reads: 304 where nothing changed, 412 where something did", async () => {
    const { receipt } = await store.put("argos", "bone", "here", { region: "enam" });
    const tag = `"${receipt.version}"`;
    for (const value of [tag, `W/${tag}`, `"a", ${tag}`, "*"]) {
      const same = await store.get("argos", "bone", { region: "apac", headers: { "If-None-Match": value } });
      expect(same.status, value).toBe(304);
      expect(same.bytes).toHaveLength(0);
      expect(same.header("ETag")).toBe(tag);
      expect(same.session).not.toBe("");
    }
    const other = await store.get("argos", "bone", { headers: { "If-None-Match": '"weur.16.9"' } });
    expect(other.status).toBe(200);
    expect((await store.get("argos", "bone", { headers: { "If-Match": tag } })).status).toBe(200);
    expect((await store.get("argos", "bone", { headers: { "If-Match": '"weur.16.9"' } })).status).toBe(412);
  });

  test("of many who create the same item at once from everywhere, one does", async () => {
    await store.settle("troy", "weur");
    const racers = await Promise.all(
      Array.from({ length: 12 }, (_, at) =>
        store.put("troy", "gate", `racer ${at}`, {
          region: REGIONS[at % 3] ?? "weur",
          headers: { "If-None-Match": "*" },
        }),
      ),
    );
    expect(racers.filter(({ status }) => status === 412)).toHaveLength(11);
    const winner = racers.findIndex(({ status }) => status === 201);
    expect(winner).not.toBe(-1);
    expect((await store.get("troy", "gate")).text).toBe(`racer ${winner}`);
  });
});

describe("idempotency keys", () => {
  test("the same request again gets the same receipt: from elsewhere, later, at other concerns, after other writes", async () => {
    await store.settle("calypso", "enam");
    const asked = { idempotencyKey: "isle-1" } as const;
    const first = await store.put("calypso", "isle", "stay", { ...asked, region: "weur" });
    expect(first.status).toBe(201);
    const { version, position, at } = first.receipt;
    const same = async (more: object) => {
      const replay = await store.put("calypso", "isle", "stay", { ...asked, ...more });
      expect(replay.status).toBe(201);
      expect(replay.receipt).toMatchObject({ version, position, at });
      return replay;
    };
    for (const region of REGIONS) await same({ region });
    await same({ session: first.session });
    await same({ idempotencyKey: '"isle-1"' });
    const everywhere = await same({ concern: "all" });
    expect(everywhere.receipt.durableIn).toHaveLength(3);

    const later = await store.put("calypso", "isle", "go", { region: "apac" });
    await same({ region: "apac" });
    const read = await store.get("calypso", "isle");
    expect(read.text).toBe("go");
    expect(read.header("ETag")).toBe(later.header("ETag"));

    await store.delete("calypso", "isle");
    await same({});
    expect((await store.get("calypso", "isle")).status).toBe(404);
  });

  test("another request under the same key is refused, another user's is not", async () => {
    await store.put("scylla", "head", "1", { idempotencyKey: "k", region: "weur" });
    const otherwise = [
      await store.put("scylla", "head", "2", { idempotencyKey: "k" }),
      await store.put("scylla", "tail", "1", { idempotencyKey: "k" }),
      await store.put("scylla", "head", "1", { idempotencyKey: "k", headers: { "If-Match": "*" } }),
      await store.put("scylla", "head", "1", { idempotencyKey: "k", headers: { "Content-Type": "a/b" } }),
      await store.delete("scylla", "head", { idempotencyKey: "k" }),
    ];
    for (const reply of otherwise) {
      expect(reply.status).toBe(422);
      expect(reply.problem).toMatchObject({ type: "/problems/idempotency-key-reused", definite: true });
    }
    expect((await store.put("charybdis", "head", "2", { idempotencyKey: "k" })).status).toBe(201);
    expect((await store.get("scylla", "head")).text).toBe("1");
  });

  test("a refusal is not remembered; a deletion is", async () => {
    const asked = { idempotencyKey: "later", headers: { "If-Match": "*" }, region: "apac" } as const;
    expect((await store.put("polyphemus", "eye", "shut", asked)).status).toBe(412);
    await store.put("polyphemus", "eye", "open");
    expect((await store.put("polyphemus", "eye", "shut", asked)).status).toBe(200);

    const removed = await store.delete("polyphemus", "eye", { idempotencyKey: "out" });
    expect(removed.status).toBe(200);
    const again = await store.delete("polyphemus", "eye", { idempotencyKey: "out", region: "weur" });
    expect(again.status).toBe(200);
    expect(again.receipt.position).toBe(removed.receipt.position);
    expect((await store.delete("polyphemus", "eye")).status).toBe(404);
  });

  test("many at once with one key write once", async () => {
    const replies = await Promise.all(
      Array.from({ length: 9 }, (_, at) =>
        store.put("aeolus", "wind", "west", {
          region: REGIONS[at % 3] ?? "weur",
          idempotencyKey: "one-bag",
          concern: at % 2 === 0 ? "local" : "majority",
        }),
      ),
    );
    expect(new Set(replies.map(({ receipt }) => receipt.position)).size).toBe(1);
    expect(replies.every(({ status }) => status === 201)).toBe(true);
  });
});

describe("lists", () => {
  const keys = Array.from({ length: 25 }, (_, at) => `ship/${String(at).padStart(2, "0")}`);

  beforeAll(async () => {
    await store.settle("fleet", "apac");
    const more = ["port", "ship", "shipyard", "ship\u{1F6A2}", "shipé"];
    await Promise.all(
      [...keys, ...more].map((key, at) =>
        store.put("fleet", key, `{"n": ${at}, "big":12345678901234567890}`, {
          region: REGIONS[at % 3] ?? "weur",
          headers: { "Content-Type": "application/json" },
        }),
      ),
    );
    await store.put("fleet", "image", new Uint8Array([0, 255, 128]), {
      headers: { "Content-Type": "image/x" },
    });
  });

  async function pages(query: string): Promise<Listed[][]> {
    const found: Listed[][] = [];
    let cursor = "";
    for (;;) {
      const reply = await store.list("fleet", `?${query}${cursor}`, { region: "weur" });
      expect(reply.session).not.toBe("");
      const { page } = reply;
      found.push([...page.items]);
      if (page.cursor === undefined) return found;
      cursor = `&cursor=${encodeURIComponent(page.cursor)}`;
    }
  }

  test("come page by page in byte order, forwards and backwards", async () => {
    const found = await pages("prefix=ship/&limit=7");
    expect(found.map((page) => page.length)).toEqual([7, 7, 7, 4]);
    expect(found.flat().map(({ key }) => key)).toEqual(keys);
    const back = await pages("prefix=ship/&limit=10&reverse=true");
    expect(back.flat().map(({ key }) => key)).toEqual(keys.toReversed());
    const all = await pages("limit=11");
    const bytes = (text: string) => Buffer.from(text, "utf8");
    const listed = all.flat().map(({ key }) => key);
    expect(listed).toHaveLength(31);
    expect(listed).toEqual(listed.toSorted((a, b) => Buffer.compare(bytes(a), bytes(b))));
    const between = await pages("start=ship/03&end=ship/06");
    expect(between.flat().map(({ key }) => key)).toEqual(["ship/03", "ship/04", "ship/05"]);
    expect((await pages("prefix=nothing"))[0]).toEqual([]);
  });

  test("carry values as they were stored", async () => {
    const reply = await store.list("fleet", "?prefix=ship/00&values=true");
    expect(reply.text).toContain(`"value":{"n": 0, "big":12345678901234567890}`);
    const [image] = (await store.list("fleet", "?prefix=image&values=true")).page.items;
    expect(image).toMatchObject({ contentType: "image/x", size: 3, valueBase64: "AP+A" });
    const [bare] = (await store.list("fleet", "?prefix=image")).page.items;
    expect(bare).not.toHaveProperty("valueBase64");
  });

  test("end early at 4 MiB of text, and go on with what did not fit", async () => {
    const values = Array.from({ length: 6 }, (_, at) =>
      at % 2 === 0 ? `"${"x".repeat(MIB - 2)}"` : new Uint8Array(MIB).fill(at),
    );
    for (const [at, value] of values.entries())
      await store.put("whale", `big/${at}`, value, {
        headers: { "Content-Type": at % 2 === 0 ? "application/json" : "application/octet-stream" },
      });
    const found: string[] = [];
    let cursor: string | undefined = "";
    for (let pages = 0; cursor !== undefined; pages++) {
      const after: string = cursor === "" ? "" : `&cursor=${encodeURIComponent(cursor)}`;
      const reply = await store.list("whale", `?prefix=big/&values=true&limit=1000${after}`);
      expect(Buffer.byteLength(reply.text)).toBeLessThanOrEqual(4 * MIB);
      for (const { key } of reply.page.items) found.push(key);
      ({ cursor } = reply.page);
      expect(pages).toBeLessThan(4);
    }
    expect(found).toEqual(values.map((_, at) => `big/${at}`));
    // Keys alone fit many times over.
    const { page } = await store.list("whale", "?prefix=big/");
    expect(page.items.map(({ size }) => size)).toEqual(values.map(() => MIB));
    expect(page.cursor).toBeUndefined();
  });

  test("have keys of any characters and of the longest, in the order of their bytes", async () => {
    const odd = ["a b+c%2F", "a/\u{1F6A2}", "a/\uFFFD", "a/é", "a?x=1&y#z", `a/${"\u{1F9ED}".repeat(127)}zz`];
    for (const key of odd) expect((await store.put("oddities", key, "1")).status, key).toBe(201);
    const order = odd.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
    const listed = async (query: string) =>
      (await store.list("oddities", `?${query}`)).page.items.map(({ key }) => key);
    const text = encodeURIComponent;
    expect(await listed("")).toEqual(order);
    expect(await listed("reverse=true")).toEqual(order.toReversed());
    for (const key of odd) {
      expect(await listed(`prefix=${text(key)}`), key).toEqual([key]);
      expect(await listed(`start=${text(key)}&limit=1`), key).toEqual([key]);
      expect(await listed(`end=${text(key)}`), key).toEqual(order.slice(0, order.indexOf(key)));
    }
    for (const direction of ["", "&reverse=true"]) {
      const found: string[] = [];
      for (let after: string | undefined = ""; after !== undefined;) {
        const { page } = await store.list("oddities", `?limit=1${direction}${after}`);
        found.push(...page.items.map(({ key }) => key));
        after = page.cursor === undefined ? undefined : `&cursor=${text(page.cursor)}`;
      }
      expect(found).toEqual(direction === "" ? order : order.toReversed());
    }
    expect(await listed("prefix=a+b%2Bc")).toEqual(["a b+c%2F"]);
  });

  test("are never older on a later page, wherever that is asked for", async () => {
    await store.settle("courier", "weur");
    for (let at = 0; at < 6; at++) await store.put("courier", `k${at}`, "old");
    await converge(store, "courier");
    for (let round = 0; round < 5; round++) {
      // Written last to first: whoever has seen the first page's item has to be shown all that came before it.
      const versions = new Map<string, string>();
      for (let at = 5; at >= 0; at--)
        versions.set(`k${at}`, (await store.put("courier", `k${at}`, `${round}`)).receipt.version);
      const first = await store.list("courier", "?limit=2", { region: "weur" });
      const cursor = encodeURIComponent(first.page.cursor ?? "");
      const second = await store.list("courier", `?limit=9&cursor=${cursor}`, {
        region: "apac",
        level: "eventual",
      });
      const shown = [...first.page.items, ...second.page.items];
      expect(new Map(shown.map(({ key, version }) => [key, version]))).toEqual(versions);
    }
  });

  test("do without what was deleted or has expired between two pages, and go on from where they were", async () => {
    for (const key of ["a", "b", "c", "d", "e", "g"])
      await store.put("gardener", key, "1", key === "d" ? { headers: { "Ithaca-Expires-In": "1" } } : {});
    const first = await store.list("gardener", "?limit=2");
    expect(first.page.items.map(({ key }) => key)).toEqual(["a", "b"]);
    // The key at which the page ended goes too: the cursor names a place, not an item.
    for (const key of ["b", "c"]) await store.delete("gardener", key);
    for (const key of ["aa", "f"]) await store.put("gardener", key, "1");
    await until(
      () => store.get("gardener", "d"),
      ({ status }) => status === 404,
    );
    const second = await store.list("gardener", `?cursor=${encodeURIComponent(first.page.cursor ?? "")}`);
    expect(second.page.items.map(({ key }) => key)).toEqual(["e", "f", "g"]);
    expect(second.page.cursor).toBeUndefined();
  });

  test("are the same at every region and level once they are everywhere", async () => {
    await converge(store, "fleet");
    const truth = await listAll(store, "fleet");
    for (const level of ["strong", "bounded; max-staleness-ms=60000", "prefix"] as const) {
      expect(await listAll(store, "fleet", { region: "enam", level })).toEqual(truth);
    }
  });
});

describe("items", () => {
  test("what is not there is 404 and still tells where and with which session", async () => {
    await store.settle("ghost", "enam");
    for (const level of ["user", "strong", "session", "bounded; max-staleness-ms=60000"] as const) {
      const none = await store.get("ghost", "shadow", { region: "apac", level });
      expect(none.status, level).toBe(404);
      expect(none.problem).toMatchObject({ type: "/problems/not-found", definite: true, retryable: false });
      expect(none.session, level).toMatch(/^s1\./);
      expect(none.header("Ithaca-Home"), level).toBe("enam");
      expect(none.header("Ithaca-Leader"), level).toBe("enam");
      expect(none.header("Ithaca-Position"), level).not.toBe("");
      expect(none.header("ETag")).toBe("");
    }
    for (const level of ["user", "strong", "session", "prefix", "eventual"] as const) {
      const nobody = await store.get("nobody", "shadow", { region: "apac", level });
      expect(nobody.status, level).toBe(404);
      expect(nobody.session, level).toMatch(/^s1\./);
      for (const header of ["Ithaca-Home", "Ithaca-Leader", "Ithaca-Position", "Ithaca-Staleness-Ms"]) {
        expect(nobody.header(header), `${header} at ${level}`).toBe("");
      }
      expect((await store.list("nobody", "", { level })).status, level).toBe(404);
    }
    expect((await store.delete("ghost", "shadow")).problem).toMatchObject({ status: 404, definite: true });
  });

  test("HEAD answers as GET does, without the value", async () => {
    const text = "twelve bytes";
    await store.put("helen", "face", text, { headers: { "Content-Type": "text/x-ships" } });
    const got = await store.get("helen", "face");
    const head = await store.request("HEAD", "/v1/users/helen/items/face");
    expect(head.status).toBe(200);
    expect(head.bytes).toHaveLength(0);
    for (const name of ["ETag", "Content-Type", "Ithaca-Home", "Ithaca-Position", "Cache-Control", "Vary"]) {
      expect(head.header(name), name).toBe(got.header(name));
    }
    expect(head.header("Content-Length")).toBe(String(text.length));
    expect((await store.request("HEAD", "/v1/users/helen/items/none")).status).toBe(404);
    expect((await store.request("HEAD", "/v1/users/helen/items")).status).toBe(200);
    expect((await store.request("HEAD", "/v1/users/helen/home")).status).toBe(200);
  });

  test("values of no byte and of 1 MiB come back byte for byte; one byte more is refused", async () => {
    const random = (length: number) => {
      const bytes = new Uint8Array(length);
      for (let at = 0; at < length; at += 65_536)
        crypto.getRandomValues(bytes.subarray(at, Math.min(length, at + 65_536)));
      return bytes;
    };
    const cases = { none: new Uint8Array(0), one: random(1), most: random(MIB) };
    for (const [key, bytes] of Object.entries(cases)) {
      const written = await store.put("briseis", key, bytes, {
        region: "apac",
        concern: "all",
        headers: { "Content-Type": "application/x-raw" },
      });
      expect(written.status, key).toBe(201);
      for (const region of REGIONS) {
        const read = await until(
          () => store.get("briseis", key, { region, level: "eventual" }),
          ({ status }) => status === 200,
        );
        expect(read.header("Content-Type")).toBe("application/x-raw");
        expect(Buffer.compare(read.bytes, bytes), `${key} at ${region}`).toBe(0);
      }
    }
    const more = await store.put("briseis", "most", random(MIB + 1));
    expect(more.status).toBe(413);
    expect(more.problem).toMatchObject({ type: "/problems/value-too-large", definite: true });
    expect(Buffer.compare((await store.get("briseis", "most")).bytes, cases.most)).toBe(0);
  });

  test("without a Content-Type, a value is bytes", async () => {
    await store.put("chryseis", "gift", new Uint8Array([1, 2, 3]));
    const read = await store.get("chryseis", "gift");
    expect(read.header("Content-Type")).toBe("application/octet-stream");
    expect(read.header("X-Content-Type-Options")).toBe("nosniff");
  });

  test("keys and users of any letters, with slashes, name what they name", async () => {
    const users = ["Ὀδυσσεύς", "a b", "100%", "né@ithaca.example", "x/y", "q?q#q&q=q+q", "\u{1F3DB}\uFE0F"];
    const keys = [
      "a/b/c",
      "日本/東京",
      "with space",
      "50%25 off?",
      "#frag",
      "plus+plus",
      "...",
      "a..b/.c",
      "é",
      "e\u0301",
      "\u{1F680}",
      "back\\slash",
      "semi;colon:comma,",
    ];
    const names = [
      ...users.map((user) => ({ user, key: `of/${user}` })),
      ...keys.map((key) => ({ user: "polyglot", key })),
    ];
    await Promise.all(
      names.map(async ({ user, key }) => {
        const written = await store.put(user, key, `${user}: ${key}`);
        expect(written.status, user).toBe(201);
        expect(written.receipt).toMatchObject({ user, key });
      }),
    );
    for (const { user, key } of names) {
      expect((await store.get(user, key, { region: "apac" })).text).toBe(`${user}: ${key}`);
    }
    const listed = (await listAll(store, "polyglot")).map(({ key }) => key);
    expect(listed.toSorted()).toEqual(keys.toSorted());
  });

  test("an item expires everywhere, and does not come back", async () => {
    await store.settle("eos", "weur");
    await store.put("eos", "day", "long", { headers: { "Ithaca-Expires-In": "3600" } });
    await store.put("eos", "dawn", "rosy", { headers: { "Ithaca-Expires-In": "3" } });
    const listed = await listAll(store, "eos");
    expect(listed.map(({ key }) => key)).toEqual(["dawn", "day"]);
    expect(Math.abs((listed[1]?.expiresAt ?? 0) - Date.now() - 3_600_000)).toBeLessThan(60_000);
    const gone = await until(
      () => store.get("eos", "dawn"),
      ({ status }) => status === 404,
    );
    expect(gone.status).toBe(404);
    const { session } = gone;
    for (const region of REGIONS) {
      const read = await store.get("eos", "dawn", { region, level: "session", session });
      expect(read.status).toBe(404);
      const here = await until(
        () => store.get("eos", "dawn", { region, level: "eventual" }),
        ({ status }) => status === 404,
      );
      expect(here.status).toBe(404);
    }
    expect((await converge(store, "eos")).map(({ key }) => key)).toEqual(["day"]);
    // For a condition it is not there either.
    const create = { headers: { "If-None-Match": "*" } };
    expect((await store.put("eos", "dawn", "again", create)).status).toBe(201);
    await pause(10);
    expect((await store.get("eos", "dawn")).text).toBe("again");
  });

  test("written again without an expiry, an item stays", async () => {
    await store.put("tithonus", "age", "short", { headers: { "Ithaca-Expires-In": "1" } });
    await store.put("tithonus", "age", "for ever");
    await pause(1_200);
    expect((await store.get("tithonus", "age")).text).toBe("for ever");
  });
});

describe("homes", () => {
  const ANCHORS = REGIONS;

  test("whichever region arbitrates, the first write moves the user in where it came from", async () => {
    const settlers = Array.from({ length: 36 }, (_, at) => ({
      user: `settler-${at}`,
      region: REGIONS[at % 3] ?? "weur",
    }));
    const pairs = await Promise.all(
      settlers.map(async ({ user, region }) => {
        const path = `/v1/users/${user}/home`;
        expect((await store.request("GET", path, { region })).status).toBe(404);
        expect((await store.put(user, "k", user, { region })).status).toBe(201);
        const { home } = await store.request("GET", path);
        expect(home).toMatchObject({ user, home: region, leader: region });
        return { user, region, pair: `${region} by ${ANCHORS[home.partition % 3]}` };
      }),
    );
    expect(new Set(pairs.map(({ pair }) => pair)).size).toBe(9);
    for (const [pair, [one]] of Map.groupBy(pairs, ({ pair }) => pair)) {
      const { user = "", region = "" } = one ?? {};
      for (const from of REGIONS) {
        expect((await store.get(user, "k", { region: from })).text, pair).toBe(user);
        const told = await store.request("GET", `/v1/users/${user}/home`, { region: from });
        expect(told.home.home, pair).toBe(region);
      }
    }
  });

  test("a home is chosen before the first write, and the writes go there from anywhere", async () => {
    const partition = await store.settle("laertes", "apac");
    const home = await store.request("GET", "/v1/users/laertes/home");
    expect(home.json()).toEqual({
      user: "laertes",
      home: "apac",
      leader: "apac",
      epoch: expect.stringMatching(/^[0-9]+$/),
      partition,
    });
    const epoch = BigInt(home.home.epoch);
    expect(epoch % 16n, "index of the leader's region").toBe(2n);
    const written = await store.put("laertes", "orchard", "pears", { region: "weur" });
    expect(written.receipt.leader).toBe("apac");
    expect(written.receipt.position).toMatch(/^apac\./);
    expect(await store.settle("laertes", "apac")).toBe(partition);
  });

  test("two devices that write first at the same time, far apart, get one home", async () => {
    for (let turn = 0; turn < 3; turn++) {
      const user = `twins-${turn}`;
      const replies = await Promise.all(
        REGIONS.map((region) => store.put(user, `from-${region}`, region, { region })),
      );
      expect(replies.map(({ status }) => status)).toEqual([201, 201, 201]);
      expect(new Set(replies.map(({ receipt }) => receipt.leader)).size).toBe(1);
      expect(await listAll(store, user)).toHaveLength(3);
    }
  });
});
