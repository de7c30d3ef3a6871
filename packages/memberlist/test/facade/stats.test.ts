import { describe, expect, it } from "vitest";
import { bytes, clusters, type TestNode, inThread } from "./cluster.ts";

const cluster = clusters();

describe("traffic()", () => {
  it("counts packets, streams and their bytes the same on both sides", async () => {
    const one = cluster();
    const [a, b] = (await one.joined(2)) as [TestNode, TestNode];
    await one.settle(a.members.sendReliable(b.seed, bytes("hello")));
    await one.settle(b.members.leave());
    await one.advance(5_000);
    const [mine, theirs] = [a.members.traffic(), b.members.traffic()];
    expect(mine.packetsSent).toBeGreaterThan(2);
    expect(mine.packetBytesSent).toBeGreaterThan(10 * mine.packetsSent);
    expect(mine.streamsOpened).toBe(1);
    expect(mine.streamBytesSent).toBeGreaterThan(50);
    expect(theirs).toEqual({
      packetsSent: mine.packetsReceived,
      packetBytesSent: mine.packetBytesReceived,
      packetsReceived: mine.packetsSent,
      packetBytesReceived: mine.packetBytesSent,
      streamsOpened: mine.streamsAccepted,
      streamsAccepted: mine.streamsOpened,
      streamBytesSent: mine.streamBytesReceived,
      streamBytesReceived: mine.streamBytesSent,
    });
  });

  it("returns a copy that does not change", async () => {
    const one = cluster();
    const [a] = (await one.joined(2)) as [TestNode, TestNode];
    const before = a.members.traffic();
    const copy = { ...before };
    await one.advance(5_000);
    expect(before).toEqual(copy);
    expect(a.members.traffic().packetsSent).toBeGreaterThan(before.packetsSent);
  });
});

describe("queues()", () => {
  it("returns the messages that wait to be gossiped, and their bytes", async () => {
    const one = cluster();
    const [a] = (await one.joined(2)) as [TestNode, TestNode];
    await one.until(() => a.members.numQueuedBroadcasts() === 0);
    expect(a.members.queues()).toEqual({ membership: 0, user: 0, userBytes: 0, received: 0 });
    await one.settle(a.members.broadcast(bytes("hello"), { name: "greeting" }));
    expect(a.members.queues()).toEqual({ membership: 0, user: 1, userBytes: 5, received: 0 });
    const updated = a.members.updateNode({ meta: bytes("new") });
    // In a thread of its own the member shows it later.
    expect(inThread || a.members.queues().membership === 1).toBe(true);
    await one.settle(updated);
    await one.until(() => a.members.queues().user === 0);
  });
});
