import { AsyncLocalStorage } from "node:async_hooks";
import * as diagnostics from "node:diagnostics_channel";
import type { Config, Memberlist, ResolvedConfig } from "@memberlist/core";
import { contextClock, createWithTransport, resolveConfig } from "@memberlist/core/internal";
import { systemClock } from "@memberlist/core/transport";
import { NodeTransport } from "./node-transport.ts";
import type { WorkerOptions } from "./worker-pool.ts";

/** The config of a member on UDP and TCP: the core's, and how its transport works. */
export interface NodeConfig extends Config {
  /** Threads for long stream messages. Not together with a `transport` of your own. */
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
 * @throws ConfigError `invalid_config`
 * @throws MemberlistError `bind_failed`, `advertise_address_failed`, `meta_too_large`
 */
export async function createMemberlist(options: NodeConfig): Promise<Memberlist> {
  // resolveConfig refuses null and undefined.
  const {
    workers,
    streamOnly,
    clock = contextClock(systemClock(), AsyncLocalStorage.snapshot()),
    ...config
  } = options ?? resolveConfig(options);
  const open = ({ bindAddr, bindPort, logger, logOutput }: ResolvedConfig): Promise<NodeTransport> =>
    NodeTransport.create({ bindAddrs: [bindAddr], bindPort, logger, logOutput, workers, udp: streamOnly !== true });
  return createWithTransport({ ...config, clock }, { workers, streamOnly }, open, { diagnostics });
}
