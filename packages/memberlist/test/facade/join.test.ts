import { describe, expect, it } from "vitest";
import { JoinError, type EventStream, type MemberEvent, type MemberlistError, type Node } from "../../src/index.ts";
import { bytes, clusters, codes, names, outcome, type TestNode } from "./cluster.ts";
import { aliveMessage, RawPeer } from "./raw-peer.ts";

const cluster = clusters();

async function read(events: EventStream): Promise<MemberEvent[]> {
  const all: MemberEvent[] = [];
  for await (const event of events) all.push(event);
  return all;
}

describe("join()", () => {
  it("makes two nodes know each other [Join] [Transport_Join]", async () => {
    const one = cluster();
    const a = await one.start();
    const b = await one.start();
    const result = await one.settle(b.members.join([a.seed]));
    expect(result).toEqual({
      reached: 1,
      conflicts: [],
      attempts: [{ seed: a.seed, address: "10.0.0.1:7946", elapsed: 4 }],
      seeds: [{ seed: a.seed, reached: 1, elapsed: 4 }],
    });
    expect(names(b)).toEqual(["node-0", "node-1"]);
    expect(names(a)).toEqual(["node-0", "node-1"]);
  });

  it("resolves names, and exchanges states with every address of each [ResolveAddr]", async () => {
    const one = cluster();
    const seeds = [await one.start(), await one.start()];
    one.network.setHost("seeds.example.com", ["10.0.0.1", "10.0.0.2", "10.0.0.99"]);
    const node = await one.start();
    const { reached, attempts } = await one.settle(node.members.join(["seeds.example.com", "unknown.example.com"]));
    expect(reached).toBe(2);
    expect(attempts.map(({ seed, address, error }) => [seed, address, error?.code])).toEqual([
      ["seeds.example.com", "10.0.0.1:7946", undefined],
      ["seeds.example.com", "10.0.0.2:7946", undefined],
      ["seeds.example.com", "10.0.0.99:7946", "dial_failed"],
      ["unknown.example.com", "", "resolve_failed"],
    ]);
    expect(node.members.numMembers()).toBe(seeds.length + 1);
  });

  it("fails only if it reached no peer, with a JoinError that has the outcome for each address", async () => {
    const one = cluster();
    const node = await one.start();
    const error = (await one.settle(
      node.members.join(["10.1.0.1", "not an address"]).catch((reason: unknown) => reason),
    )) as JoinError;
    expect(error).toBeInstanceOf(JoinError);
    expect(error).toMatchObject({ code: "join_failed", reached: 0, cause: expect.objectContaining({ code: "dial_failed" }) });
    expect(error.attempts.map(({ address, error: reason }) => [address, reason?.code])).toEqual([
      ["10.1.0.1:7946", "dial_failed"],
      ["", "invalid_address"],
    ]);
    expect(error.seeds.map(({ seed }) => seed)).toEqual(["10.1.0.1", "not an address"]);
    expect(error.message).toContain("10.1.0.1:7946");
    expect(error.message).toContain("not an address");
    expect(codes(node).filter((code) => code === "join_attempt_failed")).toHaveLength(2);
  });

  it("reaches no peer, without an error, for an empty list of seeds", async () => {
    const one = cluster();
    const node = await one.start();
    expect(await node.members.join([])).toEqual({ reached: 0, conflicts: [], attempts: [], seeds: [] });
  });

  it("gives up after tcpTimeout on a peer that accepts and never answers [Join_DeadNode]", async () => {
    const one = cluster();
    const node = await one.start({ tcpTimeout: 50 });
    const silent = new RawPeer(one).transport.host;
    const before = one.clock.now();
    const error = await one.settle(node.members.join([`fake/${silent}`]).catch((reason: unknown) => reason));
    expect(error).toMatchObject({ code: "join_failed", cause: expect.objectContaining({ code: "timeout" }) });
    expect(one.clock.now() - before).toBe(50);
  });

  it.each([
    ["label", { label: "blue" }, { label: "green" }],
    ["key", { secretKey: new Uint8Array(16) }, { secretKey: new Uint8Array(16).fill(1) }],
  ])("advises once that all members need the same label and keys, if two peers have another %s", async (_, theirs, mine) => {
    const one = cluster();
    const peers = [await one.start(theirs), await one.start(theirs)];
    const node = await one.start(mine);
    const error: unknown = await one.settle(node.members.join(peers.map(({ seed }) => seed)).catch((reason: unknown) => reason));
    const { message } = error as JoinError;
    expect(message.split("\n")).toHaveLength(4);
    expect(message.split("\n").at(-1)).toMatch(/^All members need the same label .* secretKey/);
  });

  it("works over IPv6, with and without the port [Join_IPv6]", async () => {
    const one = cluster();
    const a = await one.start({ host: "fd00::1" });
    const b = await one.start({ host: "fd00::2" });
    const c = await one.start({ host: "fd00::3" });
    expect((await one.settle(b.members.join(["node-0/[fd00::1]:7946"]))).reached).toBe(1);
    expect((await one.settle(c.members.join(["fd00::1"]))).reached).toBe(1);
    await one.until(() => [a, b, c].every(({ members }) => members.numMembers() === 3));
    expect(
      a.members
        .members()
        .map(({ addr }) => addr)
        .toSorted(),
    ).toEqual(["fd00::1", "fd00::2", "fd00::3"]);
    await one.advance(30_000);
    expect(names(a)).toEqual(["node-0", "node-1", "node-2"]);
  });

  it("joins all members of both clusters, not only the two peers", async () => {
    const one = cluster();
    const left = await one.joined(3);
    const right = await one.joined(3);
    await one.settle((left[2] as TestNode).members.join([(right[2] as TestNode).seed]));
    await one.until(() => one.nodes.every(({ members }) => members.numMembers() === 6));
    expect(names(left[0] as TestNode)).toEqual(names(right[0] as TestNode));
  });
});

