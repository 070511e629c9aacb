/** As much of the runtime's modules as the bench's Workers use: they are checked together with code for Node. */
declare module "cloudflare:workers" {
  interface Cursor extends Iterable<Record<string, unknown>> {
    raw(): Iterable<unknown[]>;
    readonly rowsRead: number;
    readonly rowsWritten: number;
  }
  interface Storage {
    readonly sql: {
      exec(sql: string, ...params: readonly unknown[]): Cursor;
      readonly databaseSize: number;
    };
    setAlarm(at: number): Promise<void>;
    transactionSync<T>(body: () => T): T;
  }
  export interface State {
    readonly id: { readonly name?: string };
    readonly storage: Storage;
  }
  export class DurableObject {
    constructor(ctx: State, env: unknown);
    protected readonly ctx: State;
    protected readonly env: unknown;
  }
}

/** The built Worker, whole. */
declare module "ithaca:worker" {
  import { DurableObject } from "cloudflare:workers";
  export class Region extends DurableObject {
    ask(request: unknown): Promise<unknown>;
    peer(message: Uint8Array): Promise<unknown>;
    ingest(messages: readonly unknown[]): Promise<unknown>;
    alarm(): Promise<void>;
  }
  const worker: {
    fetch(request: Request, env: object, ctx: unknown): Promise<Response>;
    queue(batch: unknown, env: object): Promise<void>;
  };
  export default worker;
}
