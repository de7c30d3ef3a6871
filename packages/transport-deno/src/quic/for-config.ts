import { MemberlistError, type ResolvedConfig } from "@memberlist/core";
import { QuicTransport, type QuicConfig } from "./quic-transport.ts";

/**
 * The QUIC transport that a member's config asks for. Its certificate has to be for the name and label of the config.
 *
 * @throws MemberlistError `invalid_config`, or `bind_failed`
 */
export async function quicTransportFor(config: ResolvedConfig, quic: QuicConfig): Promise<QuicTransport> {
  const { name, label, bindAddr, bindPort, logger, logOutput } = config;
  const transport = await QuicTransport.create({ ...quic, bindAddr, bindPort, logger, logOutput });
  const { identity } = transport;
  if (identity.name === name && identity.label === label) return transport;
  await transport.shutdown();
  const issued = `node ${JSON.stringify(identity.name)} with label ${JSON.stringify(identity.label)}`;
  const message = `quic.certificate: it is for ${issued}, and the config is for ${JSON.stringify(name)} with ${JSON.stringify(label)}`;
  throw new MemberlistError("invalid_config", message, {
    details: { field: "quic.certificate", certified: identity, name, label },
  });
}
