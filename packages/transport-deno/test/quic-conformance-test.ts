/** Run by Deno with its sanitizers (quic.test.ts starts it): all rules for transports, on QUIC. */
import { strictEqual } from "node:assert/strict";
import { systemClock } from "@memberlist/core";
import { transportConformance, type ConformanceHarness } from "@memberlist/core/testing";
import { packetBytesMax } from "../src/quic/peer-connection.ts";
import { QuicTransport } from "../src/quic/quic-transport.ts";
import { ca, certificateOf } from "./quic-support.ts";
import { silent } from "./support.ts";

/** What is left open as far as the transport has a say: Deno closes an endpoint's socket when it is collected as garbage. */
const open = new Set<Deno.QuicEndpoint>();
class CountedEndpoint extends Deno.QuicEndpoint {
  constructor(options?: Deno.QuicEndpointOptions) {
    super(options);
    open.add(this);
  }

  override close(info?: Deno.QuicCloseInfo): void {
    open.delete(this);
    super.close(info);
  }
}
Object.assign(Deno, { QuicEndpoint: CountedEndpoint });

// A socket that nobody reads.
const silence = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 });
const knownHost = { host: "known.test", addresses: ["10.1.1.1", "fd00::1"] };

let started = 0;
async function create(bindAddr: string): Promise<QuicTransport> {
  // A handful of certificates is enough: no more transports are up at a time.
  const { certificate, key } = await certificateOf(`node-${started++ % 8}`);
  return QuicTransport.create({
    bindAddr,
    bindPort: 0,
    logger: silent,
    ca: ca.certificate,
    certificate,
    key,
    // Where nobody listens, nobody says so over QUIC: an attempt has to end before the suite's deadline.
    handshakeTimeout: 2000,
    systemLookup: (host) =>
      host === knownHost.host ? Promise.resolve([...knownHost.addresses]) : Promise.reject(new Error("ENOTFOUND")),
  });
}

const harness: ConformanceHarness = {
  clock: systemClock(),
  maxPacketBytes: packetBytesMax,
  deadline: 20_000,
  create: () => create("127.0.0.1"),
  createIpv6: () => create("::1"),
  addressOf: (transport) => {
    const { addr, port } = (transport as QuicTransport).boundAddress;
    return { host: addr, port, name: "" };
  },
  silentAddress: () => Promise.resolve({ host: "127.0.0.1", port: (silence.addr as Deno.NetAddr).port, name: "" }),
  knownHost,
  openHandles: () => open.size,
};

const cases = transportConformance(harness);
Deno.test("QUIC conforms: no rule is left out", () => strictEqual(cases.length, 36));
for (const { name, run } of cases) Deno.test(`QUIC conforms: ${name}`, run);
