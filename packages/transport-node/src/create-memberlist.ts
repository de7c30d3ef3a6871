import {
  createMemberlist as createOnTransport,
  MemberlistError,
  resolveConfig,
  type Config,
  type Memberlist,
} from "@memberlist/core";
import type { WorkerOptions } from "./codec-pool.ts";
import { NodeTransport } from "./node-transport.ts";

/** What a member on UDP and TCP is told: the core's config, and how its transport works. */
export interface NodeConfig extends Config {
  /** For the transport that is made here; with one of your own, `invalid_config`. */
  readonly workers?: WorkerOptions;
}

/**
 * Starts a member. Without `config.transport`, UDP and TCP are bound on `config.bindAddr` and `config.bindPort` (0: a free
 * port; the effective one becomes the member's `bindPort`).
 *
 * Start is atomic: a wrong config opens no socket, and when anything fails later the sockets are closed again.
 *
 * @throws MemberlistError `invalid_config`, `bind_failed`, `advertise_address`, or what the core's `createMemberlist` throws
 */
export async function createMemberlist({ workers, ...config }: NodeConfig): Promise<Memberlist> {
  if (config.transport !== undefined) {
    if (workers === undefined) return createOnTransport(config);
    throw new MemberlistError("invalid_config", "workers: the transport is given, and has its own");
  }
  const { bindAddr, bindPort, logger, logOutput } = resolveConfig(config);
  const transport = await NodeTransport.create({ bindAddrs: [bindAddr], bindPort, logger, logOutput, workers });
  try {
    return await createOnTransport({ ...config, bindPort: transport.bindPort, transport });
  } catch (error) {
    await transport.shutdown();
    throw error;
  }
}
