/** Makes the tokens that callers bring. */
import { createHmac } from "node:crypto";

export const SECRET = "a secret that has thirty-two characters";

export function jwt(
  claims: object,
  {
    secret = SECRET,
    alg = "HS256",
    head = {},
  }: { readonly secret?: string; readonly alg?: string; readonly head?: object } = {},
): string {
  const encode = (part: object) => Buffer.from(JSON.stringify(part)).toString("base64url");
  const signed = `${encode({ alg, typ: "JWT", ...head })}.${encode(claims)}`;
  return `${signed}.${createHmac("sha256", secret).update(signed).digest("base64url")}`;
}

export function bearer(claims: object): { Authorization: string } {
  return { Authorization: `Bearer ${jwt(claims)}` };
}
