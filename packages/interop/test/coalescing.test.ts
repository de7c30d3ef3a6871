import { createSocket } from "node:dgram";
import { expect, it } from "vitest";
import { createMemberlist, localConfig, type Node } from "@memberlist/transport-node";
import { seededBytes, toBase64, type PeerConfig } from "../src/peer-protocol.ts";
import { describeWithGo, isMessage, nextHost, quiet, useCluster } from "./support.ts";

const text = new TextEncoder().encode("the quick brown fox jumps over the lazy dog. ".repeat(20));

describeWithGo("a packet with several messages to a Go node", () => {
  const cluster = useCluster();

  it.each<[string, Partial<PeerConfig>]>([
    ["plain", { enableCompression: false }],
    ["compressed", {}],
    ["compressed, encrypted, labelled", { secretKey: toBase64(seededBytes(32, 3)), label: "shared" }],
  ])("delivers each of them whole and once: %s", async (_what, config) => {
    const go = await cluster.start("go", "go", { ...quiet, ...config });
    const { enableCompression = true, label = "", secretKey } = config;
    const members = await createMemberlist({
      ...localConfig(),
      name: "ours",
      bindAddr: nextHost(),
      bindPort: 0,
      probeInterval: 0,
      gossipInterval: 0,
      enableCompression,
      label,
      ...(secretKey === undefined ? {} : { secretKey: Buffer.from(secretKey, "base64") }),
    });
    try {
      await members.join([go.address]);
      const to = members.members().find(({ name }) => name === "go") as Node;
      // Small ones, and some that only share a packet where it is compressed.
      const messages = Array.from({ length: 120 }, (_, i) =>
        i % 12 === 0 ? Uint8Array.from([i, ...text]) : seededBytes(1 + ((i * 7) % 150), i),
      );
      const packets = await countPackets(() => {
        for (const message of messages) members.sendBestEffort(to, message);
      });
      for (const [i, message] of messages.entries()) await go.waitFor(isMessage(message), { what: `message ${i}` });
      expect(go.events.filter(({ event }) => event === "message")).toHaveLength(messages.length);
      expect(packets).toBeLessThan(messages.length / 3);
      expect(members.counters()).not.toHaveProperty("send_failed");
    } finally {
      await members.shutdown();
    }
  });
});

/** How many packets any socket of this process is handed while `send` runs, and in the microtasks after it. */
async function countPackets(send: () => void): Promise<number> {
  const probe = createSocket("udp4");
  const prototype = Object.getPrototypeOf(probe) as { send: (...args: unknown[]) => void };
  probe.close();
  const { send: original } = prototype;
  let packets = 0;
  prototype.send = function (this: unknown, ...args: unknown[]): void {
    packets++;
    original.apply(this, args);
  };
  try {
    send();
    await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
  } finally {
    prototype.send = original;
  }
  return packets;
}
