/**
 * Takeovers have a reason: who campaigns for a log that another region leads does so because a majority of the voters, each for
 * itself, was out of touch with that region, or because the log was handed to it.
 */
import { leaderOf } from "../../src/replication/position.ts";
import type { Host } from "./host.ts";
import type { Network } from "./network.ts";
import type { Turn } from "./turn.ts";

/** Rounds of looking that may stand behind one campaign: a voter's look may have begun for an earlier question. */
const LOOKS = 5;
const WAY_MS = 3_000;

export function takeoversHaveAReason(turn: Turn, network: Network): void {
  const { host, ghost, peers, timing } = turn;
  const since = turn.at - LOOKS * timing.probeMs - WAY_MS;
  for (const effect of turn.effects) {
    if (effect.type !== "call" || effect.message.type !== "prepare") continue;
    const { o, b } = effect.message;
    ghost.log(host.partition, o).ballots.add(b);
    // Whether it was handed over is judged elsewhere.
    if (!turn.clocksKept || effect.message.transfer) continue;
    const known = peers
      .map((peer) => ghost.mirror(peer, o))
      .map(({ last, acceptor }) => Math.max(last.e, acceptor.leaderE));
    const epoch = known[peers.indexOf(host)] ?? 0;
    // Others may have told of a later epoch, whose leader is the one that is missed.
    if (known.some((other) => other > epoch)) continue;
    const leader = epoch === 0 ? o : leaderOf(epoch);
    const there = peers.find((peer) => peer.region === leader);
    // Nobody can be in touch with a region that has no replica (the usurper's).
    if (leader === host.region || there === undefined || there.wasAwaySince(since)) continue;
    if (there.driver.rows(`SELECT 1 FROM restore LIMIT 1`).length > 0) continue;
    // It is there, and cannot lead (R8).
    if (hasForgotten(there)) continue;
    const apart = peers.filter(
      (peer) => peer !== there && network.wereApartSince(peer.region, leader, since),
    );
    if (apart.length >= ghost.majority) continue;
    turn.fail(
      "takeovers have a reason",
      `${host.name} campaigns with ${b} for log ${o}, which region ${leader} leads under ${epoch}, and only ${apart.map(({ name }) => name).join(", ") || "nobody"} had lost touch with it`,
    );
    return;
  }
}

/** It has lost its memory, has been told so, and is not taken in again. */
export function hasForgotten({ driver }: Host): boolean {
  return driver.rows(`SELECT 1 FROM meta WHERE k = 'forgot' AND v <> ''`).length > 0;
}
