import { expect, it } from "vitest";
import type { Peer, PeerKind } from "../src/peer.ts";
import { seededBytes, toBase64, type PeerConfig } from "../src/peer-protocol.ts";
import { converged, describeWithGo, fast, isMessage, ours, useCluster } from "./support.ts";

const [oldKey, newKey, otherKey] = [16, 32, 24].map((size) => toBase64(seededBytes(size, size))) as [string, string, string];
/** As on a LAN: who is suspected here has not been slow, but was not understood. */
const calm: Partial<PeerConfig> = { ...fast, probeInterval: 1_000, probeTimeout: 500, tcpTimeout: 10_000 };
const kinds: readonly PeerKind[] = ["go", ours, "go", ours, "go", ours];

describeWithGo("a cluster of three Go members and three of ours", { timeout: 120_000 }, () => {
  const cluster = useCluster();
  let sent = 0;

  /** Members of either kind, each of which has its successor to send to. */
  async function six(config: (kind: PeerKind) => Partial<PeerConfig>): Promise<Peer[]> {
    const peers: Peer[] = [];
    for (const [i, kind] of kinds.entries()) peers.push(await cluster.start(kind, `m${i}-${kind}`, { ...calm, ...config(kind) }));
    expect(peers.map(({ kind }) => kind)).toEqual(kinds);
    const [first, ...others] = peers as [Peer, ...Peer[]];
    for (const peer of others) await peer.join(first);
    await converged(...peers);
    return peers;
  }

  /** By packet, by stream, and a push/pull. */
  async function expectAnswer(from: Peer, to: Peer): Promise<void> {
    for (const mode of ["bestEffort", "reliable"] as const) {
      const [size, seed] = [mode === "reliable" ? 50_000 : 900, ++sent];
      await from.command("send", { node: to.name, mode, size, seed });
      await to.waitFor(isMessage(seededBytes(size, seed)), { what: `message ${seed} of ${from.name} by ${mode}` });
    }
    expect(await from.join(to)).toBe(1);
  }

  /** From each to the next, and so between the kinds both ways. */
  async function expectUnderstanding(peers: readonly Peer[]): Promise<void> {
    for (const [i, from] of peers.entries()) await expectAnswer(from, peers[(i + 1) % peers.length] as Peer);
    await converged(...peers);
  }

  /** Expects that no member was suspected, found dead or forced to refute, in the events and logs of all members. */
  function expectCalm(peers: readonly Peer[]): void {
    const accusations = peers.flatMap((peer) =>
      peer.events.filter(
        (event) =>
          (event.event === "state" && (event.state === "suspect" || event.state === "dead")) ||
          (event.event === "log" && /suspect .* has failed|refuting a suspect|marking .* as failed/i.test(event.line)),
      ),
    );
    expect(accusations).toEqual([]);
  }

  /** What becomes of newcomers with this config: of one that asks a Go member, and of one that asks one of ours. */
  async function newcomers(peers: readonly Peer[], config: Partial<PeerConfig>): Promise<("in" | "out")[]> {
    const results: ("in" | "out")[] = [];
    for (const to of peers.slice(0, 2)) {
      const newcomer = await cluster.start(ours, `newcomer-${sent++}`, { ...calm, tcpTimeout: 3_000, ...config });
      results.push(
        await newcomer.join(to).then(
          () => "in",
          () => "out",
        ),
      );
      await newcomer.leave();
      await newcomer.stop();
    }
    return results;
  }

  it("survives the rotation of its key: add, use, remove", async () => {
    const peers = await six(() => ({ keyring: { keys: [], primary: oldKey } }));
    await expectUnderstanding(peers);
    for (const [step, command] of (["addKey", "useKey", "removeKey"] as const).entries()) {
      // One after the other, now these first, now those, while all go on.
      for (const peer of step === 1 ? peers.toReversed() : peers) {
        await peer.command(command, { key: command === "removeKey" ? oldKey : newKey });
        await expectAnswer(peers[0] as Peer, peers[1] as Peer);
      }
      await expectUnderstanding(peers);
    }
    for (const peer of peers) expect(await peer.command("listKeys", {})).toEqual({ keys: [newKey] });
    expectCalm(peers);
    expect(await newcomers(peers, { secretKey: oldKey })).toEqual(["out", "out"]);
    expect(await newcomers(peers, { secretKey: newKey })).toEqual(["in", "in"]);
  });

  it("survives the step from plaintext to encryption: keys, then outgoing, then incoming", async () => {
    const plain = { gossipVerifyIncoming: false, gossipVerifyOutgoing: false };
    const peers = await six((kind) => (kind === "go" ? {} : { ...plain, keyring: { keys: [] } }));
    const ended: Peer[] = [];
    await expectUnderstanding(peers);

    /** What Go's members cannot change while they run, they get by leaving and rejoining. */
    const restart = async (i: number, flags: Partial<PeerConfig>): Promise<void> => {
      const peer = peers[i] as Peer;
      const { name, bindAddr, bindPort } = peer.node;
      const others = peers.filter((other) => other !== peer);
      await peer.leave();
      await Promise.all(others.map((other) => other.waitForState(name, "left")));
      await peer.stop();
      ended.push(peer);
      const again = await cluster.start(peer.kind, name, { ...calm, bindAddr, bindPort, secretKey: newKey, ...flags });
      peers[i] = again;
      await again.join(...others);
      await converged(...peers);
    };
    const steps = [
      { flags: plain, live: (peer: Peer) => peer.command("addKey", { key: newKey }) },
      { flags: { gossipVerifyIncoming: false }, live: (peer: Peer) => peer.command("setGossipVerify", { outgoing: true }) },
      { flags: {}, live: (peer: Peer) => peer.command("setGossipVerify", { incoming: true }) },
    ];
    for (const [step, { flags, live }] of steps.entries()) {
      // Who knows of nothing yet gets in until the others encrypt; who has the key, from then on.
      expect(await newcomers(peers, step < 2 ? {} : { secretKey: newKey, ...plain })).toEqual(["in", "in"]);
      for (const i of step === 1 ? [5, 4, 3, 2, 1, 0] : [0, 1, 2, 3, 4, 5]) {
        if (kinds[i] === ours && ours !== "go") await live(peers[i] as Peer);
        else await restart(i, flags);
      }
      await expectUnderstanding(peers);
      expectCalm([...peers, ...ended]);
    }
    expect(await newcomers(peers, {})).toEqual(["out", "out"]);
    expect(await newcomers(peers, { secretKey: otherKey })).toEqual(["out", "out"]);
    expect(await newcomers(peers, { secretKey: newKey })).toEqual(["in", "in"]);
  });
});
