import { canonicalIp } from "../../api/address.ts";
import { check, type Check } from "./bench.ts";

/** Addresses: what is advertised, IPv6, names. */
export const addressChecks: readonly Check[] = [
  {
    name: "without a configured address, the one that others reach is advertised",
    run: async (bench) => {
      const { transport, address } = await bench.peer();
      const { addr, port } = await transport.finalAdvertiseAddr("", 0);
      check(canonicalIp(addr) === addr, `finalAdvertiseAddr: ${addr} is not a literal IP in its usual form`);
      check(
        addr === address.host && port === address.port,
        `finalAdvertiseAddr("", 0): ${addr} port ${port} is not where the transport is reached, ${address.host} port ${address.port}`,
      );
    },
  },
  {
    name: "a configured address and port are advertised",
    run: async (bench) => {
      const { transport, address } = await bench.peer();
      const both = await transport.finalAdvertiseAddr("192.0.2.7", 1234);
      check(
        both.addr === "192.0.2.7" && both.port === 1234,
        "finalAdvertiseAddr: the configured address and port were not taken over",
      );
      const { port } = await transport.finalAdvertiseAddr("192.0.2.7", 0);
      check(port === address.port, "finalAdvertiseAddr: for port 0, the bound port must be advertised");
    },
  },
  {
    name: "what is not an address is refused as advertise_address_failed",
    run: async (bench) => {
      const { transport } = await bench.peer();
      const refused = Promise.resolve().then(() => transport.finalAdvertiseAddr("not an address", 0));
      await bench.rejects(refused, "advertise_address_failed", 'finalAdvertiseAddr("not an address")');
    },
  },
  {
    name: "packets and streams over IPv6",
    needs: ["createIpv6"],
    run: async (bench) => {
      const { createIpv6 } = bench.harness;
      const [a, b] = [await bench.peer(createIpv6), await bench.peer(createIpv6)];
      check(a.address.host.includes(":"), "harness.createIpv6: the transport is not bound to an IPv6 address");
      const { from } = await bench.arrives(a, b, Uint8Array.of(6), "writeTo: a packet over IPv6 never arrived");
      check(from.host === a.address.host, `TransportListener.packet: over IPv6, \`from\` is ${from.host}, not ${a.address.host}`);
      await bench.connect(a, b);
      const host = b.streams[0]?.from.host;
      check(host === a.address.host, `TransportListener.stream: over IPv6, \`from\` is ${host}, not ${a.address.host}`);
    },
  },
  {
    name: "a known name resolves to all of its addresses",
    needs: ["knownHost"],
    run: async (bench) => {
      const { transport } = await bench.peer();
      const { host = "", addresses = [] } = bench.harness.knownHost ?? {};
      const found = await resolved(transport.resolve?.(host, { dnsConfigPath: "", timeout: bench.deadline }));
      check(
        found.toSorted().join() === [...addresses].sort().join(),
        `resolve: ${host} has ${addresses.join()}, not ${found.join()}`,
      );
    },
  },
  {
    name: "an unknown name is refused as resolve_failed",
    run: async (bench) => {
      const { transport } = await bench.peer();
      if (transport.resolve === undefined) return;
      const unknown = transport.resolve("nowhere.invalid", { dnsConfigPath: "", timeout: bench.deadline });
      await bench.rejects(unknown, "resolve_failed", "resolve of a name that is not there");
    },
  },
  {
    name: "a lookup that was aborted is refused as aborted",
    run: async (bench) => {
      const { transport } = await bench.peer();
      if (transport.resolve === undefined) return;
      const controller = new AbortController();
      controller.abort();
      const options = { dnsConfigPath: "", timeout: bench.deadline, signal: controller.signal };
      await bench.rejects(transport.resolve("nowhere.invalid", options), "aborted", "resolve with an aborted signal");
    },
  },
];

async function resolved(promise: Promise<string[]> | undefined): Promise<string[]> {
  check(promise !== undefined, "resolve: the harness has a knownHost, but the transport has no resolve");
  return (await promise) ?? [];
}
