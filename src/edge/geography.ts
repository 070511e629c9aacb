/**
 * Where the platform's location hints and the continents are, roughly: good enough to say which region is nearest. The
 * figures are cities that the platform names for its hints, or the middle of what people live in on a continent.
 */
import { measuredRoundTripMs } from "../api/distance.ts";

export interface Coordinates {
  readonly latitude: number;
  readonly longitude: number;
}

const at = (latitude: number, longitude: number): Coordinates => ({ latitude, longitude });

const HINTS: Readonly<Record<string, Coordinates>> = {
  wnam: at(37.4, -121.9), // San Jose
  enam: at(39.0, -77.5), // Ashburn
  sam: at(-23.5, -46.6), // Sao Paulo
  weur: at(51.5, -0.1), // London
  eeur: at(52.2, 21.0), // Warsaw
  apac: at(35.7, 139.7), // Tokyo
  "apac-ne": at(35.7, 139.7), // Tokyo
  "apac-se": at(1.35, 103.8), // Singapore
  oc: at(-33.9, 151.2), // Sydney
  afr: at(-26.2, 28.0), // Johannesburg
  me: at(25.2, 55.3), // Dubai
};

const CONTINENTS: Readonly<Record<string, Coordinates>> = {
  NA: at(39.8, -90.0),
  SA: at(-15.8, -55.0),
  EU: at(50.1, 10.0),
  AF: at(2.0, 22.0),
  AS: at(22.0, 100.0),
  OC: at(-30.0, 145.0),
  AN: at(-45.0, 170.0), // reached by way of New Zealand
};

export function placeOfHint(hint: string): Coordinates {
  return HINTS[hint] ?? at(0, 0);
}

export function placeOfContinent(continent: string): Coordinates | undefined {
  return Object.hasOwn(CONTINENTS, continent) ? CONTINENTS[continent] : undefined;
}

const EARTH_RADIUS_KM = 6_371;

/** Great-circle distance. */
export function distanceKm(a: Coordinates, b: Coordinates): number {
  const radians = Math.PI / 180;
  const dLatitude = (b.latitude - a.latitude) * radians;
  const dLongitude = (b.longitude - a.longitude) * radians;
  const h =
    Math.sin(dLatitude / 2) ** 2 +
    Math.cos(a.latitude * radians) * Math.cos(b.latitude * radians) * Math.sin(dLongitude / 2) ** 2;
  return 2 * EARTH_RADIUS_KM * Math.asin(Math.min(1, Math.sqrt(h)));
}

/** What the measured ones come to on average, for the rest. */
const KM_PER_ROUND_TRIP_MS = 65;

/** Of two hints, measured where it was, else estimated. Cables do not follow great circles: Tokyo is nearer to Washington than to London. */
export function roundTripMs(a: string, b: string): number {
  return measuredRoundTripMs(a, b) ?? distanceKm(placeOfHint(a), placeOfHint(b)) / KM_PER_ROUND_TRIP_MS;
}
