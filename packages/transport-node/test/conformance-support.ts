import { type Address, type Transport } from "@memberlist/core";
import { systemClock, streamOnly } from "@memberlist/core/transport";
import type { ConformanceHarness } from "@memberlist/core/testing";
import { NodeTransport } from "../src/index.ts";
import { tcpClient, tcpRelay } from "./tcp-peers.ts";

/** NodeTransport on loopback; `streams`: its packets go over TCP, too. */
export function nodeHarness(silent: () => Address, kind: "udp" | "streams" = "udp"): ConformanceHarness {
  const sockets = new Map<Transport, NodeTransport>();
  const create = async (bindAddr: string, bindPort = 0): Promise<Transport> => {
    const inner = await NodeTransport.create({
      bindAddrs: [bindAddr],
      bindPort,
      logOutput: { write: () => undefined },
      udp: kind === "udp",
      systemLookup: (host) =>
        host === "known.test" ? Promise.resolve(["10.1.1.1", "fd00::1"]) : Promise.reject(new Error("ENOTFOUND")),
    });
    const transport = kind === "udp" ? inner : streamOnly(inner, { port: inner.bindPort });
    sockets.set(transport, inner);
    return transport;
  };
  return {
    clock: systemClock(),
    maxPacketBytes: 65_507,
    create: () => create("127.0.0.1"),
    createIpv6: () => create("::1"),
    addressOf: (transport) => {
      const bound = sockets.get(transport)?.boundAddresses[0];
      return { host: bound?.addr ?? "", port: bound?.port ?? 0, name: "" };
    },
    createAt: ({ host, port }) => create(host, port),
    relay: tcpRelay,
    muteClient: tcpClient,
    silentAddress: () => Promise.resolve(silent()),
    knownHost: { host: "known.test", addresses: ["10.1.1.1", "fd00::1"] },
    openHandles: () => process.getActiveResourcesInfo().filter((kind) => /^(TCP|UDP|Pipe)/.test(kind)).length,
  };
}
