import {
  createMemberlist as createOnTransport,
  type Config,
  type Memberlist,
  type ResolvedConfig,
  type Transport,
} from "@memberlist/core";
import { configError, resolveConfig } from "@memberlist/core/internal";
import { streamOnly as overStreams } from "@memberlist/core/transport";
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

/** A transport, and the port that it is bound to. */
interface Bound {
  readonly transport: Transport;
  readonly port: number;
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
  const { streamOnly = false, quic, clock = denoClock(), ...rest } = options ?? resolveConfig(options);
  const config: Config = { ...rest, clock };
  if (typeof streamOnly !== "boolean") {
    throw configError("streamOnly", "must be true or false");
  }
  const how = [...(streamOnly ? ["streamOnly"] : []), ...(quic === undefined ? [] : ["quic"])];
  if (how.length > 1) throw configError("streamOnly", "excludes quic: set one of them");
  if (config.transport !== undefined) {
    if (how.length === 0) return createOnTransport(config);
    throw configError("transport", `leave out ${how.join()} beside it: that is for the transport that is made here`);
  }
  const resolved = resolveConfig(config);
  const { port, transport } = await (quic === undefined ? overSockets(resolved, streamOnly) : overQuic(resolved, quic));
  try {
    return await createOnTransport({ ...config, bindPort: port, transport });
  } catch (error) {
    await transport.shutdown();
    throw error;
  }
}

async function overSockets(config: ResolvedConfig, streamOnly: boolean): Promise<Bound> {
  const { bindAddr, bindPort, logger, logOutput } = config;
  const sockets = await DenoTransport.create({ bindAddrs: [bindAddr], bindPort, logger, logOutput, udp: !streamOnly });
  const { bindPort: port } = sockets;
  return { port, transport: streamOnly ? overStreams(sockets, { port }) : sockets };
}

async function overQuic(config: ResolvedConfig, quic: QuicConfig): Promise<Bound> {
  const transport = await quicTransportFor(config, quic);
  return { port: transport.bindPort, transport };
}
