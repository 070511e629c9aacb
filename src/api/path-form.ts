/** The forms that a path about a user comes in: by name, in another namespace, and as the caller's own. */

const USER_PATH = "/v1/users/{user}";

/** The three forms of a path about a user; any other path stands for itself. */
export function pathForms(path: string): readonly { readonly path: string; readonly form: PathForm }[] {
  if (!path.startsWith(USER_PATH)) return [{ path, form: "plain" }];
  const tail = path.slice(USER_PATH.length);
  return [
    { path, form: "user" },
    { path: `/v1/ns/{ns}/users/{user}${tail}`, form: "namespace" },
    { path: `/v1/me${tail}`, form: "me" },
    { path: `/v1/ns/{ns}/me${tail}`, form: "namespace-me" },
  ];
}

export type PathForm = "plain" | "user" | "namespace" | "me" | "namespace-me";
