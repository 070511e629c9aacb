/**
 * What this isolate remembers about who is at home where, and who leads which log.
 *
 * Hints only: the replica that is asked judges by its own log, so a stale hint costs a hop and never a wrong answer. That
 * nobody is at home somewhere is never remembered, because the next request may be the one that moves in. Leaders are
 * kept by log and not by user, so that one user's failed attempt teaches the way for all who are at home there.
 */
import type { RegionIndex } from "../replication/position.ts";
import { Recent } from "./recent.ts";

const USERS_MAX = 20_000;
const TTL_MS = 300_000;

interface KnownHome {
  readonly home: RegionIndex;
  readonly version: number;
  readonly at: number;
}

interface KnownLeader {
  readonly leader: RegionIndex;
  /** 0 where a redirect named the leader without its epoch. */
  readonly epoch: number;
  readonly at: number;
}

export class HomeCache {
  readonly #homes = new Recent<string, KnownHome>(USERS_MAX);
  /** As many as there are logs: bounded by configuration. */
  readonly #leaders = new Map<string, KnownLeader>();

  homeOf(namespace: string, user: string, now: number): RegionIndex | undefined {
    const known = this.#homes.get(`${namespace}/${user}`);
    return known === undefined || now - known.at > TTL_MS ? undefined : known.home;
  }

  learnHome(namespace: string, user: string, home: RegionIndex, version: number, now: number): void {
    const key = `${namespace}/${user}`;
    const known = this.#homes.get(key);
    if (known !== undefined) {
      if (known.version > version && now - known.at <= TTL_MS) return;
      // The usual case: nothing new. Rewriting it for every request would only make garbage.
      if (known.home === home && known.version === version && now - known.at < TTL_MS / 2) return;
    }
    this.#homes.set(key, { home, version, at: now });
  }

  forget(namespace: string, user: string): void {
    this.#homes.delete(`${namespace}/${user}`);
  }

  leaderOf(namespace: string, partition: number, origin: RegionIndex, now: number): RegionIndex {
    const known = this.#leaders.get(`${namespace}/${partition}/${origin}`);
    // A log that nobody ever took over is led by its own region.
    return known === undefined || now - known.at > TTL_MS ? origin : known.leader;
  }

  learnLeader(
    namespace: string,
    partition: number,
    origin: RegionIndex,
    { leader, epoch }: { readonly leader: RegionIndex; readonly epoch: number },
    now: number,
  ): void {
    const key = `${namespace}/${partition}/${origin}`;
    const known = this.#leaders.get(key);
    if (known !== undefined && now - known.at <= TTL_MS) {
      if (epoch !== 0 && epoch < known.epoch) return;
      if (known.leader === leader && known.epoch === epoch && now - known.at < TTL_MS / 2) return;
    }
    this.#leaders.set(key, { leader, epoch, at: now });
  }
}
