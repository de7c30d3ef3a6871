import { describe, expect, it } from "vitest";
import type { MemberlistError } from "../../src/index.ts";
import { clusters, names, type TestNode } from "./cluster.ts";

const cluster = clusters();

describe("a join that reaches this node itself", () => {
  it("resolves without a reached peer if every seed is this node, the first of its cluster", async () => {
    const one = cluster();
    const node = await one.start();
    one.network.setHost("cluster.example.org", [node.transport.host]);
    const result = await one.settle(node.members.join([node.address, "cluster.example.org"]));
    expect(result).toMatchObject({ reached: 0, conflicts: [] });
    expect(result.attempts.map(({ self, error }) => [self, error])).toEqual([
      [true, undefined],
      [true, undefined],
    ]);
    expect(result.seeds).toMatchObject([
      { reached: 0, self: true },
      { reached: 0, self: true },
    ]);
  });

  it("fails if the other seeds fail, and explains how to start the first node of a cluster", async () => {
    const one = cluster();
    const node = await one.start();
    const seeds = [node.address, "10.0.0.99"];
    const failure = await one.settle(node.members.join(seeds).then(String, (error: MemberlistError) => error));
    expect(failure).toMatchObject({ code: "join_failed", stateChanged: false, cause: { code: "dial_failed" } });
    expect(String(failure)).toContain(`${node.address}: is this node itself`);
    expect(String(failure)).toContain("minReached: 0");
    expect((await one.settle(node.members.join(seeds, { minReached: 0 }))).reached).toBe(0);
  });

  it("fails if minReached asks for another node", async () => {
    const one = cluster();
    const node = await one.start();
    const failure = await one.settle(node.members.join([node.address], { minReached: 1 }).catch((error: unknown) => error));
    expect(failure).toMatchObject({ code: "join_failed", attempts: [{ self: true }] });
  });

  it("counts only the other nodes of a shared seed list, even when all know each other", async () => {
    const one = cluster();
    const nodes = [await one.start(), await one.start(), await one.start()] as const;
    const seeds = nodes.map(({ address }) => address);
    for (let round = 0; round < 2; round++) {
      for (const node of nodes) {
        const { reached, attempts } = await one.settle(node.members.join(seeds));
        expect(reached).toBe(2);
        expect(attempts.map(({ self }) => self === true)).toEqual(nodes.map((other) => other === node));
      }
      await one.advance(5_000);
    }
  });

  it("recognises itself behind an address that is not its own", async () => {
    const one = cluster();
    const node = await one.start({ advertiseAddr: "192.0.2.7" });
    const result = await one.settle(node.members.join([`${node.transport.host}:7946`]));
    expect(result).toMatchObject({ reached: 0, attempts: [{ self: true }] });
  });

  it("does not mistake a known lone peer, or one that advertises the same address, for itself", async () => {
    const one = cluster();
    const [a, b] = (await one.joined(2)) as [TestNode, TestNode];
    expect((await one.settle(a.members.join([b.address]))).reached).toBe(1);
    const twin = await one.start({ advertiseAddr: b.transport.host });
    expect((await one.settle(twin.members.join([b.address]))).reached).toBe(1);
  });
});

describe("a name that another node has", () => {
  it("appears once in the join's result, with its owner and the peer that listed it", async () => {
    const one = cluster();
    const [a, b, c] = (await one.joined(3)) as [TestNode, TestNode, TestNode];
    const twin = await one.start({ name: c.name });
    const { conflicts, reached } = await one.settle(twin.members.join([a.address, b.address]));
    expect(reached).toBe(2);
    expect(conflicts).toMatchObject([
      { seed: a.address, address: a.address, node: { name: c.name, addr: c.transport.host, port: 7946, state: "alive" } },
    ]);
    expect(names(a)).toHaveLength(3);
  });

  it("does not appear if its owner has left", async () => {
    const one = cluster();
    const [a, , c] = (await one.joined(3)) as [TestNode, TestNode, TestNode];
    await one.settle(c.members.leave());
    await one.advance(2_000);
    const next = await one.start({ name: c.name });
    expect((await one.settle(next.members.join([a.address]))).conflicts).toEqual([]);
    expect(names(a)).toHaveLength(3);
  });
});
