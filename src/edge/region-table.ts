/** Regions by index and by id, and by how far they are from one another. Made once for a deployment. */
import type { Region } from "../deployment/deployment.ts";
import type { RegionIndex } from "../replication/position.ts";
import { distanceKm, placeOfHint, roundTripMs, type Coordinates } from "./geography.ts";

export class RegionTable {
  readonly all: readonly Region[];
  readonly #ids: readonly (string | undefined)[];
  readonly #indexes: ReadonlyMap<string, RegionIndex>;
  /** By region: all regions, nearest first, itself at the head. */
  readonly #near: ReadonlyMap<RegionIndex, readonly RegionIndex[]>;

  constructor(regions: readonly Region[]) {
    this.all = regions;
    const ids: string[] = [];
    for (const region of regions) ids[region.index] = region.id;
    this.#ids = ids;
    this.#indexes = new Map(regions.map((region) => [region.id, region.index]));
    this.#near = new Map(
      regions.map((from) => [
        from.index,
        this.#order((to) => (to === from ? -1 : roundTripMs(from.hint, to.hint))),
      ]),
    );
  }

  /** An index that the configuration does not name comes from a newer one: it is shown as it is. */
  idOf(index: RegionIndex): string {
    return this.#ids[index] ?? `region-${index}`;
  }

  indexOf(id: string): RegionIndex | undefined {
    return this.#indexes.get(id);
  }

  /** All regions in the order in which a client placed in `index` is near to them. */
  nearTo(index: RegionIndex): readonly RegionIndex[] {
    return this.#near.get(index) ?? this.all.map((region) => region.index);
  }

  nearestTo(at: Coordinates): RegionIndex {
    return this.#order((region) => distanceKm(at, placeOfHint(region.hint)))[0] ?? 0;
  }

  #order(cost: (region: Region) => number): RegionIndex[] {
    return this.all
      .map((region) => ({ index: region.index, cost: cost(region) }))
      .toSorted((a, b) => a.cost - b.cost || a.index - b.index)
      .map(({ index }) => index);
  }
}
