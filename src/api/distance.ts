/**
 * How far apart regions are, as somebody measured it. A store on one machine can be told to keep its regions so far apart
 * (`npm start -- --latency real`), drills do the same to any store, and a client's nearest region is found by it.
 *
 * Averages from 17 August to 15 September 2024 as IBM Cloud publishes them (github.com/ibm-cloud-docs/vpc,
 * _include-segments/network-latency.md): there and back, between London (weur), Washington DC (enam), Tokyo (apac), Sydney (oc)
 * and Sao Paulo (sam). Where the two ways of a pair differ, the longer one.
 */

export const LATENCY_SOURCE =
  "IBM Cloud, averages of 17 Aug to 15 Sep 2024 (github.com/ibm-cloud-docs/vpc, _include-segments/network-latency.md)";

const ROUND_TRIP_MS: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  weur: { enam: 76, apac: 242, oc: 261, sam: 187 },
  enam: { apac: 166, oc: 216, sam: 119 },
  apac: { oc: 115, sam: 285 },
  oc: { sam: 328 },
};

export interface Distance {
  readonly between: readonly [string, string];
  readonly roundTripMs: number;
}

/** Nobody has measured a way between two of these regions. */
export class NoDistance extends Error {}

/** Of two regions; undefined where nobody has measured it. */
export function measuredRoundTripMs(one: string, other: string): number | undefined {
  return ROUND_TRIP_MS[one]?.[other] ?? ROUND_TRIP_MS[other]?.[one];
}

/** Of every two regions. */
export function distancesOf(regions: readonly string[]): Distance[] {
  return regions.flatMap((one, n) =>
    regions.slice(n + 1).map((other): Distance => {
      const roundTripMs = measuredRoundTripMs(one, other);
      if (roundTripMs === undefined)
        throw new NoDistance(`nothing is known of the way between ${one} and ${other}`);
      return { between: [one, other], roundTripMs };
    }),
  );
}
