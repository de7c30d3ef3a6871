import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createClusterCa, issueNodeCertificate } from "@memberlist/core/certificates";
import { anyServerName } from "@memberlist/core/internal";
import { systemClock, type Address, type Transport } from "@memberlist/core/transport";
import { transportConformance, type ConformanceHarness } from "@memberlist/core/testing";
import { NodeTransport } from "@memberlist/transport-node";
import { mutePort, silentPort, type SilentPort } from "../../packages/transport-node/test/silent-port.ts";
import { tcpClient, tcpRelay } from "../../packages/transport-node/test/tcp-peers.ts";
import { alertmanagerTransport } from "../transports/alertmanager.ts";
import { DskitTransport } from "../transports/dskit.ts";

let silent: SilentPort;
let mute: SilentPort;
let tls: Parameters<typeof alertmanagerTransport>[2];
beforeAll(async () => {
  [silent, mute] = await Promise.all([silentPort(), mutePort()]);
  const authority = await createClusterCa();
  const { certificate: cert, key } = await issueNodeCertificate(authority, { name: "any" });
  tls = { ca: authority.certificate, cert, key, servername: anyServerName };
});
afterAll(() => Promise.all([silent.close(), mute.close()]));

function harnessOf(create: (host: string, port?: number) => Promise<Transport>): ConformanceHarness {
  const addresses = new Map<Transport, Address>();
  const open = async (host: string, at?: number): Promise<Transport> => {
    const transport = await create(host, at);
    const { addr, port } = await transport.finalAdvertiseAddr("", 0);
    addresses.set(transport, { host: addr, port, name: "" });
    return transport;
  };
  return {
    clock: systemClock(),
    maxPacketBytes: 65_507,
    create: () => open("127.0.0.1"),
    createIpv6: () => open("::1"),
    createAt: ({ host, port }) => open(host, port),
    addressOf: (transport) => addresses.get(transport) ?? { host: "", port: 0, name: "" },
    relay: tcpRelay,
    muteClient: tcpClient,
    silentAddress: () => Promise.resolve(silent.address),
    openHandles: () => process.getActiveResourcesInfo().filter((kind) => kind.startsWith("TCP")).length,
  };
}

async function createDskit(host: string, bindPort = 0): Promise<Transport> {
  const logOutput = { write: () => undefined };
  return new DskitTransport(await NodeTransport.create({ bindAddrs: [host], bindPort, udp: false, logOutput }));
}

describe("DskitTransport conforms", () => {
  it.each(transportConformance(harnessOf(createDskit)))("$name", async ({ run }) => {
    await expect(run()).resolves.toBeUndefined();
  });
});

describe("the Alertmanager transport conforms", () => {
  // Node cannot reset a connection under TLS.
  const harness: ConformanceHarness = {
    ...harnessOf((host, port) => alertmanagerTransport(host, port ?? 0, tls)),
    cannotReset: true,
    unansweredHandshake: () => Promise.resolve(mute.address),
  };
  it.each(transportConformance(harness))("$name", async ({ run }) => {
    await expect(run()).resolves.toBeUndefined();
  });
});

it.each(["alertmanager", "dskit"])("keeps the %s transport in one file of less than 150 lines", (name) => {
  const source = readFileSync(new URL(`../transports/${name}.ts`, import.meta.url), "utf8");
  expect(source.split("\n").length - 1).toBeLessThan(150);
});
