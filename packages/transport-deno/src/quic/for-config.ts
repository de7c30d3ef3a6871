import type { ResolvedConfig } from "@memberlist/core";
import { checkConfigPart, configError } from "@memberlist/core/internal";
import { Credentials } from "./credentials.ts";
import { quicRequired, quicRules, type QuicConfig } from "./quic-config.ts";
import { QuicTransport } from "./quic-transport.ts";

/**
 * The QUIC transport that a member's config asks for. Its certificate has to be for the name and label of the config.
 *
 * @throws ConfigError `invalid_config`; MemberlistError `bind_failed`
 */
export async function quicTransportFor(config: ResolvedConfig, quic: QuicConfig): Promise<QuicTransport> {
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
