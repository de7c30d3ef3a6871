import { createServer, type Server, type ServerOpts, type Socket } from "node:net";
import { systemClock, type Clock, type ClockTimer } from "@memberlist/core";
import { bindError, errnoOf, type BindTarget, type Log } from "@memberlist/core/internal";

/** Delays after errors of the listening socket, in ms: doubling from the first to the last. Source: the Go transport. */
const firstDelay = 5;
const lastDelay = 1000;
/** Connections that the kernel keeps until they are accepted, unless its own limit is lower: a flood must not make it drop others. */
const backlog = 4096;
/** Errors of one incoming connection, not of the listening socket: the next one may well be fine. */
const perConnection: ReadonlySet<string | undefined> = new Set(["ECONNABORTED", "EPROTO", "EPERM", "ECONNRESET"]);

export interface TcpListenerOptions {
  readonly target: BindTarget;
  /** 0: the kernel chooses. */
  readonly port: number;
  readonly log: Log;
  /** Gets each connection; it takes over its error events at once. */
  readonly onSocket: (socket: Socket) => void;
  /** For tests. */
  readonly clock?: Pick<Clock, "setTimeout" | "clearTimeout">;
  readonly createServer?: (options: ServerOpts) => Server;
}

/**
 * A listening socket that survives errors of accept. Node has no way to pause accepting, and an error such as ENFILE comes again
 * on each turn of the event loop, which would starve the failure detector; so the socket is closed and opened again after
 * 5 ms, doubling up to 1 s until a connection gets through. Connections that are open live on.
 */
export class TcpListener {
  readonly target: BindTarget;
  readonly port: number;
  acceptErrors = 0;
  readonly #options: TcpListenerOptions;
  readonly #clock: Pick<Clock, "setTimeout" | "clearTimeout">;
  #server: Server;
  #delay = 0;
  #timer: ClockTimer = undefined;
  #reopening: Promise<void> = Promise.resolve();
  #closing: Promise<void> | undefined;

  private constructor(server: Server, options: TcpListenerOptions) {
    this.#server = server;
    this.#options = options;
    this.#clock = options.clock ?? systemClock();
    this.target = options.target;
    const bound = server.address();
    this.port = bound !== null && typeof bound === "object" ? bound.port : options.port;
    this.#adopt(server);
  }

  /** @throws MemberlistError `bind_failed` */
  static listen(options: TcpListenerOptions): Promise<TcpListener> {
    const { target, port } = options;
    return new Promise((resolve, reject) => {
      const server = open(options);
      const fail = (error: Error): void => reject(bindError("TCP", target, port, error));
      server.once("error", fail);
      server.listen(listenOptions(target, port), () => {
        server.off("error", fail);
        resolve(new TcpListener(server, options));
      });
    });
  }

  /** Stops accepting. Resolves when the listening socket, and the connections that came in by it, are gone. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    if (this.#timer !== undefined) this.#clock.clearTimeout(this.#timer);
    // To listen takes Node a moment, and a server closed within that moment would listen all the same.
    await this.#reopening;
    // A server that is not listening calls that an error; here it is just as good.
    await new Promise<void>((resolve) => void this.#server.close(() => resolve()));
  }

  #adopt(server: Server): void {
    server.on("connection", (socket: Socket) => {
      this.#delay = 0;
      this.#options.onSocket(socket);
    });
    server.on("error", (error: Error) => this.#failed(server, error));
  }

  #failed(server: Server, error: Error): void {
    if (this.#closing !== undefined || server !== this.#server) return;
    this.acceptErrors++;
    const { log, target } = this.#options;
    const fields = { address: target.address, port: this.port, error };
    if (server.listening && perConnection.has(errnoOf(error))) {
      log.warn("tcp_accept_error", `accepting a TCP connection: ${error.message}`, fields);
      return;
    }
    if (this.#timer !== undefined) return;
    this.#delay = this.#delay === 0 ? firstDelay : Math.min(this.#delay * 2, lastDelay);
    log.error("tcp_listen_error", `the TCP listener failed: ${error.message}`, { ...fields, retryAfter: this.#delay });
    server.close(() => undefined);
    this.#timer = this.#clock.setTimeout(() => this.#reopen(), this.#delay);
  }

  #reopen(): void {
    this.#timer = undefined;
    const server = open(this.#options);
    this.#server = server;
    this.#adopt(server);
    this.#reopening = new Promise((resolve) => {
      server.once("error", () => resolve());
      server.listen(listenOptions(this.target, this.port), () => resolve());
    });
  }
}

function open(options: TcpListenerOptions): Server {
  return (options.createServer ?? createServer)({ allowHalfOpen: true, noDelay: true });
}

function listenOptions(
  target: BindTarget,
  port: number,
): { host: string; port: number; ipv6Only: boolean; exclusive: true; backlog: number } {
  return { host: target.address, port, ipv6Only: target.ipv6Only, exclusive: true, backlog };
}
