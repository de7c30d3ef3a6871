import { createSocket, type Socket } from "node:dgram";
import { connect, createServer, type Server } from "node:net";
import { afterEach, describe, expect, it, vi } from "vitest";
import { planBind } from "@memberlist/core/internal";
import { NodeTransport } from "../src/node-transport.ts";
import { TcpListener } from "../src/tcp-listener.ts";
import { collect, outcome, pattern, peer, until } from "./support.ts";

const cleanups: (() => unknown)[] = [];

async function transport(bindAddrs: readonly string[], bindPort = 0): Promise<NodeTransport> {
  const made = await NodeTransport.create({ bindAddrs, bindPort });
  cleanups.push(() => made.shutdown());
  return made;
}

function takeTcp(port: number, host: string): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen({ port, host, exclusive: true }, () => resolve(server));
  });
}

function takeUdp(port: number, host: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = createSocket(host.includes(":") ? "udp6" : "udp4");
    socket.once("error", reject);
    socket.bind({ port, address: host, exclusive: true }, () => resolve(socket));
  });
}

/** Nothing of ours is left on the port: both protocols can be had. */
async function expectFree(port: number, host: string): Promise<void> {
  const [tcp, udp] = [await takeTcp(port, host), await takeUdp(port, host)];
  await Promise.all([new Promise((resolve) => tcp.close(resolve)), new Promise<void>((resolve) => udp.close(resolve))]);
}

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

describe("planBind", () => {
  it("makes :: dual stack only when no IPv4 address is bound next to it", () => {
    expect(planBind(["::"])).toEqual([{ address: "::", family: 6, ipv6Only: false }]);
    expect(planBind(["::", "::1"])[0]).toMatchObject({ ipv6Only: false });
    expect(planBind(["0.0.0.0", "::"])[1]).toMatchObject({ ipv6Only: true });
    expect(planBind(["::", "127.0.0.1"])[0]).toMatchObject({ ipv6Only: true });
    expect(planBind(["::1"])[0]).toMatchObject({ ipv6Only: true });
  });

  it("keeps one spelling of each address", () => {
    expect(planBind(["::ffff:127.0.0.1", "0:0::1"]).map((target) => target.address)).toEqual(["127.0.0.1", "::1"]);
  });

  it.each([[[]], [["localhost"]], [["127.0.0.1:80"]], [["127.1"]], [[""]], [["::1", "0:0::1"]]])(
    "refuses %j",
    (addrs: string[]) => {
      expect(() => planBind(addrs)).toThrow(expect.objectContaining({ code: "invalid_argument" }));
    },
  );
});

describe("a transport", () => {
  it("uses one port for both protocols on all addresses when bound to port 0", async () => {
    const made = await transport(["127.0.0.1", "127.0.0.2", "::1"]);
    expect(made.bindPort).toBeGreaterThan(0);
    expect(made.boundAddresses).toEqual(["127.0.0.1", "127.0.0.2", "::1"].map((addr) => ({ addr, port: made.bindPort })));
    for (const { addr, port } of made.boundAddresses) {
      expect(await outcome(takeTcp(port, addr))).toBe("EADDRINUSE");
      expect(await outcome(takeUdp(port, addr))).toBe("EADDRINUSE");
    }
  });

  it("serves every bound address, and sends in the receiver's address family", async () => {
    const made = await transport(["127.0.0.1", "127.0.0.2", "::1"]);
    const inbox = peer(made);
    for (const host of ["127.0.0.1", "127.0.0.2", "::1"]) {
      const other = await transport([host]);
      const others = peer(other);
      const before = inbox.packets.length;
      const streams = inbox.streams.length;
      other.writeTo(pattern(9), { host, port: made.bindPort, name: "" });
      await until(() => inbox.packets.length === before + 1, `a packet to ${host}`);
      expect(inbox.packets.at(-1)?.from).toEqual({ host, port: other.bindPort, name: "" });
      made.writeTo(pattern(9), { host, port: other.bindPort, name: "" });
      await until(() => others.packets.length === 1, `a packet to the peer on ${host}`);
      const stream = await other.dial({ host, port: made.bindPort, name: "" }, { timeout: 2000 });
      await until(() => inbox.streams.length === streams + 1, "the stream");
      stream.close();
    }
  });

  it("serves both families when bound to :: alone, and reports IPv4 peers by their IPv4 address [Join_IPv6]", async () => {
    const dual = await transport(["::"]);
    const inbox = peer(dual);
    for (const host of ["127.0.0.1", "::1"]) {
      const other = await transport([host]);
      const others = peer(other);
      const before = inbox.packets.length;
      other.writeTo(pattern(9), { host, port: dual.bindPort, name: "" });
      await until(() => inbox.packets.length === before + 1, `a packet to ${host}`);
      expect(inbox.packets.at(-1)?.from).toEqual({ host, port: other.bindPort, name: "" });
      dual.writeTo(pattern(9), { host, port: other.bindPort, name: "" });
      await until(() => others.packets.length === 1, `an answer to ${host}`);
      const stream = await other.dial({ host, port: dual.bindPort, name: "" }, { timeout: 2000 });
      await stream.writable.getWriter().close();
      await until(() => inbox.streams.at(-1)?.from.host === host, `a stream by ${host}`);
      expect(await collect(inbox.streams.at(-1)?.stream.readable as ReadableStream<Uint8Array>)).toHaveLength(0);
    }
  });

  it("binds 0.0.0.0 and :: side by side", async () => {
    const both = await transport(["0.0.0.0", "::"]);
    const inbox = peer(both);
    for (const host of ["127.0.0.1", "::1"]) {
      both.writeTo(pattern(3), { host, port: both.bindPort, name: "" });
      await until(() => inbox.packets.at(-1)?.from.host === host, `a packet to itself on ${host}`);
      expect(inbox.packets.at(-1)?.bytes).toEqual(pattern(3));
    }
  });
});

