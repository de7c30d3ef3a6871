import { createMemberlist as createOnTransport, resolveConfig, type Config, type Memberlist } from "@memberlist/core";
import { DenoTransport } from "./deno-transport.ts";

/**
 * Starts a member on Deno. Without `config.transport`, UDP and TCP are bound on `config.bindAddr` and `config.bindPort` (0: a
 * free port; the effective one becomes the member's `bindPort`).
 *
 * Start is atomic: a wrong config opens no socket, and when anything fails later the sockets are closed again.
 *
 * Permissions: `--allow-net`, and `--unstable-net` for UDP. See {@link DenoTransport} for what others add.
 *
 * @throws MemberlistError `invalid_config`, `bind_failed`, `advertise_address`, or what the core's `createMemberlist` throws
 */
export async function createMemberlist(config: Config): Promise<Memberlist> {
  if (config.transport !== undefined) return createOnTransport(config);
  const { bindAddr, bindPort, logger, logOutput } = resolveConfig(config);
  const transport = await DenoTransport.create({ bindAddrs: [bindAddr], bindPort, logger, logOutput });
  try {
    return await createOnTransport({ ...config, bindPort: transport.bindPort, transport });
  } catch (error) {
    await transport.shutdown();
    throw error;
  }
}
