/** Items as storage is asked for them. */
import type { ItemRow } from "./state-row.ts";

export interface ListQuery {
  readonly user: string;
  readonly prefix: string;
  readonly start?: string;
  readonly end?: string;
  readonly after?: string;
  readonly reverse: boolean;
  readonly rowsMax: number;
}

/** An item without, or with, its value (`value` is empty where it was not asked for; `size` always tells). */
export interface StoredItem extends ItemRow {
  readonly size: number;
}

/** An item whose time has come. */
export interface ExpiredItem {
  readonly user: string;
  readonly key: string;
  readonly expiresAt: number;
  /** Of its value. */
  readonly size: number;
}
