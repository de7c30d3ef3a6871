import {
  createMemberlist as createOnTransport,
  MemberlistError,
  resolveConfig,
  streamOnly as overStreams,
  type Config,
  type Memberlist,
} from "@memberlist/core";
import { DenoTransport } from "./deno-transport.ts";

/** What a member on UDP and TCP is told: the core's config, and how its transport works. */
export interface DenoConfig extends Config {
  /**
   * For networks that block UDP: packets go over pooled TCP connections, and no UDP socket is bound, so that `--unstable-net` is not
   * needed. All members should do so; see docs/writing-a-transport.md for what works with members that do not. Default false.
   */
  readonly streamOnly?: boolean;
}

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
export async function createMemberlist({ streamOnly = false, ...config }: DenoConfig): Promise<Memberlist> {
  if (config.transport !== undefined) {
    if (!streamOnly) return createOnTransport(config);
    throw new MemberlistError("invalid_config", "streamOnly: the transport is given, and has its own");
  }
  const { bindAddr, bindPort, logger, logOutput } = resolveConfig(config);
  const sockets = await DenoTransport.create({ bindAddrs: [bindAddr], bindPort, logger, logOutput, udp: !streamOnly });
  const { bindPort: port } = sockets;
  const transport = streamOnly ? overStreams(sockets, { port }) : sockets;
  try {
    return await createOnTransport({ ...config, bindPort: port, transport });
  } catch (error) {
    await transport.shutdown();
    throw error;
  }
}
