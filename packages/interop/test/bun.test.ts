import { describe, expect, it } from "vitest";
import { buildNodePeer } from "../src/node-toolchain.ts";
import { Peer, type PeerKind } from "../src/peer.ts";
import { seededBytes, toBase64 } from "../src/peer-protocol.ts";
import { findRuntime } from "../src/runtimes.ts";
import { converged, describeWithGo, fast, isMessage, isState, nextHost, useCluster } from "./support.ts";

/** The suite fetches no runtime: without Bun it is skipped. CI runs the matrix first, which fetches Bun. */
const bun = findRuntime("bun");
if (bun === undefined)
  process.stdout.write("Bun is missing (`pnpm matrix` fetches it, or BUN names it): its tests are skipped\n");

const secretKey = toBase64(seededBytes(32, 7));

describe.skipIf(bun === undefined)("the Node transport as it is, on Bun", () => {
  const cluster = useCluster();

  describeWithGo.each(["go", "node"] as const)("with a %s node", (other: PeerKind) => {
    it("joins, talks both ways, is killed and found out, and leaves; encrypted and labelled", async () => {
      const config = { ...fast, secretKey, label: "bun" };
      const command = [bun as string, await buildNodePeer()];
      const onBun = await Peer.start("node", { ...config, name: "on-bun", bindAddr: nextHost() }, { command });
      cluster.peers.push(onBun);
      const peer = await cluster.start(other, "peer", config);
      await onBun.join(peer);
      await converged(onBun, peer);
      for (const [from, to] of [
        [onBun, peer],
        [peer, onBun],
      ] as const) {
        await from.command("send", { mode: "bestEffort", size: 1000, seed: 1, node: to.name });
        await from.command("send", { mode: "reliable", size: 1024 * 1024, seed: 2, node: to.name });
        await to.waitFor(isMessage(seededBytes(1000, 1)), { what: "a best-effort message" });
        await to.waitFor(isMessage(seededBytes(1024 * 1024, 2)), { what: "a reliable message" });
      }

      const victim = await cluster.start(other, "victim", config);
      await victim.join(onBun);
      await converged(onBun, peer, victim);
      await victim.killAndWait();
      await onBun.waitFor(isState("victim", "dead"), { what: "the victim is dead", timeout: 20_000 });

      // Bun reports the ICMP error of a dead peer at the next send to any peer: that send must not lose its packet.
      for (let seed = 100; seed < 130; seed++) {
        await onBun.command("send", { mode: "address", size: 10, seed: 1, addr: victim.address });
        await onBun.command("send", { mode: "bestEffort", size: 100, seed, node: peer.name });
        await peer.waitFor(isMessage(seededBytes(100, seed)), { what: `message ${seed} beside a dead peer`, timeout: 2_000 });
      }

      await onBun.command("leave", { timeout: 5_000 });
      await peer.waitFor(isState("on-bun", "left"), { what: "it has left" });
      expect(peer.events.some((event) => isState("on-bun", "dead")(event))).toBe(false);
    });
  });
});
