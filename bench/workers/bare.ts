/**
 * What Ithaca is measured against, as plain as it can be written: one row in one object, D1, KV, and an answer that does
 * nothing. Keys are `<object>/<key>`.
 */
import { DurableObject } from "cloudflare:workers";

interface Env {
  readonly BARE: {
    getByName(name: string): {
      put(key: string, value: ArrayBuffer): Promise<number>;
      read(key: string): Promise<ArrayBuffer | null>;
    };
  };
  readonly DATABASE: {
    prepare(sql: string): {
      bind(...params: readonly string[]): {
        run(): Promise<unknown>;
        first(column: string): Promise<unknown>;
      };
    };
  };
  readonly KV: { put(key: string, value: string): Promise<void>; get(key: string): Promise<string | null> };
}

export class Bare extends DurableObject {
  readonly #sql = this.ctx.storage.sql;

  constructor(...args: ConstructorParameters<typeof DurableObject>) {
    super(...args);
    this.#sql.exec(
      `CREATE TABLE IF NOT EXISTS items(key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID`,
    );
  }

  put(key: string, value: ArrayBuffer): number {
    this.#sql.exec(
      `INSERT INTO items(key, value) VALUES(?, ?) ON CONFLICT(key) DO UPDATE SET value = excluded.value`,
      key,
      value,
    );
    return value.byteLength;
  }

  read(key: string): ArrayBuffer | null {
    for (const [value] of this.#sql.exec(`SELECT value FROM items WHERE key = ?`, key).raw())
      return value as ArrayBuffer;
    return null;
  }
}

export default {
  async fetch(request: Request, env: Env): Promise<Response> {
    const [, what = "", object = "", key = ""] = new URL(request.url).pathname.split("/");
    const writing = request.method === "PUT";
    switch (what) {
      case "object": {
        const stub = env.BARE.getByName(object);
        if (!writing) return answered(await stub.read(key));
        return Response.json({ key, bytes: await stub.put(key, await request.arrayBuffer()) });
      }
      case "d1": {
        if (!writing) {
          const value = await env.DATABASE.prepare(`SELECT value FROM items WHERE key = ?`)
            .bind(`${object}/${key}`)
            .first("value");
          return answered(value as string | null);
        }
        await env.DATABASE.prepare(
          `INSERT INTO items(key, value) VALUES(?, ?) ON CONFLICT(key) DO UPDATE SET value = excluded.value`,
        )
          .bind(`${object}/${key}`, await request.text())
          .run();
        return Response.json({ key });
      }
      case "d1-create":
        await env.DATABASE.prepare(
          `CREATE TABLE IF NOT EXISTS items(key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID`,
        )
          .bind()
          .run();
        return Response.json({});
      case "kv": {
        if (!writing) return answered(await env.KV.get(`${object}/${key}`));
        await env.KV.put(`${object}/${key}`, await request.text());
        return Response.json({ key });
      }
      default:
        return new Response("nothing");
    }
  },
};

function answered(value: ArrayBuffer | string | null): Response {
  return value === null ? new Response("no such item", { status: 404 }) : new Response(value);
}
