/**
 * Where changes are sent: the variable SINKS, and a secret for each sink that is an address.
 *
 *   SINKS = '[{"name": "orders", "namespace": "default", "prefix": "orders/", "url": "https://shop.example/changes"},
 *             {"name": "search", "namespace": "default", "queue": "SEARCH_QUEUE"}]'
 *   SINK_SECRET_ORDERS = "whsec_…"
 *
 * Addresses come from here and from nowhere else: nobody who writes an item can make the deployment call something.
 */
import { ConfigurationError, list, text, type Environment } from "./setting.ts";

export interface SinkSetting {
  readonly name: string;
  readonly namespace: string;
  readonly prefix: string;
  readonly from: "now" | "start";
  /** Changes are sent with their values. */
  readonly values: boolean;
  readonly retryMs: readonly number[];
  readonly timeoutMs: number;
  readonly target: SinkTarget;
}

export type SinkTarget =
  /** Signed with each of the secrets: the newest first, while receivers change over. */
  | { readonly kind: "https"; readonly url: string; readonly secrets: readonly string[] }
  | { readonly kind: "queue"; readonly binding: string };

/** A log keeps a place for each, and an object may have a batch of each in memory. */
const SINKS_MAX = 16;
const RETRIES_MAX = 30;
const RETRY_MS_MAX = 3_600_000;
const TIMEOUT_MS = 10_000;
const TIMEOUT_MS_MAX = 30_000;
/** Standard Webhooks has at least 24; ours are as long as session keys. */
const SECRET_BYTES_MIN = 32;
const ADDRESS = /^https:\/\/[a-z0-9.[\]:-]+(?:[/?][^\s#\\]*)?$/i;
/** A developer's own machine may be reached without TLS by a deployment that runs on it. */
const OWN_ADDRESS = /^http:\/\/(?:localhost|127\.0\.0\.1|\[::1\])(?::\d{1,5})?(?:[/?][^\s#\\]*)?$/i;
/** About seven hours: a receiver that is down overnight is for people, and the log is kept for a day. */
const RETRY_MS: readonly number[] = [
  1_000, 5_000, 30_000, 120_000, 600_000, 1_800_000, 3_600_000, 3_600_000, 3_600_000, 3_600_000, 3_600_000,
  3_600_000,
];
const MEMBERS = [
  "name",
  "namespace",
  "prefix",
  "url",
  "queue",
  "from",
  "values",
  "retryMs",
  "timeoutMs",
] as const;

type Members = Partial<Record<(typeof MEMBERS)[number], unknown>>;

export interface SinkSurroundings {
  readonly namespaces: readonly string[];
  /** Region ids: their queues are not for sinks. */
  readonly regions: readonly string[];
  readonly localDev: boolean;
}

export function readSinks(env: Environment, around: SinkSurroundings): SinkSetting[] {
  const sinks = declared(env).map((members) => readSink(env, members, around));
  if (sinks.length > SINKS_MAX) throw problem(`has to name at most ${SINKS_MAX} sinks`);
  const twice = sinks.find(({ name }, at) => sinks.findIndex((other) => other.name === name) !== at);
  if (twice !== undefined) throw problem(`names "${twice.name}" twice`);
  return sinks;
}

/** Text in JSON, or what the platform makes of a list in wrangler.toml. */
function declared(env: Environment): Members[] {
  let value = env["SINKS"];
  if (typeof value !== "object") {
    const json = text(env, "SINKS");
    if (json === null) return [];
    try {
      value = JSON.parse(json);
    } catch {
      throw problem("has to be a list in JSON");
    }
  }
  if (!Array.isArray(value) || value.some((each) => typeof each !== "object" || each === null))
    throw problem("has to be a list of sinks");
  return value as Members[];
}

function readSink(env: Environment, members: Members, around: SinkSurroundings): SinkSetting {
  const name = typeof members.name === "string" ? members.name : "";
  // It is part of a variable's name, of message ids and of a path; and how far the sink is is remembered by it.
  if (!/^[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?$/.test(name))
    throw problem(`the name "${name}" has to be 1 to 32 lower-case letters, digits and dashes`);
  const wrong = (what: string): ConfigurationError => problem(`${name}: ${what}`);
  const unknown = Object.keys(members).find((member) => !MEMBERS.some((known) => known === member));
  if (unknown !== undefined) throw wrong(`there is no setting "${unknown}"`);
  const { namespace, prefix = "", from = "now", values = true, timeoutMs = TIMEOUT_MS } = members;
  if (typeof namespace !== "string" || !around.namespaces.includes(namespace))
    throw wrong("namespace has to be one of NAMESPACES");
  if (typeof prefix !== "string") throw wrong("prefix has to be text");
  if (from !== "now" && from !== "start") throw wrong(`from has to be "now" or "start"`);
  if (typeof values !== "boolean") throw wrong("values has to be true or false");
  if (!isInteger(timeoutMs, 50, TIMEOUT_MS_MAX))
    throw wrong(`timeoutMs has to be an integer from 50 to ${TIMEOUT_MS_MAX}`);
  const retryMs = members.retryMs ?? RETRY_MS;
  if (
    !Array.isArray(retryMs) ||
    retryMs.length > RETRIES_MAX ||
    !retryMs.every((delay) => isInteger(delay, 1, RETRY_MS_MAX))
  )
    throw wrong(`retryMs has to be at most ${RETRIES_MAX} integers from 1 to ${RETRY_MS_MAX}`);
  const target = readTarget(env, name, members, around);
  return { name, namespace, prefix, from, values, retryMs, timeoutMs, target };
}

function readTarget(
  env: Environment,
  name: string,
  { url, queue }: Members,
  { regions, localDev }: SinkSurroundings,
): SinkTarget {
  const wrong = (what: string): ConfigurationError => problem(`${name}: ${what}`);
  if ((url === undefined) === (queue === undefined)) throw wrong("has to have either url or queue");
  if (url !== undefined) {
    if (typeof url !== "string" || !(ADDRESS.test(url) || (localDev && OWN_ADDRESS.test(url))))
      throw wrong("url has to be an https:// address, without a name, a password or a fragment");
    return { kind: "https", url, secrets: readSinkSecrets(env, name, localDev) };
  }
  if (typeof queue !== "string") throw wrong("queue has to be the name of a queue binding");
  if (regions.some((id) => queue === `QUEUE_${id.toUpperCase().replaceAll("-", "_")}`))
    throw wrong(`the queue ${queue} is for replication`);
  const binding = env[queue];
  if (typeof binding !== "object" || binding === null || !("sendBatch" in binding))
    throw wrong(`there is no queue binding ${queue}`);
  return { kind: "queue", binding: queue };
}

/** Comma separated, newest first: `whsec_` and base64, as Standard Webhooks has it, or any text. */
function readSinkSecrets(env: Environment, name: string, localDev: boolean): string[] {
  const variable = `SINK_SECRET_${name.toUpperCase().replaceAll("-", "_")}`;
  const secrets = list(env, variable);
  if (secrets.length === 0) throw new ConfigurationError(variable, "is not set: requests are signed with it");
  for (const secret of secrets) {
    const base64 = /^whsec_(.*)$/.exec(secret)?.[1];
    if (
      base64 !== undefined &&
      !/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(base64)
    )
      throw new ConfigurationError(variable, "has to have base64 after whsec_");
    const bytes =
      base64 === undefined ? secret.length : Math.floor((base64.replaceAll("=", "").length * 3) / 4);
    if (bytes < SECRET_BYTES_MIN && !localDev)
      throw new ConfigurationError(variable, `has to have at least ${SECRET_BYTES_MIN} bytes`);
  }
  return secrets;
}

function isInteger(value: unknown, min: number, max: number): value is number {
  return typeof value === "number" && Number.isInteger(value) && value >= min && value <= max;
}

function problem(expected: string): ConfigurationError {
  return new ConfigurationError("SINKS", expected);
}
