import {
  createMemberlist as createOnTransport,
  MemberlistError,
  resolveConfig,
  streamOnly as overStreams,
  type Config,
  type Memberlist,
} from "@memberlist/core";
import type { WorkerOptions } from "./worker-pool.ts";
import { NodeTransport } from "./node-transport.ts";

/** What a member on UDP and TCP is told: the core's config, and how its transport works. */
export interface NodeConfig extends Config {
  /** For the transport that is made here; with one of your own, `invalid_config`. */
  readonly workers?: WorkerOptions;
  /**
   * For networks that block UDP: packets go over pooled TCP connections, and no UDP socket is bound. All members should do so; see
   * docs/guide/transports.md for what works with members that do not. Default false.
   */
  readonly streamOnly?: boolean;
}

/**
 * Starts a member. Without `config.transport`, UDP and TCP are bound on `config.bindAddr` and `config.bindPort` (0: a free
 * port; the effective one becomes the member's `bindPort`).
 *
 * Start is atomic: a wrong config opens no socket, and when anything fails later the sockets are closed again.
 *
 * @throws MemberlistError `invalid_config`, `bind_failed`, `advertise_address`, or what the core's `createMemberlist` throws
 */
export async function createMemberlist(options: NodeConfig): Promise<Memberlist> {
  // The core says what is wrong with what is no object at all.
  const { workers, streamOnly = false, ...config } = options ?? resolveConfig(options);
  if (typeof streamOnly !== "boolean") {
    throw new MemberlistError("invalid_config", "streamOnly must be true or false", { details: { fields: ["streamOnly"] } });
  }
  if (config.transport !== undefined) {
    if (workers === undefined && !streamOnly) return createOnTransport(config);
    throw new MemberlistError(
      "invalid_config",
      "leave out workers and streamOnly where config.transport is given: they are for the transport that is made here",
    );
  }
  const { bindAddr, bindPort, logger, logOutput } = resolveConfig(config);
  const sockets = await NodeTransport.create({ bindAddrs: [bindAddr], bindPort, logger, logOutput, workers, udp: !streamOnly });
  const { bindPort: port } = sockets;
  const transport = streamOnly ? overStreams(sockets, { port }) : sockets;
  try {
    return await createOnTransport({ ...config, bindPort: port, transport });
  } catch (error) {
    await transport.shutdown();
    throw error;
  }
}
