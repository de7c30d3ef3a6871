import { AsyncLocalStorage } from "node:async_hooks";
import * as diagnostics from "node:diagnostics_channel";
import type { Config, Memberlist, ResolvedConfig } from "@memberlist/core";
import { checkConfigPart, configError, contextClock, createWithTransport, resolveConfig } from "@memberlist/core/internal";
import { denoClock } from "./deno-clock.ts";
import { DenoTransport } from "./deno-transport.ts";
import { type QuicConfig, quicRequired, quicRules } from "./quic/quic-config.ts";
import { Credentials } from "./quic/credentials.ts";
import { QuicTransport } from "./quic/quic-transport.ts";

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
  const {
    streamOnly,
    quic,
    clock = contextClock(denoClock(), AsyncLocalStorage.snapshot()),
    ...config
  } = options ?? resolveConfig(options);
  if (streamOnly === true && quic !== undefined) throw configError("streamOnly", "excludes quic: set one of them");
  const open = (resolved: ResolvedConfig): Promise<QuicTransport | DenoTransport> => {
    if (quic !== undefined) return quicTransportFor(resolved, quic);
    const { bindAddr, bindPort, logger, logOutput } = resolved;
    return DenoTransport.create({ bindAddrs: [bindAddr], bindPort, logger, logOutput, udp: streamOnly !== true });
  };
  return createWithTransport({ ...config, clock }, { streamOnly, quic }, open, { diagnostics });
}

/**
 * The QUIC transport that a member's config asks for. Its certificate has to be for the name and label of the config.
 *
 * @throws ConfigError `invalid_config`; MemberlistError `bind_failed`
 */
async function quicTransportFor(config: ResolvedConfig, quic: QuicConfig): Promise<QuicTransport> {
  const { name, label, bindAddr, bindPort, logger, logOutput } = config;
  checkConfigPart("quic", quic, quicRules, quicRequired);
  // Looked at before a port is bound: Deno would not free it at once.
  const { identity } = await Credentials.read(quic);
  if (identity.name === name && identity.label === label)
    return QuicTransport.create({ ...quic, bindAddr, bindPort, logger, logOutput });
  const issued = `node ${JSON.stringify(identity.name)} with label ${JSON.stringify(identity.label)}`;
  const message = `it is for ${issued}, and the config is for ${JSON.stringify(name)} with ${JSON.stringify(label)}`;
  throw configError("quic.certificate", message);
}
