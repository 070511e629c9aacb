/**
 * What each region says of the logs of a partition: where they end, and the hash that is chained over all their entries. Two
 * regions with the same text hold the same history, entry by entry, and not only the same items.
 */
import type { RegionView } from "./watch.ts";

/**
 * By region; a region that does not tell has none. Where `alone`, nobody writes any more, and all have to end at the same place;
 * otherwise only those logs are named that end at the same place everywhere, since others write on.
 */
export function checksumsOf(
  views: readonly RegionView[],
  partition: number,
  alone: boolean,
): ReadonlyMap<string, string> {
  const ends = views.map(({ region, logs }) => {
    const own = logs.filter((log) => log.partition === partition && log.checksum !== undefined);
    return { region, logs: new Map(own.map((log) => [log.origin, log])) };
  });
  const origins = [...new Set(ends.flatMap(({ logs }) => [...logs.keys()]))].toSorted();
  const compared = origins.filter(
    (origin) => alone || new Set(ends.map(({ logs }) => logs.get(origin)?.head)).size === 1,
  );
  return new Map(
    ends.flatMap(({ region, logs }): [string, string][] => {
      const told = compared.flatMap((origin) => {
        const log = logs.get(origin);
        return log === undefined ? [] : [`${origin} through ${log.head}: ${log.checksum}`];
      });
      return told.length === 0 ? [] : [[region, told.join(", ")]];
    }),
  );
}
