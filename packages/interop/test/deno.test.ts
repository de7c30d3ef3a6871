import { describe, expect, it } from "vitest";
import { peerArgs } from "../src/peer-args.ts";
import { Peer } from "../src/peer.ts";
import { seededBytes, toBase64 } from "../src/peer-protocol.ts";
import { findRuntime } from "../src/runtimes.ts";
import { converged, describeWithGo, fast, isMessage, isState, nextHost, useCluster } from "./support.ts";

/** The suite fetches no runtime: without Deno it is skipped. CI runs the matrix first, which fetches Deno. */
const deno = findRuntime("deno") ?? "";
if (deno === "") process.stdout.write("Deno is missing (`pnpm matrix` fetches it, or DENO names it): its tests are skipped\n");

const command = [deno, ...(await peerArgs("deno"))];

describe.skipIf(deno === "")("the Deno transport, from the sources", () => {
  const cluster = useCluster();

  describeWithGo.each(["go", "node"] as const)("with a %s node", (other) => {
    it.each([0, 16, 24, 32])("joins, talks both ways, finds out a death, and leaves; labelled, key of %i bytes", async (size) => {
      const config = { ...fast, label: "deno", ...(size > 0 ? { secretKey: toBase64(seededBytes(size, 7)) } : {}) };
      const onDeno = await Peer.start("node", { ...config, name: "on-deno", bindAddr: nextHost() }, { command });
      cluster.peers.push(onDeno);
      const peer = await cluster.start(other, "peer", config);
      await onDeno.join(peer);
      await converged(onDeno, peer);
      for (const [from, to] of [
        [onDeno, peer],
        [peer, onDeno],
      ] as const) {
        await from.command("send", { mode: "bestEffort", size: 1000, seed: 1, node: to.name });
        await from.command("send", { mode: "reliable", size: 1024 * 1024, seed: 2, node: to.name });
        await to.waitFor(isMessage(seededBytes(1000, 1)), { what: "a best-effort message" });
        await to.waitFor(isMessage(seededBytes(1024 * 1024, 2)), { what: "a reliable message" });
      }

      const victim = await cluster.start(other, "victim", config);
      await victim.join(onDeno);
      await converged(onDeno, peer, victim);
      await victim.killAndWait();
      await onDeno.waitFor(isState("victim", "dead"), { what: "the victim is dead", timeout: 20_000 });

      await onDeno.command("leave", { timeout: 5_000 });
      await peer.waitFor(isState("on-deno", "left"), { what: "it has left" });
      expect(peer.events.some((event) => isState("on-deno", "dead")(event))).toBe(false);
    });
  });
});
