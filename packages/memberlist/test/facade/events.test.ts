import { describe, expect, it } from "vitest";
import type { EventStream, MemberEvent } from "../../src/index.ts";
import { bytes, clusters, codes, thrown, type TestNode } from "./cluster.ts";
import { aliveMessage, RawPeer } from "./raw-peer.ts";

const cluster = clusters();

async function read(events: EventStream): Promise<MemberEvent[]> {
  const all: MemberEvent[] = [];
  for await (const event of events) all.push(event);
  return all;
}

function brief(events: readonly MemberEvent[]): string[] {
  return events.map((event) => ("node" in event ? `${event.type} ${event.node.name}` : event.type));
}

describe("events()", () => {
  it("yields events from the call on, in order, and ends at the shutdown", async () => {
    const one = cluster();
    const a = await one.start();
    const events = read(a.members.events());
    const b = await one.start({ disableTcpPings: true });
    await one.settle(b.members.join([a.seed]));
    await one.advance(1_000);
    await one.settle(b.members.updateNode({ meta: bytes("x") }));
    await one.advance(100);
    new RawPeer(one).send(aliveMessage("node-1", "10.9.9.9", { incarnation: 9 }), a);
    await one.advance(10);
    one.network.partition([a.transport], [b.transport]);
    await one.until(() => codes(a).includes("suspect"));
    one.network.heal();
    await one.advance(5_000);
    await one.settle(b.members.leave());
    await one.advance(100);
    const later = read(a.members.events());
    await a.members.shutdown();
    // The node itself was suspected, too.
    expect(brief(await events).filter((line) => line !== "refute node-0")).toEqual([
      "join node-1",
      "update node-1",
      "conflict node-1",
      "suspect node-1",
      "alive node-1",
      "leave node-1",
    ]);
    expect(await later).toEqual([]);
    const all = (await events).filter(({ type }) => type !== "refute");
    expect(all.map(({ at }) => at)).toEqual(all.map(({ at }) => at).toSorted((x, y) => x - y));
    // The wall clock starts with 2026.
    expect((all[0] as MemberEvent).at).toBeGreaterThanOrEqual(Date.UTC(2026, 0, 1));
    expect((all[0] as MemberEvent).at).toBeLessThan(Date.UTC(2026, 0, 1, 1));
    expect(all[3]).toMatchObject({ type: "suspect", from: "node-0" });
    expect(all[5]).toMatchObject({ type: "leave", node: { state: "left" } });
    expect(await read(a.members.events())).toEqual([]);
  });

  it("reports a suspicion about this node that it refutes", async () => {
    const one = cluster();
    const [a, b] = (await one.joined(2, { disableTcpPings: true })) as [TestNode, TestNode];
    const events = read(b.members.events());
    one.network.block(b.transport, a.transport);
    await one.until(() => codes(b).includes("refute"));
    one.network.heal();
    await one.advance(5_000);
    await b.members.shutdown();
    expect((await events).filter(({ type }) => type === "refute")).toContainEqual(
      expect.objectContaining({ from: "node-0", node: expect.objectContaining({ name: "node-1" }) }),
    );
    expect(b.members.localNode().incarnation).toBeGreaterThan(1);
  });

  it("gives each of several readers every event, even when one of them ends early", async () => {
    const one = cluster();
    const a = await one.start();
    const first = a.members.events();
    const second = read(a.members.events());
    const b = await one.start();
    await one.settle(b.members.join([a.seed]));
    for await (const event of first) {
      expect(event.type).toBe("join");
      break;
    }
    expect(await first.next()).toEqual({ done: true, value: undefined });
    await one.settle(b.members.leave());
    await one.advance(100);
    await a.members.shutdown();
    expect(brief(await second)).toEqual(["join node-1", "leave node-1"]);
    expect(first.dropped).toBe(0);
  });

  it("resolves several pending next() calls in order", async () => {
    const one = cluster();
    const a = await one.start();
    const events = a.members.events();
    const reads = [events.next(), events.next(), events.next()];
    const b = await one.start();
    await one.settle(b.members.join([a.seed]));
    await one.settle(b.members.leave());
    await one.advance(100);
    await a.members.shutdown();
    const results = await Promise.all(reads);
    expect(results.map(({ value, done }) => (done === true ? "end" : value.type))).toEqual(["join", "leave", "end"]);
  });

  it("buffers a bounded number of events for a slow reader, drops the oldest and counts them", async () => {
    const one = cluster();
    const a = await one.start({ eventsCapacity: 4 });
    const byConfig = a.members.events();
    const byOption = a.members.events({ capacity: 2 });
    const b = await one.start();
    await one.settle(b.members.join([a.seed]));
    for (let i = 0; i < 6; i++) {
      await one.settle(b.members.updateNode({ meta: bytes(String(i)) }));
      await one.advance(10);
    }
    expect([byConfig.dropped, byOption.dropped]).toEqual([3, 5]);
    await a.members.shutdown();
    // Buffered events can still be read after the end.
    const left = await read(byConfig);
    expect(left.map((event) => ("node" in event ? new TextDecoder().decode(event.node.meta) : event.type))).toEqual([
      "2",
      "3",
      "4",
      "5",
    ]);
    expect(await read(byOption)).toHaveLength(2);
    expect(a.members.counters()["dropped.event"]).toBe(8);
  });

  it.each([0, -1, 1.5, Number.NaN, Infinity])("refuses a capacity of %s", async (capacity) => {
    const { members } = await cluster().start();
    expect(thrown(() => members.events({ capacity }))).toBe("invalid_argument");
  });

  it("ends by its signal before, during and after the shutdown, and removes its listener", async () => {
    const one = cluster();
    const a = await one.start();
    expect(await read(a.members.events({ signal: AbortSignal.abort() }))).toEqual([]);
    const abort = new AbortController();
    let listening = 0;
    const { signal } = abort;
    const add = signal.addEventListener.bind(signal);
    const remove = signal.removeEventListener.bind(signal);
    signal.addEventListener = (...args: Parameters<typeof add>) => {
      listening++;
      add(...args);
    };
    signal.removeEventListener = (...args: Parameters<typeof remove>) => {
      listening--;
      remove(...args);
    };
    const early = a.members.events({ signal });
    await early.return();
    expect(listening).toBe(0);
    const aborted = read(a.members.events({ signal }));
    const running = read(a.members.events());
    abort.abort();
    expect(await aborted).toEqual([]);
    await a.members.shutdown();
    expect(await running).toEqual([]);
    expect(await read(a.members.events({ signal: new AbortController().signal }))).toEqual([]);
  });

  it("ends again without an error, by the reader and by the shutdown", async () => {
    const one = cluster();
    const { members } = await one.start();
    const events = members.events();
    expect(await events.return()).toEqual({ done: true, value: undefined });
    expect(await events.return()).toEqual({ done: true, value: undefined });
    expect(events[Symbol.asyncIterator]()).toBe(events);
    await members.shutdown();
    expect(await events.next()).toEqual({ done: true, value: undefined });
  });
});

