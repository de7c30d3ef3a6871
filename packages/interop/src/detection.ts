import { Peer, type PeerKind } from "./peer.ts";
import type { PeerConfig, PeerEvent, StateEvent } from "./peer-protocol.ts";

/** How long one killed peer took to be dead in the eyes of a Go and of a TypeScript node, in ms from the kill. */
interface DetectionRound {
  readonly victim: PeerKind;
  readonly go: number;
  readonly ts: number;
}

export interface DetectionReport {
  readonly rounds: readonly DetectionRound[];
  readonly median: { readonly go: number; readonly ts: number };
  /** How far the medians are apart, as a share of Go's: 0.05 is 5 %. */
  readonly difference: number;
}

/** Dead about 2 s after the kill. Enough transmits that gossip reaches everybody without a push/pull. */
const config: Partial<PeerConfig> = {
  preset: "local",
  probeInterval: 300,
  probeTimeout: 100,
  gossipInterval: 50,
  pushPullInterval: 0,
  retransmitMult: 8,
};

/**
 * The two observers and the victim in one cluster with two more nodes: what one of them finds out, the others hear of. That is
 * how a user meets it.
 */
export function measureTogether(rounds: number): Promise<DetectionReport> {
  return measure(rounds, async (round, victim) => {
    const hosts = hostsOf(round);
    return withPeers(
      [
        [victim, "victim"],
        ["go", "observer-go"],
        ["node", "observer-ts"],
        ["go", "other-go"],
        ["node", "other-ts"],
      ].map(([kind, name]) => [kind as PeerKind, { ...config, name: name as string, bindAddr: hosts() }]),
      async ([first, go, ts, ...others]) => {
        const all = [first, go, ts, ...others] as Peer[];
        await meet(all);
        const killedAt = await (first as Peer).killAndWait();
        const dead = await Promise.all([go, ts].map((observer) => deadAt(observer as Peer)));
        return { go: (dead[0] as number) - killedAt, ts: (dead[1] as number) - killedAt };
      },
    );
  });
}

/**
 * Two observers of one kind with a victim of their own, and the same with the other kind, killed at the same moment: nobody of the
 * other kind helps. Two, because a Go node that knows a single other one lets about every second tick of its prober pass.
 */
export function measureApart(rounds: number): Promise<DetectionReport> {
  return measure(rounds, async (round, victim) => {
    const hosts = hostsOf(round);
    return withPeers(
      [
        [victim, "victim"],
        ["go", "observer-go"],
        ["go", "other-go"],
        [victim, "victim"],
        ["node", "observer-ts"],
        ["node", "other-ts"],
      ].map(([kind, name]) => [kind as PeerKind, { ...config, name: name as string, bindAddr: hosts() }]),
      async (peers) => {
        const [goVictim, go, otherGo, tsVictim, ts, otherTs] = peers as [Peer, Peer, Peer, Peer, Peer, Peer];
        await Promise.all([meet([goVictim, go, otherGo]), meet([tsVictim, ts, otherTs])]);
        const killed = await Promise.all([goVictim.killAndWait(), tsVictim.killAndWait()]);
        const dead = await Promise.all([deadAt(go), deadAt(ts)]);
        return { go: dead[0] - killed[0], ts: dead[1] - killed[1] };
      },
    );
  });
}

async function measure(
  rounds: number,
  one: (round: number, victim: PeerKind) => Promise<{ go: number; ts: number }>,
): Promise<DetectionReport> {
  const done: DetectionRound[] = [];
  for (let round = 0; round < rounds; round++) {
    const victim = round % 2 === 0 ? "go" : "node";
    done.push({ victim, ...(await one(round, victim)) });
  }
  const go = median(done.map((round) => round.go));
  const ts = median(done.map((round) => round.ts));
  return { rounds: done, median: { go, ts }, difference: Math.abs(ts - go) / go };
}

async function withPeers<T>(
  wanted: readonly (readonly [PeerKind, PeerConfig])[],
  body: (peers: readonly Peer[]) => Promise<T>,
): Promise<T> {
  const started = await Promise.allSettled(wanted.map(([kind, one]) => Peer.start(kind, one)));
  const peers = started.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
  try {
    const failed = started.find((result) => result.status === "rejected");
    if (failed !== undefined) throw failed.reason;
    return await body(peers);
  } finally {
    await Promise.all(peers.map((peer) => peer.stop()));
  }
}

/** All know each other, and each has had an answer to a probe: the kill then meets a running failure detector. */
async function meet(peers: readonly Peer[]): Promise<void> {
  for (const [i, peer] of peers.entries()) if (i > 0) await peer.join(...peers.slice(0, i));
  const names = peers.map((peer) => peer.name);
  await Promise.all(peers.map((peer) => peer.waitForAlive(names)));
  await Promise.all(peers.map((peer) => peer.waitFor((event) => event.event === "pingComplete", { what: "a probe" })));
}

async function deadAt(observer: Peer): Promise<number> {
  const isDead = (event: PeerEvent): event is StateEvent =>
    event.event === "state" && event.name === "victim" && event.state === "dead";
  return (await observer.waitFor(isDead, { what: "the victim is dead", timeout: 20_000 })).at;
}

function hostsOf(round: number): () => string {
  let last = 0;
  return () => `127.44.${round + 1}.${++last}`;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const high = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? high : (high + (sorted[middle - 1] ?? Number.NaN)) / 2;
}
