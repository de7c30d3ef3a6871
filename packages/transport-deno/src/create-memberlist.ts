import type { Config, Memberlist } from "@memberlist/core";
import { configError, createWithTransport, resolveConfig } from "@memberlist/core/internal";
import { denoClock } from "./deno-clock.ts";
import { DenoTransport } from "./deno-transport.ts";
import { quicTransportFor } from "./quic/for-config.ts";
import type { QuicConfig } from "./quic/quic-config.ts";

/** The core's config, and how the member's transport works. */
export interface DenoConfig extends Config {
  /**
   * For networks that block UDP: packets go over pooled TCP connections, and no UDP socket is bound, so that `--unstable-net` is not
   * needed. All members should do so; see docs/guide/transports.md for what works with members that do not. Default false.
   */
  readonly streamOnly?: boolean;
  /**
   * Talk QUIC instead of UDP and TCP: encrypted, each peer proven to be the node that it says it is. Experimental; all members have to, and
   * Go's cannot. See docs/guide/quic.md.
   */
  readonly quic?: QuicConfig;
}

/**
 * Starts a member on Deno. Without `config.transport`, UDP and TCP (or QUIC) are bound on `config.bindAddr` and `config.bindPort` (0: a
 * free port; the effective one becomes the member's `bindPort`).
 *
 * Start is atomic: a wrong config opens no socket, and when anything fails later the sockets are closed again.
 *
 * Permissions: `--allow-net`, and `--unstable-net` for UDP and QUIC. See {@link DenoTransport} for what others add.
 *
 * @throws ConfigError `invalid_config`
 * @throws MemberlistError `bind_failed`, `advertise_address_failed`, `meta_too_large`; `unsupported` without `--unstable-net`
 */
export async function createMemberlist(options: DenoConfig): Promise<Memberlist> {
  // resolveConfig refuses null and undefined.
  const { streamOnly, quic, clock = denoClock(), ...config } = options ?? resolveConfig(options);
  if (streamOnly === true && quic !== undefined) throw configError("streamOnly", "excludes quic: set one of them");
  return createWithTransport({ ...config, clock }, { streamOnly, quic }, (resolved) => {
    if (quic !== undefined) return quicTransportFor(resolved, quic);
    const { bindAddr, bindPort, logger, logOutput } = resolved;
    return DenoTransport.create({ bindAddrs: [bindAddr], bindPort, logger, logOutput, udp: streamOnly !== true });
  });
}
