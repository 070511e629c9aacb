/**
 * The forms that a path comes in. About a user: by name, in another namespace, and as the caller's own. About several users:
 * in the default namespace and in another.
 */

const USER_PATH = "/v1/users/{user}";
const STORE_PATHS: readonly string[] = ["/v1/read"];

/** Any path that is about no user's data stands for itself. */
export function pathForms(path: string): readonly { readonly path: string; readonly form: PathForm }[] {
  if (STORE_PATHS.includes(path)) {
    return [
      { path, form: "store" },
      { path: path.replace("/v1/", "/v1/ns/{ns}/"), form: "namespace-store" },
    ];
  }
  if (!path.startsWith(USER_PATH)) return [{ path, form: "plain" }];
  const tail = path.slice(USER_PATH.length);
  return [
    { path, form: "user" },
    { path: `/v1/ns/{ns}/users/{user}${tail}`, form: "namespace" },
    { path: `/v1/me${tail}`, form: "me" },
    { path: `/v1/ns/{ns}/me${tail}`, form: "namespace-me" },
  ];
}

export type PathForm = "plain" | "user" | "namespace" | "me" | "namespace-me" | "store" | "namespace-store";
