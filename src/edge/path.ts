/**
 * Users and keys out of the path of a URL.
 *
 * The path is taken as it stands in the request, undecoded, because decoding is where two different requests become one. What
 * cannot be seen here: a URL parser on the way (in the client, a proxy, the runtime) has already resolved the segments
 * `.` and `..`, also as `%2e`, and turned `\` into `/`. Those that arrive nevertheless, or hide behind an encoded slash, are
 * refused, so that no key exists that some client cannot name.
 */
import { KEY_BYTES_MAX, USER_BYTES_MAX } from "../api/limit.ts";
import { invalid } from "./refusal.ts";

/** Path of an absolute URL, undecoded, without query and fragment. */
export function rawPathOf(url: string): string {
  const start = url.indexOf("/", url.indexOf("://") + 3);
  if (start === -1) return "/";
  let end = start;
  for (; end < url.length; end++) {
    const code = url.charCodeAt(end);
    if (code === 0x3f || code === 0x23) break;
  }
  return url.slice(start, end);
}

/** Query of an absolute URL, undecoded, without `?`. */
export function rawQueryOf(url: string): string {
  const fragment = url.indexOf("#");
  const whole = fragment === -1 ? url : url.slice(0, fragment);
  const start = whole.indexOf("?");
  return start === -1 ? "" : whole.slice(start + 1);
}

/** A path that no route takes because a segment is empty or dots: the caller is told so, and not that nothing is here. */
export function hasBadSegment(path: string): boolean {
  return path
    .slice(1)
    .split("/")
    .some((segment) => segment === "" || /^(\.|%2e){1,2}$/i.test(segment));
}

// oxlint-disable-next-line no-control-regex -- they are what it looks for
const CONTROL = /[\u0000-\u001f\u007f-\u009f]/;
/** One byte for each character. */
const PLAIN = /^[\u0020-\u007e]*$/;

export function utf8Length(text: string): number {
  return PLAIN.test(text) ? text.length : new TextEncoder().encode(text).byteLength;
}

export function decodePart(raw: string, what: string): string {
  if (!raw.includes("%")) return raw;
  try {
    return decodeURIComponent(raw);
  } catch {
    throw invalid(`${what} is not valid percent-encoded UTF-8`);
  }
}

function checkName(name: string, what: string, bytesMax: number): string {
  const bytes = utf8Length(name);
  if (bytes < 1 || bytes > bytesMax)
    throw invalid(`${what} has ${bytes} bytes; 1 to ${bytesMax} are allowed`);
  if (CONTROL.test(name)) throw invalid(`${what} contains a control character`);
  if (!name.isWellFormed()) throw invalid(`${what} is not valid Unicode`);
  return checkSegments(name, what);
}

function checkSegments(name: string, what: string): string {
  let start = 0;
  for (;;) {
    const slash = name.indexOf("/", start);
    const end = slash === -1 ? name.length : slash;
    const length = end - start;
    const dots = length <= 2 && name.charCodeAt(start) === 0x2e && name.charCodeAt(end - 1) === 0x2e;
    if (length === 0 || dots) throw invalid(`${what} has a segment that is empty, "." or ".."`);
    if (slash === -1) return name;
    start = slash + 1;
  }
}

export function decodeUser(raw: string): string {
  return checkUser(decodePart(raw, "the user"));
}

/** A user who is not named in the path has to be one who could be. */
export function checkUser(user: string, what = "the user"): string {
  return checkName(user, what, USER_BYTES_MAX);
}

/** A key that is not named in a path has to be one that could be. */
export function checkKey(key: string, what = "the key"): string {
  return checkName(key, what, KEY_BYTES_MAX);
}

export function decodeKey(raw: string): string {
  return checkKey(decodePart(raw, "the key"));
}
