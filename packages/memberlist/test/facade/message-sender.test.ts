import { describe, expect, it } from "vitest";
import type { Address } from "../../src/index.ts";
import { bytes, clusters, text, type Cluster, type TestNode } from "./cluster.ts";

const cluster = clusters();

interface Received {
  readonly message: string;
  readonly from: Address;
}

async function trio(): Promise<{ one: Cluster; nodes: [TestNode, TestNode, TestNode]; boxes: Received[][] }> {
  const one = cluster();
  const boxes: Received[][] = [[], [], []];
  const nodes = (await one.joined(3, (i) => ({
    gossipInterval: 0,
    delegate: { notifyMsg: (message: Uint8Array, from: Address) => void boxes[i]?.push({ message: text(message), from }) },
  }))) as [TestNode, TestNode, TestNode];
  return { one, nodes, boxes };
}

describe("the sender and the receiver of a message", () => {
  it("equals the packet's source address, which accepts a reply", async () => {
    const { one, nodes, boxes } = await trio();
    nodes[0].members.sendBestEffort("node-1", bytes("question"));
    await one.advance(100);
    expect(boxes[1]).toEqual([{ message: "question", from: { host: "10.0.0.1", port: 7946, name: "" } }]);
    const [question] = boxes[1] as [Received];
    nodes[1].members.sendBestEffort(question.from, bytes("answer"));
    await one.advance(100);
    expect(boxes[0]).toEqual([{ message: "answer", from: { host: "10.0.0.2", port: 7946, name: "" } }]);
  });

  it("accompanies each message of a shared packet", async () => {
    const { one, nodes, boxes } = await trio();
    for (const message of ["one", "two"]) {
      nodes[0].members.sendBestEffort("node-2", bytes(message));
      nodes[1].members.sendBestEffort("node-2", bytes(message));
    }
    await one.advance(100);
    expect(boxes[2]?.map(({ message, from }) => `${message} of ${from.host}`).toSorted()).toEqual([
      "one of 10.0.0.1",
      "one of 10.0.0.2",
      "two of 10.0.0.1",
      "two of 10.0.0.2",
    ]);
  });

  it("sends each message to the address of its call, even if the caller changes the object afterwards", async () => {
    const { one, nodes, boxes } = await trio();
    const to = { host: "10.0.0.2", port: 7946, name: "node-1" };
    nodes[0].members.sendBestEffort(to, bytes("first"));
    Object.assign(to, { host: "10.0.0.3", name: "node-2" });
    nodes[0].members.sendBestEffort(to, bytes("second"));
    await one.advance(100);
    expect(boxes.map((box) => box.map(({ message }) => message))).toEqual([[], ["first"], ["second"]]);
  });

  it("equals the host of the peer for a stream", async () => {
    const { one, nodes, boxes } = await trio();
    await one.settle(nodes[2].members.sendReliable("node-0", bytes("by stream")));
    await one.advance(100);
    expect(boxes[0]).toMatchObject([{ message: "by stream", from: { host: "10.0.0.3", name: "" } }]);
  });

  it("equals the member that passed a broadcast on last", async () => {
    const one = cluster();
    const senders: string[] = [];
    const [author, relay] = (await one.joined(3, (i) => ({
      delegate:
        i === 1
          ? { notifyMsg: (message: Uint8Array) => void relay?.members.sendBestEffort("node-2", message) }
          : { notifyMsg: (_: Uint8Array, from: Address) => void senders.push(from.host) },
    }))) as [TestNode, TestNode];
    author.members.sendBestEffort("node-1", bytes("written by node-0"));
    await one.advance(100);
    expect(senders).toEqual([relay.transport.host]);
  });
});
