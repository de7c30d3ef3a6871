import { AsyncLocalStorage } from "node:async_hooks";
import * as diagnostics from "node:diagnostics_channel";
import type { Clock, Config, Memberlist, ResolvedConfig } from "@memberlist/core";
import {
  contextClock,
  createInThread,
  createWithTransport,
  resolveConfig,
  type Instruments,
  type ThreadConfig,
} from "@memberlist/core/internal";
import { systemClock } from "@memberlist/core/transport";
import { NodeTransport } from "./node-transport.ts";
import { startThread } from "./start-thread.ts";
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
  /**
   * Run the member in a worker thread of its own: sockets, protocol, encryption and compression go on while the application's event loop is
   * blocked. The API stays the same. `"prefer"`: on the event loop where no thread can be started. See docs/guide/threads.md. Default false.
   *
   * With Node's `--permission` it needs `--allow-worker`, and `--allow-fs-read` for this package. A bundled application passes
   * `thread: { entry }`, a bundle of `@memberlist/transport-node/thread`.
   */
  readonly thread?: ThreadConfig;
}

/**
 * Starts a member. Without `config.transport`, UDP and TCP are bound on `config.bindAddr` and `config.bindPort` (0: a free
 * port; the effective one becomes the member's `bindPort`).
 *
 * Start is atomic: a wrong config opens no socket, and when anything fails later the sockets are closed again.
 *
 * @throws ConfigError `invalid_config`
 * @throws MemberlistError `bind_failed`, `advertise_address_failed`, `meta_too_large`; with `thread` also `thread_unavailable`, `thread_failed`
 */
export async function createMemberlist(options: NodeConfig): Promise<Memberlist> {
  // resolveConfig refuses null and undefined.
  const { thread = false, ...all } = options ?? resolveConfig(options);
  if (thread === false) return createOnEventLoop(all, { diagnostics });
  const { workers, streamOnly, ...config } = all;
  const hasModule = typeof thread === "object" && thread.module !== undefined;
  return createInThread({
    config,
    own: { workers, streamOnly },
    thread,
    clock: ownClock(),
    startThread: (entry) => startThread(entry, hasModule),
    onEventLoop: (module) => createOnEventLoop({ ...all, ...module }, { diagnostics }),
    load: loadModule,
    diagnostics,
  });
}

/** Starts a member on the event loop of this thread. */
export async function createOnEventLoop(options: Omit<NodeConfig, "thread">, instruments: Instruments): Promise<Memberlist> {
  const { workers, streamOnly, clock = ownClock(), ...config } = options;
  const open = ({ bindAddr, bindPort, logger, logOutput }: ResolvedConfig): Promise<NodeTransport> =>
    NodeTransport.create({ bindAddrs: [bindAddr], bindPort, logger, logOutput, workers, udp: streamOnly !== true });
  return createWithTransport({ ...config, clock }, { workers, streamOnly }, open, instruments);
}

/** Imports the module of `thread.module`. */
export function loadModule(url: string): Promise<unknown> {
  return import(/* webpackIgnore: true */ url);
}

/** Runs callbacks in the async context of the code that starts a member. */
function ownClock(): Clock {
  return contextClock(systemClock(), AsyncLocalStorage.snapshot());
}
