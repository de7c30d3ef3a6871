import type { Crypto } from "@memberlist/core";
import {
  bindSockets,
  checkOptions,
  noSockets,
  createTransportLog,
  socketTransportRules,
  SocketTransport,
  type BoundSockets,
  type SocketRuntime,
  type SocketTransportCounters,
  type SocketTransportOptions,
} from "@memberlist/core/internal";
import { denoCrypto } from "./deno-crypto.ts";
import { requireUnstableNet } from "./permission.ts";
import { denoNames } from "./resolver.ts";
import { connectTcp } from "./tcp-connection.ts";
import { TcpListener } from "./tcp-listener.ts";
import { thisMachine } from "./this-machine.ts";
import { UdpSocket } from "./udp-socket.ts";

/**
 * In `bindAddrs`, `0.0.0.0` serves IPv4; `::` serves IPv6 and IPv4. Deno cannot bind `::` for IPv6 alone, so that the kernel refuses `::` next
 * to an IPv4 address.
 */
export type DenoTransportOptions = SocketTransportOptions;

/** Errors so far, for metrics. */
export type DenoTransportCounters = SocketTransportCounters;

const runtime: SocketRuntime = {
  listenTcp: (binding) => new TcpListener(binding),
  bindUdp: (binding) => {
    requireUnstableNet();
    return new UdpSocket(binding);
  },
  connect: connectTcp,
  names: denoNames,
  interfaces: thisMachine,
};

/**
 * Packets over UDP and streams over TCP, on the same port, for Deno.
 *
 * `--allow-net --unstable-net` is enough. `--allow-sys=networkInterfaces` is needed to choose the advertised address of a wildcard
 * bind; `--allow-read=/proc/net/route` then prefers the interface of the default route. Without UDP (`udp: false`), `--unstable-net` is
 * not needed. No permission is ever prompted for.
 *
 * Names are looked up by the system's resolver. A `dnsConfigPath` that is not the system's has its first name server asked first, and
 * needs `--allow-read` for that file.
 */
export class DenoTransport extends SocketTransport {
  /** AES-GCM and CRC-32 of the runtime. */
  readonly crypto: Crypto = denoCrypto;

  private constructor(options: DenoTransportOptions, sockets: BoundSockets) {
    super(options, runtime, sockets);
  }

  /**
   * Binds everything, or nothing: when one address fails, what was bound before is closed again.
   *
   * @throws MemberlistError `invalid_argument`, or `bind_failed`
   */
  static async create(options: DenoTransportOptions): Promise<DenoTransport> {
    checkOptions("DenoTransport.create", options, socketTransportRules, ["bindAddrs", "bindPort"]);
    return new DenoTransport(options, await bindSockets(options, runtime, createTransportLog(options)));
  }

  /** One that binds nothing: it dials and resolves names, and cannot send packets. */
  static dialOnly(options: Pick<DenoTransportOptions, "logger" | "logOutput"> = {}): DenoTransport {
    return new DenoTransport({ ...options, bindAddrs: [], bindPort: 0 }, noSockets(createTransportLog(options)));
  }
}
