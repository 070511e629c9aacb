/** Limits of the surface. Each is checked at its edge, in the unit that its name ends with. */

export const USER_BYTES_MAX = 128;
export const KEY_BYTES_MAX = 512;
export { VALUE_BYTES_MAX } from "../replication/config.ts";
/** Stored with every item, so it has to be bounded too. */
export const CONTENT_TYPE_BYTES_MAX = 255;

/** The body of a transaction; the sum of the values that it leaves has the limit of one value. */
export const TRANSACTION_BYTES_MAX = 1_048_576;
export const TRANSACTION_WRITES_MAX = 100;
export const TRANSACTION_CHECKS_MAX = 100;

export const TIMEOUT_MS_MIN = 1;
export const TIMEOUT_MS_MAX = 30_000;
export const TIMEOUT_MS_DEFAULT = 5_000;

export const IDEMPOTENCY_KEY_CHARACTERS_MAX = 255;
/** Ten years: far beyond any use, and far from where instants stop being exact integers. */
export const EXPIRES_IN_S_MAX = 315_360_000;
/** One day: beyond it `bounded` says nothing that `eventual` does not. */
export const STALENESS_MS_MAX = 86_400_000;
/** A token of ours with 64 partitions is smaller; proxies begin to refuse headers near here. */
export const SESSION_CHARACTERS_MAX = 8_192;
/** Entity tags in one If-Match or If-None-Match. */
export const ENTITY_TAGS_MAX = 100;

export const LIST_LIMIT_MAX = 1_000;
export const LIST_LIMIT_DEFAULT = 100;
/** A page of a list ends early here. */
export const LIST_BYTES_MAX = 4 * 1_048_576;

/** Items in one POST /v1/read. */
export const READS_MAX = 100;
/** The body of its answer. */
export const READ_ANSWER_BYTES_MAX = 16 * 1_048_576;
/** The body of its request: so many of the longest users and keys, every character escaped. */
export const READ_BODY_BYTES_MAX = 524_288;
/** An export goes page by page through the same lists, and holds one page or two. */
export const EXPORT_PAGE_ITEMS = 1_000;
export const EXPORT_PAGE_BYTES = 1_048_576;
/** A value of 1 MiB in base64, a key of which every byte is escaped, and room for the rest. */
export const IMPORT_LINE_BYTES_MAX = 1_572_864;
/** Items that become one log entry, unless a single value is larger. */
export const IMPORT_CHUNK_ITEMS = 250;
export const IMPORT_CHUNK_BYTES = 524_288;
/** Lines that an import names as failed; the rest are counted. */
export const IMPORT_FAILURES_MAX = 100;
export const VERSION_CHARACTERS_MAX = 255;

export const CHANGES_LIMIT_MAX = 1_000;
export const CHANGES_LIMIT_DEFAULT = 100;
/** A page of changes ends early here. */
export const CHANGES_BYTES_MAX = 4 * 1_048_576;
export const CHANGES_WAIT_MS_MAX = 25_000;
/** Live sockets at one replica, and of one user's feed among them. */
export const LIVE_SOCKETS_MAX = 2_000;
export const LIVE_SOCKETS_PER_USER_MAX = 50;
export const TICKET_MS = 60_000;
export const RECEIPT_WAIT_MS_MAX = 25_000;
export const FAULT_MS_MAX = 600_000;
/** Bodies of the small JSON requests (home, faults). */
export const CONTROL_BODY_BYTES_MAX = 4_096;

/** Epochs and sequence numbers are safe integers inside; outside they travel as text. */
export const PREFLIGHT_MAX_AGE_S = 7_200;