describe("a label", () => {
  it("keeps clusters apart [Join_with_Labels]", async () => {
    const one = cluster();
    // Healing would retry, and every dropped stream is counted.
    const healingInterval = 0;
    const a = await one.start({ label: "blah", healingInterval });
    const b = await one.start({ label: "blah", healingInterval });
    expect((await one.settle(b.members.join([a.seed]))).reached).toBe(1);
    await one.until(() => a.members.numMembers() === 2 && b.members.numMembers() === 2);

    const without = await one.start({ tcpTimeout: 500, healingInterval });
    const other = await one.start({ label: "not-blah", tcpTimeout: 500, healingInterval });
    expect(await outcome(one.settle(without.members.join([a.seed])))).toBe("join_failed");
    expect(await outcome(one.settle(other.members.join([a.seed])))).toBe("join_failed");
    expect(await outcome(one.settle(a.members.join([without.seed, other.seed])))).toBe("join_failed");
    for (const node of [without, other]) node.members.sendBestEffort(a.seed, bytes("hello"));
    await one.advance(10_000);
    expect([a, b, without, other].map(({ members }) => members.numMembers())).toEqual([2, 2, 1, 1]);
    expect(a.members.counters()).toMatchObject({ "stream_dropped.label_mismatch": 2, "dropped.label_mismatch": 2 });
    expect(without.members.counters()).toMatchObject({ "stream_dropped.label_mismatch": 1 });
    expect(codes(a)).toEqual(expect.arrayContaining(["stream_dropped", "packet_dropped"]));
  });

  it("causes reports on both sides if it differs: an event, and the joiner's error", async () => {
    const one = cluster();
    const a = await one.start({ label: "blue" });
    const b = await one.start({ label: "green" });
    const events = a.members.events();
    const error: unknown = await one.settle(b.members.join([a.seed]).catch((reason: unknown) => reason));
    expect(error).toMatchObject({
      code: "join_failed",
      message: expect.stringContaining('its label may differ (ours is "green")'),
      cause: expect.objectContaining({ details: expect.objectContaining({ unanswered: true, label: "green" }) }),
    });
    b.members.sendBestEffort(a.seed, bytes("hello"));
    await one.advance(10);
    await a.members.shutdown();
    const reported = await read(events);
    expect(reported).toEqual([
      expect.objectContaining({ type: "label_mismatch", over: "stream", label: "green", suppressed: 0 }),
      expect.objectContaining({ type: "label_mismatch", over: "packet", label: "green", from: b.address, suppressed: 0 }),
    ]);
  });

  it("causes a count for each packet of a flood if it differs, and reports at a bounded rate", async () => {
    const one = cluster();
    const a = await one.start({ label: "blue", eventsCapacity: 100 });
    const events = a.members.events();
    const peer = new RawPeer(one);
    const flood = async (): Promise<void> => {
      for (let i = 0; i < 500; i++) peer.send(Uint8Array.of(244, 2, 0xff, 0x41, 8, 1), a);
      await one.advance(10);
    };
    await flood();
    await one.advance(2_000);
    await flood();
    await a.members.shutdown();
    const reported = await read(events);
    expect(reported.length).toBe(12);
    expect(reported[10]).toMatchObject({ over: "packet", label: "\udcffA", suppressed: 490 });
    expect(a.members.counters()).toEqual({ "dropped.label_mismatch": 1_000 });
  });
});

