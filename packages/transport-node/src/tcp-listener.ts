import { createServer, type ListenOptions, type Server, type ServerOpts, type Socket } from "node:net";
import type { Clock } from "@memberlist/core";
import {
  Backoff,
  errnoOf,
  listenBacklog,
  type Binding,
  type Connection,
  type ConnectionListener,
} from "@memberlist/core/internal";
import { TcpConnection } from "./tcp-connection.ts";

/** Errors of one incoming connection, not of the listening socket: the next one may well be fine. */
const perConnection: ReadonlySet<string | undefined> = new Set(["ECONNABORTED", "EPROTO", "EPERM", "ECONNRESET"]);

/** For tests. */
export interface TcpListenerParts {
  readonly clock?: Pick<Clock, "setTimeout" | "clearTimeout">;
  readonly createServer?: (options: ServerOpts) => Server;
}

/**
 * A listening socket that survives errors of accept. Node has no way to pause accepting, and an error such as ENFILE comes again
 * on each turn of the event loop, which would starve the failure detector; so the socket is closed and opened again after
 * 5 ms, doubling up to 1 s until a connection gets through. Connections that are open live on.
 */
export class TcpListener implements ConnectionListener {
  readonly port: number;
  acceptErrors = 0;
  readonly #binding: Binding;
  readonly #createServer: (options: ServerOpts) => Server;
  readonly #backoff: Backoff;
  #server: Server;
  #onConnection: ((connection: Connection) => void) | undefined;
  /** Connections from before {@link start}. */
  #early: Socket[] = [];
  #isPausing = false;
  #reopening: Promise<void> = Promise.resolve();
  #closing: Promise<void> | undefined;

  private constructor(server: Server, binding: Binding, parts: TcpListenerParts) {
    this.#server = server;
    this.#binding = binding;
    this.#createServer = parts.createServer ?? createServer;
    this.#backoff = new Backoff(parts.clock);
    const bound = server.address();
    this.port = bound !== null && typeof bound === "object" ? bound.port : binding.port;
    this.#adopt(server);
  }

  static listen(binding: Binding, parts: TcpListenerParts = {}): Promise<TcpListener> {
    return new Promise((resolve, reject) => {
      const server = open(parts.createServer ?? createServer);
      server.once("error", reject);
      server.listen(listenOptions(binding, binding.port), () => {
        server.off("error", reject);
        resolve(new TcpListener(server, binding, parts));
      });
    });
  }

  start(onConnection: (connection: Connection) => void): void {
    this.#onConnection = onConnection;
    for (const socket of this.#early.splice(0)) onConnection(new TcpConnection(socket));
  }

  /** Stops accepting. Resolves when the listening socket, and the connections that came in by it, are gone. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    for (const socket of this.#early.splice(0)) socket.destroy();
    this.#backoff.end();
    // To listen takes Node a moment, and a server closed within that moment would listen all the same.
    await this.#reopening;
    // Node calls the close of a server that is not listening an error; here it is just as good.
    await new Promise<void>((resolve) => void this.#server.close(() => resolve()));
  }

  #adopt(server: Server): void {
    server.on("connection", (socket: Socket) => {
      this.#backoff.reset();
      this.#take(socket);
    });
    server.on("error", (error: Error) => this.#failed(server, error));
  }

  #take(socket: Socket): void {
    if (this.#onConnection !== undefined) return this.#onConnection(new TcpConnection(socket));
    socket.on("error", () => undefined);
    if (this.#closing !== undefined) socket.destroy();
    else this.#early.push(socket.pause());
  }

  #failed(server: Server, error: Error): void {
    if (this.#closing !== undefined || server !== this.#server) return;
    this.acceptErrors++;
    const { log, target } = this.#binding;
    const fields = { address: target.address, port: this.port, error };
    if (server.listening && perConnection.has(errnoOf(error))) {
      log.warn("tcp_accept_failed", `accepting a TCP connection: ${error.message}`, fields);
      return;
    }
    if (this.#isPausing) return;
    const retryAfter = this.#backoff.next();
    log.error("tcp_listen_failed", `the TCP listener failed: ${error.message}`, { ...fields, retryAfter });
    server.close(() => undefined);
    this.#isPausing = true;
    this.#reopening = this.#reopen();
  }

  async #reopen(): Promise<void> {
    await this.#backoff.pause();
    this.#isPausing = false;
    if (this.#closing !== undefined) return;
    const server = open(this.#createServer);
    this.#server = server;
    this.#adopt(server);
    await new Promise<void>((resolve) => {
      server.once("error", () => resolve());
      server.listen(listenOptions(this.#binding, this.port), () => resolve());
    });
  }
}

function open(create: (options: ServerOpts) => Server): Server {
  return create({ allowHalfOpen: true, noDelay: true });
}

function listenOptions({ target }: Binding, port: number): ListenOptions {
  return { host: target.address, port, ipv6Only: target.ipv6Only, exclusive: true, backlog: listenBacklog };
}
