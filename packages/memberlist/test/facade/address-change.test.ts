import { describe, expect, it } from "vitest";
import type { MemberEvent } from "../../src/index.ts";
import { bytes, clusters, codes, names, outcome, type Cluster, type NodeConfig, type TestNode } from "./cluster.ts";
import { MovingTransport } from "./moving-transport.ts";

const cluster = clusters();
const before = "10.8.0.1";
const after = "10.8.0.2";

interface Moving {
  readonly others: readonly TestNode[];
  readonly node: TestNode;
  readonly transport: MovingTransport;
}

/** A cluster of `count` nodes. The machine of the last one changes its address. */
async function withMoving(
  one: Cluster,
  count: number,
  config: (transport: MovingTransport) => NodeConfig = () => ({}),
  configOfOthers: NodeConfig = {},
): Promise<Moving> {
  const others = await one.joined(count - 1, configOfOthers);
  const transport = new MovingTransport(one, before);
  const node = await one.start({ name: "moving", transport, ...config(transport) });
  await one.settle(node.members.join([(others[0] as TestNode).address]));
  await one.until(() => others.every(({ members }) => members.numMembers() === count));
  await one.advance(10_000);
  return { others, node, transport };
}

function changes(node: TestNode, type: MemberEvent["type"]): MemberEvent[] {
  return node.members.recentEvents().filter((event): event is MemberEvent => event.type === type);
}

function addressAt(node: TestNode): string | undefined {
  return node.members.members().find(({ name }) => name === "moving")?.addr;
}

describe("a lost address", () => {
  it("causes one event, one count and a log line with a remedy, and a second line at its return", async () => {
    const one = cluster();
    const { node, transport } = await withMoving(one, 3);
    await transport.move(after);
    await one.advance(30_000);
    expect(changes(node, "address_lost")).toMatchObject([{ address: `${before}:7946`, node: { name: "moving", addr: before } }]);
    expect(node.members.counters()).toMatchObject({ address_lost: 1 });
    const lines = node.log.filter(({ fields: { code } }) => code === "address_lost");
    expect(lines).toMatchObject([{ level: "warn", message: expect.stringContaining("make advertiseAddr a function") }]);
    await transport.move(before);
    await one.advance(6_000);
    expect(codes(node)).toContain("address_returned");
    expect(changes(node, "address_lost")).toHaveLength(1);
  });

  it("does not make the node suspect others, since acks go to the address its pings came from", async () => {
    const one = cluster();
    const { node, transport } = await withMoving(one, 12, () => ({ addressCheckInterval: 100, disableTcpPings: true }));
    await transport.move(after);
    // A ping in flight may ask for an ack to the old address.
    await one.advance(5_000);
    const since = one.clock.wallTime();
    await one.advance(60_000);
    expect(changes(node, "suspect").filter(({ at }) => at > since)).toEqual([]);
    expect(names(node)).toHaveLength(12);
  });

  it("causes a report when the node listens on that address alone", async () => {
    const one = cluster();
    const { node, transport } = await withMoving(one, 2, () => ({ bindAddr: before }));
    await transport.move(after);
    await one.advance(6_000);
    expect(node.log.find(({ fields: { code } }) => code === "address_lost")?.message).toContain(`listens on ${before} alone`);
  });

  it("causes no report if the machine never had the address, or if the check is off", async () => {
    const one = cluster();
    const nat = await withMoving(one, 2, () => ({ advertiseAddr: "192.0.2.7" }));
    await nat.transport.move(after);
    await one.advance(30_000);
    expect(changes(nat.node, "address_lost")).toEqual([]);
    const off = cluster();
    const { node, transport } = await withMoving(off, 2, () => ({ addressCheckInterval: 0 }));
    await transport.move(after);
    await off.advance(30_000);
    expect(changes(node, "address_lost")).toEqual([]);
  });
});

