import { AsyncLocalStorage } from "node:async_hooks";
import * as diagnostics from "node:diagnostics_channel";
import type { Clock, Config, Memberlist, ResolvedConfig } from "@memberlist/core";
import {
  checkConfigPart,
  configError,
  contextClock,
  createInThread,
  createWithTransport,
  resolveConfig,
  type Instruments,
  type ThreadConfig,
} from "@memberlist/core/internal";
import { denoClock } from "./deno-clock.ts";
import { DenoTransport } from "./deno-transport.ts";
import { type QuicConfig, quicRequired, quicRules } from "./quic/quic-options.ts";
import { Credentials } from "./quic/credentials.ts";
import { QuicTransport } from "./quic/quic-transport.ts";
import { startThread } from "./start-thread.ts";

/** The core's config, and how the member's transport works. */
export interface DenoConfig extends Config {
  /**
   * For networks that block UDP: packets go over pooled TCP connections, and no UDP socket is bound, so that `--unstable-net` is not
   * needed. All members should do so; see docs/guide/transports.md for what works with members that do not. Default false.
   */
  readonly streamOnly?: boolean;
  /**
   * Talk QUIC instead of UDP and TCP: encrypted, each peer proven to be the node that it says it is. Experimental; all members have to, and
   * Go's cannot. See docs/guide/quic.md.
   */
  readonly quic?: QuicConfig;
  /**
   * Run the member in a worker of its own: sockets, protocol, encryption and compression go on while the application's event loop is blocked.
   * The API stays the same. `"prefer"`: on the event loop where no worker can be started. See docs/guide/threads.md. Default false.
   *
   * A worker that is loaded from local files needs `--allow-read` for them: this package and those that it imports (`node_modules`), and
   * `thread.module`. The worker has the permissions of the application. A bundled application passes `thread: { entry }`, a bundle of
   * `@memberlist/transport-deno/thread`.
   */
  readonly thread?: ThreadConfig;
}

/**
 * Starts a member on Deno. Without `config.transport`, UDP and TCP (or QUIC) are bound on `config.bindAddr` and `config.bindPort` (0: a
 * free port; the effective one becomes the member's `bindPort`).
 *
 * Start is atomic: a wrong config opens no socket, and when anything fails later the sockets are closed again.
 *
 * Permissions: `--allow-net`, and `--unstable-net` for UDP and QUIC. See {@link DenoTransport} for what others add.
 *
 * @throws ConfigError `invalid_config`
 * @throws MemberlistError `bind_failed`, `advertise_address_failed`, `meta_too_large`; `unsupported` without `--unstable-net`; with `thread` also
 * `thread_unavailable`, `thread_failed`
 */
export async function createMemberlist(options: DenoConfig): Promise<Memberlist> {
  // resolveConfig refuses null and undefined.
  const { thread = false, ...all } = options ?? resolveConfig(options);
  if (thread === false) return createOnEventLoop(all, { diagnostics });
  const { streamOnly, quic, ...config } = all;
  return createInThread({
    config,
    own: { streamOnly, quic },
    thread,
    clock: ownClock(),
    startThread,
    onEventLoop: (module) => createOnEventLoop({ ...all, ...module }, { diagnostics }),
    load: loadModule,
    diagnostics,
  });
}

/** Starts a member on the event loop of this thread. */
export async function createOnEventLoop(options: Omit<DenoConfig, "thread">, instruments: Instruments): Promise<Memberlist> {
  const { streamOnly, quic, clock = ownClock(), ...config } = options;
  if (streamOnly === true && quic !== undefined) throw configError("streamOnly", "excludes quic: set one of them");
  const open = (resolved: ResolvedConfig): Promise<QuicTransport | DenoTransport> => {
    if (quic !== undefined) return quicTransportFor(resolved, quic);
    const { bindAddr, bindPort, logger, logOutput } = resolved;
    return DenoTransport.create({ bindAddrs: [bindAddr], bindPort, logger, logOutput, udp: streamOnly !== true });
  };
  return createWithTransport({ ...config, clock }, { streamOnly, quic }, open, instruments);
}

/** Runs callbacks in the async context of the code that starts a member. */
function ownClock(): Clock {
  return contextClock(denoClock(), AsyncLocalStorage.snapshot());
}

/** Imports the module of `thread.module`. */
export function loadModule(url: string): Promise<unknown> {
  return import(url);
}

/**
 * The QUIC transport that a member's config asks for. Its certificate has to be for the name and label of the config.
 *
 * @throws ConfigError `invalid_config`; MemberlistError `bind_failed`
 */
async function quicTransportFor(config: ResolvedConfig, quic: QuicConfig): Promise<QuicTransport> {
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
