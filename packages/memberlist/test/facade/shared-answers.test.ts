import { describe, expect, it } from "vitest";
import { StreamReader } from "../../src/wire/stream-reader.ts";
import { encodePushPull } from "../../src/wire/messages/push-pull.ts";
import { nodesInOneGo } from "../../src/util/turn-budget.ts";
import { readPushPull, readStreamMessage, type RemoteState } from "../../src/wire/stream-messages.ts";
import { maxDecompressedBytes, maxPushStateBytes, maxPushStateNodes, maxUserMsgBytes } from "../../src/wire/input-limits.ts";
import type { PushNodeState } from "../../src/wire/messages/types.ts";
import { bytes, clusters, text } from "./cluster.ts";
import { aliveMessage, RawPeer, type RawStream } from "./raw-peer.ts";

const cluster = clusters();
const limits = { maxPushStateBytes, maxPushStateNodes, maxUserMsgBytes, maxDecompressedBytes };
const none = new Uint8Array();
/** An empty push/pull, which requests the whole state. */
const request = encodePushPull(false, [], none);

function nodes(count: number): PushNodeState[] {
  return Array.from({ length: count }, (_, i) => ({
    name: `n${i}`,
    addr: `10.1.${i >> 8}.${i & 255}`,
    port: 7946,
    meta: none,
    incarnation: 1,
    state: 0,
    vsn: [1, 5, 2, 0, 0, 0],
  }));
}

async function stateIn(answer: Uint8Array): Promise<RemoteState> {
  const { body } = await readStreamMessage(new StreamReader(answer), limits);
  return readPushPull(body, limits);
}

describe("a node whose peers request the local state", () => {
  it("shares one state if they ask at the same time, and calls the delegate once", async () => {
    const one = cluster();
    let asked = 0;
    const node = await one.start({ pushPullInterval: 0, delegate: { localState: () => bytes(`state ${++asked}`) } });
    const peers = [new RawPeer(one, "10.9.9.1"), new RawPeer(one, "10.9.9.2")];
    const streams: RawStream[] = [];
    for (let i = 0; i < 40; i++) streams.push(await (peers[i % 2] as RawPeer).dial(node));
    await Promise.all(streams.map((stream) => stream.write(request)));
    const answers = await one.settle(Promise.all(streams.map((stream) => stream.rest())));
    const states = await Promise.all(answers.map((answer) => stateIn(answer)));
    // The network delivers them at several times.
    expect(asked).toBeLessThan(5);
    for (const { nodes: known, userState } of states) {
      expect([known.map(({ name }) => name), text(userState).startsWith("state ")]).toEqual([["node-0"], true]);
    }
  });

  it("sends every member that joined before a request, and the application's state of that time", async () => {
    const one = cluster();
    const peer = new RawPeer(one);
    let asked = 0;
    const localState = (): Uint8Array => {
      // A node joins while the second request's state is being encoded.
      if (++asked === 2) peer.send(aliveMessage("late", "10.2.2.2"), node);
      return bytes(`state ${asked}`);
    };
    const node = await one.start({ pushPullInterval: 0, delegate: { localState } });
    const first = await peer.dial(node);
    await first.write(encodePushPull(false, nodes(3 * nodesInOneGo), none));
    await one.settle(first.rest());
    await one.until(() => node.members.numMembers() === 1 + 3 * nodesInOneGo);
    const [second, third] = [await peer.dial(node), await peer.dial(node)];
    await second.write(request);
    await one.until(() => node.members.numMembers() === 2 + 3 * nodesInOneGo);
    await third.write(request);
    const answer = await stateIn(await one.settle(third.rest()));
    expect(answer.nodes.map(({ name }) => name)).toContain("late");
    expect(text(answer.userState)).toBe("state 3");
  });

  it("delays other requests while its answers are over the limit, for at most half of the timeout", async () => {
    const one = cluster();
    const node = await one.start({ pushPullInterval: 0, limits: { maxPushPullAnswerBytes: 1 }, tcpTimeout: 10_000 });
    // The header announces a node that never follows, so the stream keeps its state.
    const slow = await new RawPeer(one, "10.9.9.1").dial(node);
    await slow.write(encodePushPull(false, nodes(1), none).subarray(0, request.length));
    await one.advance(100);
    const began = one.clock.now();
    const other = await new RawPeer(one, "10.9.9.2").dial(node);
    await other.write(request);
    const { nodes: known } = await stateIn(await one.settle(other.rest()));
    expect(known.map(({ name }) => name)).toEqual(["node-0"]);
    expect(one.clock.now() - began).toBeGreaterThan(4_500);
    expect(one.clock.now() - began).toBeLessThan(5_500);
    expect(node.members.counters()).toEqual({ "stream_dropped.limit_exceeded": 1, "limit.maxPushPullAnswerBytes": 1 });
    expect(node.log.at(-1)?.message).toContain("maxPushPullAnswerBytes: 1");
  });

  it("shares one encryption, and uses a new nonce for a later request", async () => {
    const one = cluster();
    const secretKey = new Uint8Array(16).fill(7);
    const node = await one.start({ pushPullInterval: 0, secretKey, gossipVerifyIncoming: false });
    const peer = new RawPeer(one);
    const ask = async (): Promise<string[]> => {
      const streams = [await peer.dial(node), await peer.dial(node)];
      await Promise.all(streams.map((stream) => stream.write(request)));
      const answers = await one.settle(Promise.all(streams.map((stream) => stream.rest())));
      return answers.map((answer) => Buffer.from(answer).toString("hex"));
    };
    const [a, b] = await ask();
    const [c, d] = await ask();
    expect([b, d]).toEqual([a, c]);
    expect(a).not.toBe(c);
    expect(a?.length).toBe(c?.length);
  });
});