describe("cidrsAllowed", () => {
  it("admits nodes inside the networks [JoinDifferentNetworksUniqueMask]", async () => {
    const one = cluster();
    const a = await one.start({ host: "127.0.0.1", cidrsAllowed: ["127.0.0.0/8"] });
    const b = await one.start({ host: "127.0.1.1", cidrsAllowed: ["127.0.0.0/8"] });
    expect((await one.settle(b.members.join([a.seed]))).reached).toBe(1);
    expect(names(a)).toEqual(["node-0", "node-1"]);
    expect(names(b)).toEqual(["node-0", "node-1"]);
  });

  it("refuses nodes outside all networks, even this node itself [JoinDifferentNetworksMultiMasks]", async () => {
    const one = cluster();
    const cidrsAllowed = ["127.0.0.0/24", "127.0.1.0/24"];
    const a = await one.start({ host: "127.0.0.1", cidrsAllowed });
    const b = await one.start({ host: "127.0.1.1", cidrsAllowed });
    await one.settle(b.members.join([a.seed]));

    // It lists the others, and they do not list it.
    const rogue = await one.start({ host: "127.0.2.1", cidrsAllowed: ["127.0.0.0/8"] });
    expect((await one.settle(rogue.members.join([a.seed]))).reached).toBe(1);
    await one.advance(5_000);
    expect(names(rogue)).toEqual(["node-0", "node-1", "node-2"]);
    expect(names(a)).toEqual(["node-0", "node-1"]);
    expect(names(b)).toEqual(["node-0", "node-1"]);

    // It does not even list itself, and still works.
    const selfDenied = await one.start({ host: "127.0.2.2", cidrsAllowed });
    expect((await one.settle(selfDenied.members.join([a.seed, b.seed]))).reached).toBe(2);
    await one.advance(5_000);
    expect(names(selfDenied)).toEqual(["node-0", "node-1"]);
    expect(names(a)).toEqual(["node-0", "node-1"]);
    expect(selfDenied.members.localNode()).toMatchObject({ name: "node-3", addr: "127.0.2.2", state: "dead" });
    expect(selfDenied.members.numMembers()).toBe(2);
    await one.settle(selfDenied.members.updateNode({ meta: bytes("x") }).catch(() => undefined));
    await one.settle(selfDenied.members.leave());
    expect(codes(selfDenied)).not.toContain("internal_error");
  });

  it("drops alive messages from or about an address outside", async () => {
    const one = cluster();
    const [a] = (await one.joined(1, { host: "10.1.0.1", cidrsAllowed: ["10.1.0.0/16"] })) as [TestNode];
    const inside = new RawPeer(one, "10.1.0.2");
    const outside = new RawPeer(one, "10.2.0.2");
    outside.send(aliveMessage("from-outside", "10.1.0.2"), a);
    inside.send(aliveMessage("about-outside", "10.2.0.2"), a);
    await one.advance(100);
    expect(names(a)).toEqual(["node-0"]);
    expect(a.members.counters()).toEqual({ "dropped.address_not_allowed": 2 });
    await inside.become("fine", a);
  });
});

describe("a delegate that refuses", () => {
  it("stops a merge on both sides if both refuse [Join_Cancel]", async () => {
    const one = cluster();
    const asked: string[] = [];
    const merge = (who: string): { notifyMerge(peers: readonly Node[]): void } => ({
      notifyMerge: (peers) => {
        asked.push(`${who}: ${peers.map(({ name }) => name).join()}`);
        throw new Error("custom merge cancelled");
      },
    });
    const a = await one.start({ merge: merge("a") });
    const b = await one.start({ merge: merge("b") });
    const error = (await one.settle(b.members.join([a.seed]).catch((reason: unknown) => reason))) as MemberlistError;
    expect(error.message).toContain("custom merge cancelled");
    expect(error).toMatchObject({ code: "join_failed", cause: expect.objectContaining({ code: "merge_refused" }) });
    expect(asked.toSorted()).toEqual(["a: node-1", "b: node-0"]);
    expect(names(a)).toEqual(["node-0"]);
    expect(names(b)).toEqual(["node-1"]);
    expect(a.members.counters()).toMatchObject({ "stream_dropped.merge_refused": 1 });
    expect(a.members.counters()).not.toHaveProperty("delegate_failed");
  });

  it("ignores single nodes while the join succeeds [Join_Cancel_Passive]", async () => {
    const one = cluster();
    const asked = [0, 0];
    const alive = (i: number): { notifyAlive(peer: Node): void } => ({
      notifyAlive: (peer) => {
        asked[i] = (asked[i] ?? 0) + 1;
        if (peer.name !== `node-${i}`) throw new Error("custom alive cancelled");
      },
    });
    const a = await one.start({ alive: alive(0) });
    const b = await one.start({ alive: alive(1) });
    expect((await one.settle(b.members.join([a.seed]))).reached).toBe(1);
    await one.advance(5_000);
    expect(names(a)).toEqual(["node-0"]);
    expect(names(b)).toEqual(["node-1"]);
    expect(asked[0]).toBeGreaterThanOrEqual(2);
    expect(asked[1]).toBeGreaterThanOrEqual(2);
    expect(b.members.counters()["dropped.alive_refused"]).toBeGreaterThanOrEqual(1);
    expect(codes(b)).toContain("alive_refused");
  });
});

