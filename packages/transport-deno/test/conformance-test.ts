/**
 * Run by Deno with its sanitizers: all rules for transports, on DenoTransport and on its streams alone. The argument is a port of loopback
 * that answers no connection; deno.test.ts makes one.
 */
import { deepStrictEqual } from "node:assert/strict";
import { type Address, type Transport } from "@memberlist/core";
import { systemClock, streamOnly } from "@memberlist/core/transport";
import { transportConformance, type ConformanceHarness } from "@memberlist/core/testing";
import { tcpClient, tcpRelay } from "../../transport-node/test/tcp-peers.ts";
import { DenoTransport } from "../src/index.ts";
import { countHandles } from "./open-handles.ts";
import { silent } from "./support.ts";

const openHandles = countHandles();
const unanswered: Address = { host: "127.0.0.1", port: Number(Deno.args[0]), name: "" };
const knownHost = { host: "known.test", addresses: ["10.1.1.1", "fd00::1"] };

function harness(kind: "udp" | "streams"): ConformanceHarness {
  const sockets = new Map<Transport, DenoTransport>();
  const create = async (bindAddr: string, bindPort = 0): Promise<Transport> => {
    const inner = await DenoTransport.create({
      bindAddrs: [bindAddr],
      bindPort,
      logger: silent,
      udp: kind === "udp",
      systemLookup: (host) =>
        host === knownHost.host ? Promise.resolve([...knownHost.addresses]) : Promise.reject(new Error("ENOTFOUND")),
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
    cannotReset: true,
    muteClient: tcpClient,
    silentAddress: () => Promise.resolve(unanswered),
    knownHost,
    openHandles,
  };
}

for (const [kind, title] of [
  ["udp", "DenoTransport conforms"],
  ["streams", "streamOnly conforms on DenoTransport, without UDP"],
] as const) {
  const cases = transportConformance(harness(kind));
  Deno.test(`${title}: the suite skips only the rules that TCP on Deno cannot meet`, () => {
    const left = cases.filter(({ notApplicable }) => notApplicable !== undefined).map(({ notApplicable }) => notApplicable);
    deepStrictEqual(new Set(left), new Set(["the harness says cannotReset", "the harness has no unansweredHandshake"]));
  });
  for (const { name, run } of cases) Deno.test(`${title}: ${name}`, run);
}
