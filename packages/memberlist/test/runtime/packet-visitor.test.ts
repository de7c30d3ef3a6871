import { describe, expect, it } from "vitest";
import { Keyring, lanConfig } from "../../src/index.ts";
import { resolveConfig } from "../../src/config/resolve.ts";
import { encryptionOf } from "../../src/encryption/encryption.ts";
import { PacketVisitor } from "../../src/runtime/packet-visitor.ts";
import type { MemoryTransport } from "../../src/testing/index.ts";
import { bytes, clusters, type Cluster, type TestNode } from "../facade/cluster.ts";

const cluster = clusters();
const secretKey = bytes("0123456789abcdef");
const timeout = 1_000;

interface Visited {
  readonly one: Cluster;
  readonly nodes: readonly [TestNode, TestNode];
  readonly visitor: PacketVisitor;
  readonly transport: MemoryTransport;
}

async function visited(config: { readonly label?: string; readonly secretKey?: Uint8Array } = {}): Promise<Visited> {
  const one = cluster();
  const nodes = (await one.joined(2, config)) as [TestNode, TestNode];
  const transport = one.network.transport();
  const { label, secretKey: key } = config;
  const keyring = key === undefined ? undefined : new Keyring([], key);
  const resolved = resolveConfig({
    ...lanConfig(),
    name: "visitor",
    clock: one.clock,
    random: one.random.fork(),
    label,
    keyring,
  });
  const visitor = new PacketVisitor({ config: resolved, transport, encryption: await encryptionOf(resolved, undefined) });
  return { one, nodes, visitor, transport };
}

const hereOf = ({ transport }: Visited): { host: string; port: number; name: string } => {
  const [host = "", port] = transport.key.split(":");
  return { host, port: Number(port), name: "" };
};

function addressOf({ members }: TestNode): { host: string; port: number; name: string } {
  const { addr, port, name } = members.localNode();
  return { host: addr, port, name };
}

describe("a packet visitor", () => {
  it.each([{}, { label: "shop", secretKey }])(
    "pings members, has them ping each other, and leaves no trace: %o",
    async (config) => {
      const { one, nodes, visitor } = await visited(config);
      const [a, b] = nodes.map(addressOf) as [ReturnType<typeof addressOf>, ReturnType<typeof addressOf>];
      const logged = nodes.map(({ log }) => log.length);
      expect(await one.settle(visitor.ping(a, timeout))).toBeGreaterThan(0);
      expect(await one.settle(visitor.ping({ ...a, name: "" }, timeout))).toBeGreaterThan(0);
      expect(await one.settle(visitor.relay(a, b, timeout))).toBe("ack");
      expect(nodes.map(({ members }) => members.members({}).length)).toEqual([2, 2]);
      expect(nodes.map(({ log }) => log.length)).toEqual(logged);
      expect(await one.settle(visitor.ping({ ...a, name: "other" }, timeout))).toBeUndefined();
    },
  );

  it("finds in which direction packets between two members are blocked, and between a member and itself", async () => {
    const all = await visited();
    const { one, nodes, visitor } = all;
    const [a, b] = nodes.map(addressOf) as [ReturnType<typeof addressOf>, ReturnType<typeof addressOf>];
    const here = hereOf(all);
    const passes = async (): Promise<unknown> => [
      await one.settle(visitor.passes(a, b, here, timeout)),
      await one.settle(visitor.passes(b, a, here, timeout)),
    ];
    expect(await passes()).toEqual([true, true]);
    one.network.block(a, b, { packets: true, streams: false });
    expect(await one.settle(visitor.relay(a, b, timeout))).toBe("nack");
    expect(await passes()).toEqual([false, true]);
    one.network.block(b, a, { packets: true, streams: false });
    expect(await passes()).toEqual([false, false]);
    one.network.heal();
    one.network.block(a, here, { packets: true, streams: false });
    expect(await one.settle(visitor.ping(a, timeout))).toBeUndefined();
    // What is sent to a gets there: b has its answer.
    expect(await one.settle(visitor.passes(a, b, here, timeout))).toBe(true);
    expect(await one.settle(visitor.passes(b, a, here, timeout))).toBeUndefined();
  });

  it.each([{}, { label: "shop", secretKey }])("pads a ping to just the size that it is given: %o", async (config) => {
    const { one, nodes, visitor, transport } = await visited(config);
    const sent: number[] = [];
    const write = transport.writeTo.bind(transport);
    transport.writeTo = (packet, to, done) => {
      sent.push(packet.length);
      return write(packet, to, done);
    };
    const sizes = [200, 285, 286, 287, 300, 508, 1_200, 1_400];
    for (const size of sizes) expect(await one.settle(visitor.ping(addressOf(nodes[0]), timeout, size))).toBeGreaterThan(0);
    expect(sent).toEqual(sizes);
    expect(nodes[0].members.counters()).toEqual({});
  });
});