describe("a cluster of several protocol versions", () => {
  it("accepts nodes of versions 2 and 5 [Join_protocolVersions]", async () => {
    const one = cluster();
    const [a, b, c] = [await one.start(), await one.start(), await one.start({ protocolVersion: 5 })];
    expect((await one.settle(a.members.join([b.seed]))).reached).toBe(1);
    expect((await one.settle(a.members.join([c.seed]))).reached).toBe(1);
    await one.until(() => one.nodes.every(({ members }) => members.numMembers() === 3));
  });

  const versions = [1, 2, 3, 4, 5];
  const pairs = versions.flatMap((mine) => versions.map((theirs) => [mine, theirs] as const));

  it.each(pairs)("lets %i and %i find each other, and stay together [Join_Protocol_Compatibility]", async (mine, theirs) => {
    const one = cluster();
    const a = await one.start({ protocolVersion: mine });
    const b = await one.start({ protocolVersion: theirs });
    expect((await one.settle(b.members.join([a.seed]))).reached).toBe(1);
    await one.advance(10_000);
    expect(names(a)).toEqual(["node-0", "node-1"]);
    expect(names(b)).toEqual(["node-0", "node-1"]);
    expect(codes(a)).not.toContain("suspect");
    expect(a.members.members().find(({ name }) => name === "node-1")?.pCur).toBe(theirs);
  });

  it("uses bindPort as the port of every node below version 2", async () => {
    const one = cluster();
    const old = await one.start({ protocolVersion: 1, bindPort: 7000, port: 7000 });
    const other = await one.start({ port: 8000 });
    await one.settle(other.members.join([old.seed]));
    await one.until(() => old.members.numMembers() === 2);
    expect(old.members.members().find(({ name }) => name === other.name)?.port).toBe(7000);
    expect(other.members.members().find(({ name }) => name === old.name)?.port).toBe(7000);
  });

  it("keeps nodes with disjoint ranges of the delegates' versions apart", async () => {
    const one = cluster();
    const [a] = (await one.joined(2, { delegateProtocolMin: 1, delegateProtocolVersion: 2, delegateProtocolMax: 2 })) as [
      TestNode,
    ];
    const older = await one.start({
      delegateProtocolMin: 0,
      delegateProtocolVersion: 0,
      delegateProtocolMax: 1,
      healingInterval: 0,
    });
    const error = await one.settle(older.members.join([a.seed]).catch((reason: unknown) => reason));
    expect(error).toMatchObject({ code: "join_failed", cause: expect.objectContaining({ code: "incompatible_versions" }) });
    await one.advance(1_000);
    expect(names(older)).toEqual(["node-2"]);
    expect(names(a)).toEqual(["node-0", "node-1"]);
    expect(a.members.counters()).toMatchObject({ "stream_dropped.incompatible_versions": 1 });
  });
});

it("fails on abort with a JoinError that lists the attempts so far", async () => {
  const one = cluster();
  const a = await one.start();
  const b = await one.start();
  const controller = new AbortController();
  const joining = b.members.join([a.seed, "10.0.0.99:7946"], { signal: controller.signal }).catch((error: unknown) => error);
  one.network.block("10.0.0.2", "10.0.0.99", { packets: true, streams: true });
  await one.advance(20);
  controller.abort(new Error("enough"));
  const error = await one.settle(joining);
  expect(error).toBeInstanceOf(JoinError);
  expect(error).toMatchObject({ code: "aborted", stateChanged: true, reached: 1, attempts: [{ address: a.address }] });
});
