/**
 * The three functions of node:crypto that the edge uses, as workerd offers them too. Synchronous digests are why: a
 * session token is checked and signed on every request, and a promise for each would cost more than the digest.
 */
declare module "node:crypto" {
  interface Digesting {
    update(data: string | Uint8Array): Digesting;
    digest(): Uint8Array;
  }
  export function createHmac(algorithm: "sha256", key: string | Uint8Array): Digesting;
  export function createHash(algorithm: "sha256"): Digesting;
  export function timingSafeEqual(a: Uint8Array, b: Uint8Array): boolean;
}
