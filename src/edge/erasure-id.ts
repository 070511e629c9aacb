/** Ids of erasures: where the entry stands that decided it, and when, signed. They name nobody. */
import type { Position } from "../replication/position.ts";
import type { Signer } from "../../durable-objects/signer.ts";

export interface ErasurePlace {
  readonly namespace: string;
  readonly partition: number;
  readonly position: Position;
  /** ms since 1970. */
  readonly at: number;
}

export class ErasureIds {
  readonly #signer: Signer;

  constructor(signer: Signer) {
    this.#signer = signer;
  }

  issue({ namespace, partition, position: { o, e, s }, at }: ErasurePlace): string {
    return this.#signer.sign(
      "e1",
      new TextEncoder().encode(JSON.stringify([namespace, partition, o, e, s, at])),
    );
  }

  /** Null where it is none of ours. What is signed is what was issued. */
  read(id: string): ErasurePlace | null {
    const bytes = this.#signer.verify("e1", id);
    if (bytes === null) return null;
    const [namespace, partition, o, e, s, at] = JSON.parse(new TextDecoder().decode(bytes)) as [
      string,
      number,
      number,
      number,
      number,
      number,
    ];
    return { namespace, partition, position: { o, e, s }, at };
  }
}
