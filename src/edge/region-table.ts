/** Regions by index and by id, and by distance from one another. Made once for a deployment. */
import type { Region } from "../deployment/deployment.ts";
import type { RegionIndex } from "../replication/position.ts";
import { distanceKm, placeOfHint, type Coordinates } from "./geography.ts";

interface Placed extends Region {
  readonly at: Coordinates;
}

export class RegionTable {
  readonly all: readonly Region[];
  readonly #placed: readonly Placed[];
  readonly #ids: readonly (string | undefined)[];
  readonly #indexes: ReadonlyMap<string, RegionIndex>;
  /** By region: all regions, nearest first, itself at the head. */
  readonly #near: ReadonlyMap<RegionIndex, readonly RegionIndex[]>;

  constructor(regions: readonly Region[]) {
    this.all = regions;
    this.#placed = regions.map((region) => ({ ...region, at: placeOfHint(region.hint) }));
    const ids: string[] = [];
    for (const region of regions) ids[region.index] = region.id;
    this.#ids = ids;
    this.#indexes = new Map(regions.map((region) => [region.id, region.index]));
    this.#near = new Map(this.#placed.map((region) => [region.index, this.#order(region.at, region.index)]));
  }

  /** An index that the configuration does not name comes from a newer one: it is shown as it is. */
  idOf(index: RegionIndex): string {
    return this.#ids[index] ?? `region-${index}`;
  }

  indexOf(id: string): RegionIndex | undefined {
    return this.#indexes.get(id);
  }

  has(index: RegionIndex): boolean {
    return this.#ids[index] !== undefined;
  }

  /** All regions in the order in which a client placed in `index` is near to them. */
  nearTo(index: RegionIndex): readonly RegionIndex[] {
    return this.#near.get(index) ?? this.all.map((region) => region.index);
  }

  nearestTo(at: Coordinates): RegionIndex {
    return this.#order(at, -1)[0] ?? 0;
  }

  #order(at: Coordinates, self: RegionIndex): RegionIndex[] {
    return this.#placed
      .map((region) => ({ index: region.index, km: region.index === self ? -1 : distanceKm(at, region.at) }))
      .toSorted((a, b) => a.km - b.km || a.index - b.index)
      .map((region) => region.index);
  }
}