describe("a port that the kernel chose for TCP, and that is taken for UDP", () => {
  /** Makes the first `times` choices of the kernel fall on `port`. */
  function choose(port: number, times: number): { mock: { calls: unknown[] } } {
    const listen = TcpListener.listen.bind(TcpListener);
    let left = times;
    const spy = vi.spyOn(TcpListener, "listen");
    cleanups.push(() => spy.mockRestore());
    return spy.mockImplementation((binding) => listen(binding.port === 0 && left-- > 0 ? { ...binding, port } : binding));
  }

  it("becomes free, and the transport tries another one", async () => {
    const taken = await takeUdp(0, "127.31.7.1");
    const { port } = taken.address();
    const spy = choose(port, 3);
    const made = await transport(["127.31.7.1"]);
    expect(made.bindPort).not.toBe(port);
    expect(spy.mock.calls).toHaveLength(4);
    await new Promise<void>((resolve) => taken.close(resolve));
    await expectFree(port, "127.31.7.1");
  });

  it("makes the start fail as bind_failed after ten attempts", async () => {
    const taken = await takeUdp(0, "127.31.7.1");
    const { port } = taken.address();
    const spy = choose(port, Infinity);
    expect(await outcome(NodeTransport.create({ bindAddrs: ["127.31.7.1"], bindPort: 0 }))).toBe("bind_failed");
    expect(spy.mock.calls).toHaveLength(10);
    await new Promise<void>((resolve) => taken.close(resolve));
    await expectFree(port, "127.31.7.1");
  });
});

describe("a failed start", () => {
  it("leaves nothing open if TCP is taken", async () => {
    const taken = await takeTcp(0, "127.31.7.1");
    const { port } = taken.address() as { port: number };
    await expect(NodeTransport.create({ bindAddrs: ["127.31.7.1"], bindPort: port })).rejects.toMatchObject({
      code: "bind_failed",
      details: { protocol: "TCP", address: "127.31.7.1", port, errno: "EADDRINUSE" },
    });
    await new Promise((resolve) => taken.close(resolve));
    await expectFree(port, "127.31.7.1");
  });

  it("leaves nothing open if UDP is taken and TCP is not", async () => {
    const taken = await takeUdp(0, "127.31.7.1");
    const { port } = taken.address();
    await expect(NodeTransport.create({ bindAddrs: ["127.31.7.1"], bindPort: port })).rejects.toMatchObject({
      code: "bind_failed",
      details: { protocol: "UDP", errno: "EADDRINUSE" },
    });
    await new Promise<void>((resolve) => taken.close(resolve));
    await expectFree(port, "127.31.7.1");
  });

  it("leaves nothing open if the second address fails after a peer connected to the first", async () => {
    const taken = await takeUdp(0, "127.31.7.2");
    const { port } = taken.address();
    const failing = outcome(NodeTransport.create({ bindAddrs: ["127.31.7.1", "127.31.7.2"], bindPort: port }));
    const early = connect(port, "127.31.7.1");
    early.on("error", () => undefined);
    expect(await failing).toBe("bind_failed");
    early.destroy();
    await new Promise<void>((resolve) => taken.close(resolve));
    await expectFree(port, "127.31.7.1");
    await expectFree(port, "127.31.7.2");
  });

  it("leaves nothing open if an address does not belong to this machine", async () => {
    expect(await outcome(NodeTransport.create({ bindAddrs: ["127.31.7.1", "192.0.2.1"], bindPort: 0 }))).toBe("bind_failed");
  });

  it.each([
    ["workres", { workres: { off: true } }],
    ["udpReceiveBuffer", { udpReceiveBuffer: 0 }],
    ["maxInboundStreams", { maxInboundStreams: Number.NaN }],
    ["bindAddrs", { bindAddrs: "127.0.0.1" }],
  ])("leaves nothing open if the option %s is wrong", async (option, wrong) => {
    const created = NodeTransport.create({ bindAddrs: ["127.31.7.1"], bindPort: 0, ...(wrong as object) });
    await expect(created).rejects.toMatchObject({ code: "invalid_argument", details: { option } });
  });

  it.each([-1, 65_536, 1.5, Number.NaN])("leaves nothing open if the port is %s", async (bindPort) => {
    expect(await outcome(NodeTransport.create({ bindAddrs: ["127.31.7.1"], bindPort }))).toBe("invalid_argument");
  });

  it("leaves a port that can be bound again after a shutdown", async () => {
    const first = await transport(["127.31.7.1"]);
    await first.shutdown();
    const second = await transport(["127.31.7.1"], first.bindPort);
    expect(second.bindPort).toBe(first.bindPort);
  });
});