describe("advertiseAddr as a function", () => {
  const asked = (transport: MovingTransport): NodeConfig => ({ advertiseAddr: () => Promise.resolve(transport.host) });

  it.each([2, 3, 12])("moves the node: all %i members soon have its new address under the same name", async (count) => {
    const one = cluster();
    // Nobody is to declare it dead before its next check, which comes within 5 s.
    const { others, node, transport } = await withMoving(one, count, asked, { suspicionMult: 8 });
    const { incarnation } = node.members.localNode();
    await transport.move(after);
    const took = await one.until(() => others.every((other) => addressAt(other) === after), 20_000);
    // Time for the check and for the leave and alive messages to spread.
    expect(took).toBeLessThan(9_000);
    expect(node.members.localNode()).toMatchObject({ addr: after, state: "alive" });
    expect(node.members.localNode().incarnation).toBeGreaterThan(incarnation);
    expect(changes(node, "leave")).toEqual([]);
    await one.advance(60_000);
    for (const other of [...others, node]) {
      expect([names(other).length, addressAt(other)]).toEqual([count, after]);
      expect(changes(other, "conflict")).toEqual([]);
      expect(changes(other, "leave").filter((event) => event.type === "leave" && event.cause.code !== "left")).toEqual([]);
    }
    expect(codes(node)).toContain("address_changed");
  });

  it("moves a node that the others have declared dead and that may not be reclaimed", async () => {
    const one = cluster();
    let isBehind = true;
    const { others, node, transport } = await withMoving(one, 4, (moving) => ({
      advertiseAddr: () => (isBehind ? before : moving.host),
    }));
    await transport.move(after);
    await one.until(() => others.every((other) => addressAt(other) === undefined), 120_000);
    isBehind = false;
    await one.until(() => others.every((other) => addressAt(other) === after), 15_000);
    await one.advance(30_000);
    expect(others.map(addressAt)).toEqual([after, after, after]);
    expect(names(node)).toHaveLength(4);
  });

  it("lets the transport choose again when it returns an empty string and the address is lost", async () => {
    const one = cluster();
    const { others, node, transport } = await withMoving(one, 3, () => ({ advertiseAddr: () => "" }));
    await transport.move(after);
    await one.until(() => others.every((other) => addressAt(other) === after), 20_000);
    expect(node.members.localNode()).toMatchObject({ addr: after, state: "alive" });
  });

  it("keeps the address while the function fails, counts the failures, logs one, and retries", async () => {
    const one = cluster();
    let answer: () => unknown = () => before;
    const { node, transport } = await withMoving(one, 2, () => ({ advertiseAddr: () => answer() as string, tcpTimeout: 1_000 }));
    answer = () => {
      throw new Error("metadata service is down");
    };
    await one.advance(15_000);
    answer = () => 7;
    await one.advance(5_000);
    answer = () => new Promise(() => undefined);
    await one.advance(7_000);
    answer = () => "not an address";
    await one.advance(6_000);
    const lines = node.log.filter(({ fields: { code } }) => code === "advertise_address_failed").map(({ message }) => message);
    expect(lines).toMatchObject([
      expect.stringContaining("metadata service is down"),
      expect.stringContaining("something else than a string"),
      expect.stringContaining("longer than 1000 ms"),
      expect.stringContaining("not an address"),
    ]);
    expect(node.members.counters()["advertise_address_failed"]).toBeGreaterThan(4);
    expect(addressAt(node)).toBe(before);
    answer = () => transport.host;
    await transport.move(after);
    await one.until(() => addressAt(node) === after, 20_000);
  });

  it("leaves no timer when the node is shut down while it is asked", async () => {
    const one = cluster();
    let asks = 0;
    const advertiseAddr = (): string | Promise<string> => (asks++ === 0 ? before : new Promise(() => undefined));
    const node = await one.start({ advertiseAddr, addressCheckInterval: 100 });
    await one.until(() => asks === 2);
    await node.members.shutdown();
    await one.advance(0);
    expect(one.clock.pending).toBe(0);
  });

  it("fails the start if the function fails", async () => {
    const one = cluster();
    const fails = (): never => {
      throw new Error("metadata service is down");
    };
    expect(await outcome(one.start({ advertiseAddr: fails }))).toBe("advertise_address_failed");
  });

  it("moves a lone node; a node that has left rejoins at the new address", async () => {
    const one = cluster();
    const transport = new MovingTransport(one, before);
    const node = await one.start({ name: "moving", transport, ...asked(transport) });
    await transport.move(after);
    await one.until(() => node.members.localNode().addr === after, 10_000);
    const other = await one.start();
    await one.settle(node.members.join([other.address]));
    expect(addressAt(other)).toBe(after);
    await one.settle(node.members.leave());
    await transport.move(before);
    await one.advance(6_000);
    expect(node.members.localNode().state).toBe("left");
    await one.settle(node.members.join([other.address]));
    await one.until(() => addressAt(other) === before, 5_000);
  });

  it("keeps metadata published during the move, and a leave ends the move", async () => {
    const one = cluster();
    const { others, node, transport } = await withMoving(one, 3, asked);
    await transport.move(after);
    await one.until(() => node.members.recentEvents().some((event) => event.type === "address_lost"), 10_000);
    await one.advance(1);
    await one.settle(node.members.updateNode({ meta: bytes("new") }));
    await one.until(() => others.every((other) => addressAt(other) === after), 10_000);
    expect(others[0]?.members.members().find(({ name }) => name === "moving")?.meta).toEqual(bytes("new"));

    await one.advance(10_000);
    await transport.move(before);
    await one.until(() => changes(node, "address_lost").length === 2, 10_000);
    await one.advance(1);
    await one.settle(node.members.leave());
    await one.advance(10_000);
    expect(others.map((other) => names(other).length)).toEqual([2, 2]);
    expect(node.members.localNode().state).toBe("left");
  });
});