describe("events() beside event delegates", () => {
  it("reports the same changes, except the node's own start", async () => {
    const one = cluster();
    const notified: string[] = [];
    const a = await one.start({
      events: {
        notifyJoin: ({ name }) => void notified.push(`join ${name}`),
        notifyLeave: ({ name }) => void notified.push(`leave ${name}`),
        notifyUpdate: ({ name }) => void notified.push(`update ${name}`),
      },
    });
    expect(notified).toEqual(["join node-0"]);
    const events = read(a.members.events());
    const b = await one.start();
    const c = await one.start();
    await one.settle(b.members.join([a.seed]));
    await one.settle(c.members.join([b.seed]));
    await one.until(() => a.members.numMembers() === 3);
    await one.settle(c.members.updateNode({ meta: bytes("x") }));
    await b.members.shutdown();
    await one.until(() => a.members.numMembers() === 2);
    await one.settle(c.members.leave());
    await one.advance(1_000);
    await a.members.shutdown();
    const common = brief(await events).filter((line) => /^(?:join|leave|update)/.test(line));
    expect(common).toEqual(notified.slice(1));
    expect(common.toSorted()).toEqual(["join node-1", "join node-2", "leave node-1", "leave node-2", "update node-2"]);
  });

  it("keeps the order of joins and user messages", async () => {
    const one = cluster();
    const notified: string[] = [];
    const a = await one.start({
      delegate: { notifyMsg: () => void notified.push("message") },
      events: { notifyJoin: ({ name }) => void notified.push(`join ${name}`) },
    });
    const peer = new RawPeer(one);
    peer.send(aliveMessage("first", "10.9.9.9"), a);
    await one.advance(10);
    a.members.sendBestEffort(a.members.localNode(), bytes("x"));
    await one.advance(10);
    peer.send(aliveMessage("second", "10.9.9.9"), a);
    await one.advance(10);
    expect(notified).toEqual(["join node-0", "join first", "message", "join second"]);
  });
});
