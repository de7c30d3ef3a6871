import { errnoOf, errorMessage, MemberlistError } from "../api/errors.ts";
import { systemClock } from "../ports/clock.ts";
import type { Logger, LogOutput } from "../ports/logger.ts";
import { createLog, type Log } from "../ports/log.ts";
import { planBind, type BindTarget } from "./bind-target.ts";
import type { Connection } from "./tcp-stream.ts";
import { UdpSocket, type DatagramSocket } from "./udp-socket.ts";

export interface BindOptions {
  /** Literal IPs, at least one. Packets leave by the first address that fits the receiver. */
  readonly bindAddrs: readonly string[];
  /** For TCP and UDP on every address. 0: the kernel chooses one that is free for all of them. */
  readonly bindPort: number;
  /** Default: text to `logOutput`, else the console from "warn" on. */
  readonly logger?: Logger;
  /** Receives the log as lines of text; not together with `logger`. */
  readonly logOutput?: LogOutput;
  /** Packets that wait for the kernel in a socket's queue, from which on `writeTo` answers false. Default 256. */
  readonly sendHighWaterMark?: number;
  /** Packets that may wait in a socket's queue (and 16 MiB in all); further ones are dropped with `limit_exceeded`. Default 4,096. */
  readonly maxPendingSends?: number;
  /** False: no UDP socket is bound, and packets cannot be sent; for `streamOnly`. Default true. */
  readonly udp?: boolean;
}

/** Connections that the kernel keeps until they are accepted, unless its own limit is lower: a flood must not make it drop others. */
export const listenBacklog = 4096;

/** The runtime's listening TCP socket, which goes on after errors of accept. */
export interface ConnectionListener {
  readonly port: number;
  readonly acceptErrors: number;
  /** Delivers connections, those included that came before. */
  start(onConnection: (connection: Connection) => void): void;
  /** Stops accepting. Resolves when the listening socket is gone. */
  close(): Promise<void>;
}

/** Where a socket is to be bound. */
export interface Binding {
  readonly target: BindTarget;
  /** 0: the kernel chooses. */
  readonly port: number;
  readonly log: Log;
}

/** How a runtime binds. Both throw the runtime's own error. */
export interface SocketBinder {
  bindUdp(binding: Binding): DatagramSocket | Promise<DatagramSocket>;
  listenTcp(binding: Binding): ConnectionListener | Promise<ConnectionListener>;
}

export interface BoundSockets {
  readonly log: Log;
  readonly port: number;
  readonly targets: readonly BindTarget[];
  readonly udp: readonly UdpSocket[];
  readonly tcp: readonly ConnectionListener[];
}

const bindAttempts = 10;

export function createTransportLog({ logger, logOutput }: Pick<BindOptions, "logger" | "logOutput">): Log {
  return createLog({ logger, logOutput, clock: systemClock() });
}

/**
 * Binds everything, or nothing: when one address fails, the sockets that were bound before are closed again.
 *
 * @throws MemberlistError `invalid_argument`, or `bind_failed`
 */
export async function bindSockets(options: BindOptions, binder: SocketBinder, log: Log): Promise<BoundSockets> {
  const targets = planBind(options.bindAddrs);
  for (let attempt = 1; ; attempt++) {
    try {
      return await bindAll(options, binder, targets, log);
    } catch (error) {
      // The kernel chose the port for the first socket only; another process may have it for the next one. Then it is tried again.
      const details = error instanceof MemberlistError ? error.details : {};
      if (options.bindPort !== 0 || details["errno"] !== "EADDRINUSE" || attempt === bindAttempts) throw error;
      log.debug("bind_retried", "the port that the kernel chose is not free for all sockets", { ...details, attempt });
    }
  }
}

/** The sockets of a transport that only dials. */
export function noSockets(log: Log): BoundSockets {
  return { log, port: 0, targets: [], udp: [], tcp: [] };
}

async function bindAll(
  options: BindOptions,
  binder: SocketBinder,
  targets: readonly BindTarget[],
  log: Log,
): Promise<BoundSockets> {
  const { sendHighWaterMark: highWaterMark = 256, maxPendingSends: maxPending = 4096 } = options;
  const udp: UdpSocket[] = [];
  const tcp: ConnectionListener[] = [];
  let port = options.bindPort;
  try {
    for (const target of targets) {
      const listener = await bind("TCP", { target, port, log }, (binding) => binder.listenTcp(binding));
      tcp.push(listener);
      port = listener.port;
      if (options.udp === false) continue;
      const socket = await bind("UDP", { target, port, log }, (binding) => binder.bindUdp(binding));
      udp.push(new UdpSocket(socket, { target, log, highWaterMark, maxPending }));
    }
    return { log, port, targets, udp, tcp };
  } catch (error) {
    await Promise.all([...udp, ...tcp].map((socket) => socket.close()));
    throw error;
  }
}

async function bind<T>(protocol: "TCP" | "UDP", binding: Binding, open: (binding: Binding) => T | Promise<T>): Promise<T> {
  try {
    return await open(binding);
  } catch (error) {
    throw error instanceof MemberlistError ? error : bindError(protocol, binding.target, binding.port, error as Error);
  }
}

/** Advice for each error of binding. It names the config's field, and the variable that `configFromEnv` reads. */
const bindHints: Readonly<Record<string, string>> = {
  EADDRINUSE:
    ". Another process uses the port: end it, or set bindPort (or MEMBERLIST_BIND) to another port (0 takes a free one)",
  EADDRNOTAVAIL: ". This machine does not have the address: set bindAddr (or MEMBERLIST_BIND) to one that it has",
  EACCES: ". This user may not use the port: set bindPort (or the port of MEMBERLIST_BIND) to 1024 or more",
};

export function bindError(protocol: "TCP" | "UDP", target: BindTarget, port: number, error: Error): MemberlistError {
  const errno = errnoOf(error);
  const hint = errno === undefined ? "" : (bindHints[errno] ?? "");
  return new MemberlistError("bind_failed", `binding ${protocol} ${target.address} port ${port}: ${errorMessage(error)}${hint}`, {
    cause: error,
    details: { protocol, address: target.address, port, errno },
  });
}
