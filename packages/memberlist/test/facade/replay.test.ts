import { describe, expect, it } from "vitest";
import { messageType } from "../../src/wire/constants.ts";
import { decodePing } from "../../src/wire/messages/decode.ts";
import { encodeAckResp } from "../../src/wire/messages/encode.ts";
import { clusters } from "./cluster.ts";
import { RawPeer } from "./raw-peer.ts";

const cluster = clusters();
const none = new Uint8Array();

describe("a replay of recorded acks", () => {
  it("does not keep a node alive in the next run, not even by the acks of the first probes", async () => {
    const one = cluster();
    const peer = new RawPeer(one);
    const first = await one.start();
    await peer.become("peer", first);
    peer.answerPings();
    await one.advance(60_000);
    const pings = peer.messages().filter(([type]) => type === messageType.ping);
    const recorded = pings.map((message) => decodePing(message.subarray(1)).seqNo);
    expect(recorded.length).toBeGreaterThan(30);
    await one.settle(first.members.shutdown());

    const second = await one.start();
    peer.onPacket = () => {};
    await peer.become("peer", second);
    for (let i = 0; i < 300 && second.members.members().length > 1; i++) {
      // The usual sequence numbers of the first probes, too.
      for (const seqNo of [...recorded, ...recorded.keys()]) peer.send(encodeAckResp({ seqNo, payload: none }), second);
      await one.advance(100);
    }
    expect(second.members.members().map(({ name }) => name)).toEqual([second.members.localNode().name]);
  });

  it("does not affect a seeded run, whose sequence numbers come from the config's random", async () => {
    const firstSeqNo = async (seed: number): Promise<number> => {
      const one = cluster(seed);
      const peer = new RawPeer(one);
      const node = await one.start();
      await peer.become("peer", node);
      await one.until(() => peer.messages().some(([type]) => type === messageType.ping));
      const ping = peer.messages().find(([type]) => type === messageType.ping) as Uint8Array;
      return decodePing(ping.subarray(1)).seqNo;
    };
    const numbers = [await firstSeqNo(1), await firstSeqNo(2), await firstSeqNo(1)];
    expect(numbers[0]).toBe(numbers[2]);
    expect(numbers[0]).not.toBe(numbers[1]);
    for (const number of numbers) expect(number).toBeGreaterThan(1_000);
  });
});
