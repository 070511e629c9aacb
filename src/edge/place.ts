/**
 * What a request addresses: namespace, user, and what follows the user in the path.
 *
 * The router has already told which of the four forms the path has, so the pieces are cut out by their places and nothing
 * is searched for twice.
 */
import type { PathForm } from "../api/path-form.ts";
import { decodePart, decodeUser } from "./path.ts";

export interface Place {
  readonly namespace: string;
  /** Null: the caller's own user. */
  readonly user: string | null;
  /** What follows the user, undecoded, with its slash; empty when nothing does. */
  readonly tail: string;
}

export const DEFAULT_NAMESPACE = "default";

const USERS = "/v1/users/".length;
const NS = "/v1/ns/".length;
const ME = "/v1/me".length;

export function placeOf(path: string, form: Exclude<PathForm, "plain" | "store" | "namespace-store">): Place {
  switch (form) {
    case "user": {
      const end = segmentEnd(path, USERS);
      return {
        namespace: DEFAULT_NAMESPACE,
        user: decodeUser(path.slice(USERS, end)),
        tail: path.slice(end),
      };
    }
    case "namespace": {
      const end = segmentEnd(path, NS);
      const start = end + "/users/".length;
      const userEnd = segmentEnd(path, start);
      return {
        namespace: namespaceOf(path, end),
        user: decodeUser(path.slice(start, userEnd)),
        tail: path.slice(userEnd),
      };
    }
    case "me":
      return { namespace: DEFAULT_NAMESPACE, user: null, tail: path.slice(ME) };
    case "namespace-me": {
      const end = segmentEnd(path, NS);
      return { namespace: namespaceOf(path, end), user: null, tail: path.slice(end + "/me".length) };
    }
  }
}

/** Of a path under a namespace that names no user. */
export function namespaceOfPath(path: string): string {
  return namespaceOf(path, segmentEnd(path, NS));
}

function segmentEnd(path: string, start: number): number {
  const slash = path.indexOf("/", start);
  return slash === -1 ? path.length : slash;
}

function namespaceOf(path: string, end: number): string {
  return decodePart(path.slice(NS, end), "the namespace");
}
