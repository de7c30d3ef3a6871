import { expect, it } from "vitest";
import { createMemberlist, localConfig, type ChannelSender, type Config, type Memberlist } from "@memberlist/transport-node";
import type { Peer } from "../src/peer.ts";
import { toBase64, type ChannelMessageEvent, type PeerEvent } from "../src/peer-protocol.ts";
import { until } from "../src/until.ts";
import { describeWithGo, fast, isMessage, nextHost, useCluster } from "./support.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

function isChannelMessage(text: string): (event: PeerEvent) => event is ChannelMessageEvent {
  return (event): event is ChannelMessageEvent => event.event === "channelMessage" && event.payload === toBase64(text);
}

describeWithGo("a channel between this library and a Go program that speaks its frame", () => {
  const cluster = useCluster();

  /** A member in this process, "ours". */
  function startOurs(config: Partial<Config> = {}): Promise<Memberlist> {
    const logOutput = { write: () => undefined };
    return createMemberlist({ ...localConfig(), name: "ours", bindAddr: nextHost(), bindPort: 0, logOutput, ...config });
  }

  /** A member in this process, in a cluster with a Go peer. */
  async function joined(): Promise<{ readonly members: Memberlist; readonly go: Peer }> {
    const go = await cluster.start("go", "go");
    const members = await startOurs({ gossipInterval: fast.gossipInterval ?? 100 });
    await members.join([go.address]);
    await go.waitForAlive(["go", "ours"]);
    return { members, go };
  }

  it("carries messages and broadcasts both ways, and leaves all others to the application", async () => {
    const { go, members } = await joined();
    const got: { readonly text: string; readonly from: ChannelSender }[] = [];
    try {
      const channel = members.channel("prices", {
        onMessage: (message, from) => void got.push({ text: new TextDecoder().decode(message), from }),
      });
      channel.sendBestEffort("go", bytes("by packet"));
      await channel.sendReliable("go", bytes("by stream"));
      await channel.broadcast(bytes("by gossip"), { name: "tea" });
      for (const [text, isBroadcast] of [
        ["by packet", false],
        ["by stream", false],
        ["by gossip", true],
      ] as const) {
        const event = await go.waitFor(isChannelMessage(text), { what: text });
        expect(event).toMatchObject({ channel: "prices", sender: "ours", isBroadcast });
      }
      for (const mode of ["bestEffort", "reliable"] as const) {
        await go.command("send", { node: "ours", mode, payload: toBase64(mode), channel: "prices" });
      }
      await go.command("broadcast", { payload: toBase64("from Go"), channel: "prices" });
      await until(() => got.length >= 3, { what: "three messages of the Go peer" });
      expect(got.map(({ text }) => text).toSorted()).toEqual(["bestEffort", "from Go", "reliable"]);
      expect(got.map(({ from }) => from.name)).toEqual(["go", "go", "go"]);
      expect(got.find(({ text }) => text === "from Go")?.from.isBroadcast).toBe(true);
      members.sendBestEffort("go", bytes("plain"));
      await go.waitFor(isMessage(bytes("plain")), { what: "a message without a frame" });
    } finally {
      await members.shutdown();
    }
  });

  it("relays a broadcast of this library from one Go peer to another", async () => {
    const { go, members } = await joined();
    try {
      const second = await cluster.start("go", "second");
      await second.join(go);
      await second.waitForAlive(["go", "ours", "second"]);
      await members.channel("prices").broadcast(bytes("for all"));
      for (const peer of [go, second]) await peer.waitFor(isChannelMessage("for all"), { what: `for all at ${peer.name}` });
      for (const peer of [go, second]) expect(peer.events.filter(isChannelMessage("for all"))).toHaveLength(1);
    } finally {
      await members.shutdown();
    }
  });

  it("keeps the state of the delegate at the start of the bytes that a Go peer merges", async () => {
    const go = await cluster.start("go", "go", { userState: toBase64("state of Go") });
    const merged: string[] = [];
    const members = await startOurs({
      delegate: {
        localState: () => bytes("state of ours"),
        mergeRemoteState: (state) => void merged.push(new TextDecoder().decode(state)),
      },
    });
    try {
      members.channel("prices", { localState: () => bytes("prices") });
      await members.join([go.address]);
      const event = await go.waitFor((each) => each.event === "userStateMerged", { what: "the state of ours" });
      expect(atob((event as { payload?: string }).payload ?? "").startsWith("state of ours\u0006prices")).toBe(true);
      expect(merged[0]).toBe("state of Go");
    } finally {
      await members.shutdown();
    }
  });
});
