/**
 * After the faults are over: every log gets a leader when somebody writes (L2), all replicas come to hold the same (L1), and then
 * the deployment falls silent by itself (L4), which is what lets it cost nothing.
 */
import type { Cluster } from "./cluster.ts";
import type { Ghost } from "./ghost.ts";
import { isLeaver } from "./leaver-name.ts";

/** The schedule of retries is finite: this much happening, or this much time, without silence is a fault. */
const EVENTS_MAX = 60_000;
const SILENCE_WITHIN_MS = 8 * 24 * 3_600_000;

/** Runs until nothing is planned. L4. */
export function fallsSilent(cluster: Cluster, ghost: Ghost): void {
  const { timeline } = cluster;
  const steps = timeline.steps;
  const until = timeline.now + SILENCE_WITHIN_MS;
  while (timeline.pending > 0) {
    if (ghost.problems.length > 0) return;
    if (timeline.steps - steps > EVENTS_MAX || timeline.nextAt > until) {
      ghost.fail(
        "L4 silence",
        `${timeline.pending} things are still planned after ${timeline.steps - steps} events and ${((timeline.now - until + SILENCE_WITHIN_MS) / 1000).toFixed(0)} s without a client`,
      );
      return;
    }
    timeline.step();
  }
}

/**
 * Whether some log's last leader was deposed by a promise that led to nothing. Whoever writes next brings a leader back; until
 * then what it had not brought to everybody stays where it is.
 */
export function someLogIsLeaderless(cluster: Cluster, ghost: Ghost): boolean {
  return cluster.hosts.some((hosts) =>
    hosts.some((_, o) => {
      const furthest = Math.max(...hosts.map((host) => ghost.mirror(host, o).last.e));
      return hosts.some((host) => ghost.mirror(host, o).acceptor.promised > furthest) && furthest > 0;
    }),
  );
}

/** A log that lost its leader to the faults needs a campaign or two; candidates that keep each other from it need ever more. */
const CAMPAIGNS_MAX = 6;

/** L3: once nothing is wrong any more, leadership comes to rest. `before`: campaigns for each log until then. */
export function leadershipRests(cluster: Cluster, ghost: Ghost, before: readonly number[]): void {
  for (const [log, campaigns] of campaignsSeen(ghost).entries()) {
    const more = campaigns - (before[log] ?? 0);
    cluster.tally.add("campaigns after the faults", more);
    if (more > CAMPAIGNS_MAX)
      ghost.fail("L3 leadership comes to rest", `log ${log} saw ${more} campaigns after the faults`);
  }
}

export function campaignsSeen(ghost: Ghost): number[] {
  return ghost.logs.flat().map((log) => log.ballots.size);
}

/** What has expired is reclaimed at every replica, once its log has a leader again: by then everything that may expire has. */
export function expiredIsReclaimed(cluster: Cluster, ghost: Ghost): void {
  for (const host of cluster.allHosts()) {
    const left = host.driver.rows(`SELECT user, key, o, expires_at FROM items WHERE expires_at > 0`);
    for (const [user, key, o, expiresAt] of left)
      ghost.fail(
        "the expired is reclaimed",
        `${host.name} still has ${String(user)}/${String(key)} of log ${String(o)}, which expired at ${String(expiresAt)}, and its clock reads ${host.now()}`,
      );
  }
}

/** L1: the logs of all replicas are one, everything is applied, nothing waits. */
export function replicasAgree(cluster: Cluster, ghost: Ghost): void {
  for (const hosts of cluster.hosts) {
    for (let o = 0; o < cluster.regions; o++) {
      const furthest = hosts
        .map((host) => ghost.mirror(host, o).last)
        .reduce((a, b) => (b.e > a.e || (b.e === a.e && b.s > a.s) ? b : a));
      for (const host of hosts) {
        const { last, applied } = ghost.mirror(host, o);
        if (last.e !== furthest.e || last.s !== furthest.s)
          ghost.fail(
            "L1 convergence",
            `log ${o} at ${host.name} ends at ${last.e}.${last.s}, elsewhere at ${furthest.e}.${furthest.s}`,
          );
        else if (applied !== last.s)
          ghost.fail("L1 convergence", `log ${o} at ${host.name} is applied through ${applied} of ${last.s}`);
      }
    }
    for (const host of hosts) {
      if (host.driver.rows(`SELECT 1 FROM outbox LIMIT 1`).length > 0)
        ghost.fail(
          "L1 convergence",
          `${host.name} still has unsettled destinations: ${JSON.stringify(host.driver.rows(`SELECT o, dest, stage, next_at FROM outbox`))}`,
        );
      if (host.driver.rows(`SELECT 1 FROM restore LIMIT 1`).length > 0)
        ghost.fail("L1 convergence", `${host.name} is still restoring a snapshot`);
      for (const [user] of host.driver.rows(`SELECT user FROM owners WHERE moving IS NOT NULL`))
        if (!isLeaver(String(user)))
          ghost.fail("L1 convergence", `${String(user)} is still on the way to another log at ${host.name}`);
      if (host.openClients > 0)
        ghost.fail("I22 no request hangs", `${host.name} still has ${host.openClients} open requests`);
    }
  }
}
