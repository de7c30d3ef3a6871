import { MemberlistError, type ResolvedConfig } from "@memberlist/core";
import { Credentials } from "./credentials.ts";
import type { QuicConfig } from "./quic-config.ts";
import { QuicTransport } from "./quic-transport.ts";

/**
 * The QUIC transport that a member's config asks for. Its certificate has to be for the name and label of the config.
 *
 * @throws MemberlistError `invalid_config`, or `bind_failed`
 */
export async function quicTransportFor(config: ResolvedConfig, quic: QuicConfig): Promise<QuicTransport> {
  const { name, label, bindAddr, bindPort, logger, logOutput } = config;
  // Looked at before a port is bound: Deno would not free it at once.
  const { identity } = await Credentials.read(quic);
  if (identity.name === name && identity.label === label)
    return QuicTransport.create({ ...quic, bindAddr, bindPort, logger, logOutput });
  const issued = `node ${JSON.stringify(identity.name)} with label ${JSON.stringify(identity.label)}`;
  const message = `quic.certificate: it is for ${issued}, and the config is for ${JSON.stringify(name)} with ${JSON.stringify(label)}`;
  throw new MemberlistError("invalid_config", message, {
    details: { field: "quic.certificate", certified: identity, name, label },
  });
}
