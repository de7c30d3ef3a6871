import { describe, expect, it } from "vitest";
import { compressMessage } from "../../src/wire/compression/compress.ts";
import { encodePushPull } from "../../src/wire/messages/push-pull.ts";
import { nodesInOneGo } from "../../src/util/turn-budget.ts";
import { StreamReader } from "../../src/wire/stream-reader.ts";
import { readPushPull, readStreamMessage } from "../../src/wire/stream-messages.ts";
import { maxDecompressedBytes, maxPushStateBytes, maxPushStateNodes, maxUserMsgBytes } from "../../src/wire/input-limits.ts";
import type { PushNodeState } from "../../src/wire/messages/types.ts";
import { bytes, clusters, text, itOnEventLoop } from "./cluster.ts";
import { RawPeer } from "./raw-peer.ts";

const cluster = clusters();
const limits = { maxPushStateBytes, maxPushStateNodes, maxUserMsgBytes, maxDecompressedBytes };
const count = 2 * nodesInOneGo + 100;
const many: PushNodeState[] = Array.from({ length: count }, (_, i) => ({
  name: `n${i}`,
  addr: `10.1.${i >> 8}.${i & 255}`,
  port: 7946,
  meta: new Uint8Array(),
  incarnation: 1,
  state: 0,
  vsn: [1, 5, 2, 0, 0, 0],
}));
const message = encodePushPull(true, many, bytes("theirs"));

describe("a push/pull of many nodes", () => {
  itOnEventLoop("merges completely and in parts, with other work in between and the user state last", async () => {
    const one = cluster();
    const seen: number[] = [];
    let joined = 0;
    const look = (): void => void seen.push(joined);
    const node = await one.start({
      pushPullInterval: 0,
      events: {
        notifyJoin: () => {
          joined++;
          // The first node of a part: work deferred now runs before the next part.
          if (joined % nodesInOneGo === 2) one.clock.defer(look);
        },
      },
      delegate: { mergeRemoteState: (state) => void seen.push(joined, state.length) },
    });
    const stream = await new RawPeer(one).dial(node);
    await stream.write(message);
    await one.settle(stream.rest());
    await one.until(() => seen.length === 5);
    // The node itself is one of the joined.
    expect(seen).toEqual([1 + nodesInOneGo, 1 + 2 * nodesInOneGo, 1 + count, 6, 1 + count]);
    expect(node.members.numMembers()).toBe(1 + count);
  });

  it("merges in smaller parts if its nodes are large", async () => {
    const one = cluster();
    const large = many.slice(0, 200).map((node, i) => ({ ...node, name: `${i}-`.padEnd(4_000, "n") }));
    const seen: number[] = [];
    let joined = 0;
    const look = (): void => void seen.push(joined);
    const node = await one.start({
      pushPullInterval: 0,
      gossipInterval: 0,
      probeInterval: 0,
      events: {
        notifyJoin: () => {
          joined++;
          one.clock.defer(look);
        },
      },
    });
    const stream = await new RawPeer(one).dial(node);
    await one.settle(stream.write(encodePushPull(true, large, new Uint8Array())));
    await one.settle(stream.rest());
    await one.until(() => joined === 1 + large.length);
    await one.advance(1);
    // The node itself, then 63 nodes of 4,000 bytes, each as much work as 8 usual ones.
    expect([...new Set(seen)]).toEqual([1, 64, 127, 190, 201]);
  });

  itOnEventLoop("ends quietly if the node is shut down during the merge", async () => {
    const one = cluster();
    let joined = 0;
    const states: string[] = [];
    const node = await one.start({
      pushPullInterval: 0,
      events: {
        notifyJoin: () => {
          if (++joined === nodesInOneGo + 1) one.clock.defer(() => void node.members.shutdown());
        },
      },
      delegate: { mergeRemoteState: (state) => void states.push(text(state)) },
    });
    const stream = await new RawPeer(one).dial(node);
    await stream.write(message);
    await one.settle(stream.rest());
    await one.until(() => joined > nodesInOneGo);
    await one.advance(100);
    expect([joined, states]).toEqual([nodesInOneGo + 1, []]);
    expect(node.log).toEqual([]);
  });

  it("gets an answer with all nodes as of the delegate's localState call", async () => {
    const one = cluster();
    const node = await one.start({ pushPullInterval: 0, delegate: { localState: () => bytes("ours") } });
    const peer = new RawPeer(one);
    const first = await peer.dial(node);
    await first.write(message);
    await one.settle(first.rest());
    await one.until(() => node.members.numMembers() === 1 + count);
    const second = await peer.dial(node);
    await second.write(encodePushPull(false, many.slice(0, 1), new Uint8Array()));
    const { body } = await readStreamMessage(new StreamReader(await one.settle(second.rest())), limits);
    const answer = await readPushPull(body, limits);
    expect(answer.nodes.map(({ name }) => name).toSorted()).toEqual(["node-0", ...many.map(({ name }) => name)].toSorted());
    expect(text(answer.userState)).toBe("ours");
  });

  it("gets its answer before its nodes are merged, and changes nothing if it cannot be decoded", async () => {
    const one = cluster();
    const node = await one.start({ pushPullInterval: 0 });
    const peer = new RawPeer(one);
    const stream = await peer.dial(node);
    await stream.write(compressMessage(message.subarray(0, message.length - 100)));
    const { body } = await readStreamMessage(new StreamReader(await one.settle(stream.rest())), limits);
    expect((await readPushPull(body, limits)).nodes.map(({ name }) => name)).toEqual(["node-0"]);
    await one.until(() => node.members.counters()["stream_dropped.stream_closed"] === 1);
    expect(node.members.numMembers()).toBe(1);
  });
});
