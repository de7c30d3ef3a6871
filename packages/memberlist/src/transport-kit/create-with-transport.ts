import { configError } from "../api/errors.ts";
import { resolveConfig } from "../config/resolve.ts";
import type { Config, ResolvedConfig } from "../config/config.ts";
import { createInstrumented, type Memberlist } from "../memberlist.ts";
import type { Instruments } from "../create.ts";
import type { Transport } from "../ports/transport.ts";
import { streamOnly as overStreams } from "../stream-only/stream-only.ts";

/**
 * Starts a member on a transport that is made for it, or on the one that the config brings.
 *
 * @param own what a transport package adds to the config; only the transport that is made here uses it
 * @param open makes that transport, bound to `bindAddr` and `bindPort`
 * @param instruments what the runtime brings besides the transport
 * @throws ConfigError `invalid_config`; what `open` or the core's `createMemberlist` throws. No socket stays open then.
 */
export async function createWithTransport(
  config: Config,
  own: { readonly streamOnly?: boolean } & Readonly<Record<string, unknown>>,
  open: (resolved: ResolvedConfig) => Promise<Transport & { readonly bindPort: number }>,
  instruments: Instruments,
): Promise<Memberlist> {
  const { streamOnly = false } = own;
  if (typeof streamOnly !== "boolean") throw configError("streamOnly", "must be true or false");
  if (config.transport !== undefined) {
    const names = Object.keys(own).filter((name) => own[name] !== undefined && own[name] !== false);
    if (names.length === 0) return createInstrumented(config, instruments);
    throw configError(
      "transport",
      `leave out ${names.join(" and ")} beside it: only the transport that createMemberlist makes uses it`,
    );
  }
  const made = await open(resolveConfig(config, Object.keys(own)));
  const { bindPort } = made;
  const transport = streamOnly ? overStreams(made, { port: bindPort }) : made;
  return createInstrumented({ ...config, bindPort, transport }, instruments);
}
