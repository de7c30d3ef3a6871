import {
  errorMessage,
  Backoff,
  listenBacklog,
  type Binding,
  type Connection,
  type ConnectionListener,
} from "@memberlist/core/internal";
import { TcpConnection } from "./tcp-connection.ts";

/** A listening socket that survives errors of accept. */
export class TcpListener implements ConnectionListener {
  readonly port: number;
  acceptErrors = 0;
  readonly #listener: Deno.TcpListener;
  readonly #binding: Binding;
  readonly #backoff = new Backoff();
  #accepting: Promise<void> | undefined;
  #isClosing = false;

  constructor(binding: Binding) {
    const { target, port } = binding;
    this.#listener = Deno.listen({ hostname: target.address, port, tcpBacklog: listenBacklog });
    this.#binding = binding;
    this.port = this.#listener.addr.port;
  }

  start(onConnection: (connection: Connection) => void): void {
    this.#accepting ??= this.#accept(onConnection);
  }

  async close(): Promise<void> {
    this.#isClosing = true;
    this.#listener.close();
    this.#backoff.end();
    await this.#accepting;
  }

  async #accept(onConnection: (connection: Connection) => void): Promise<void> {
    const { log, target } = this.#binding;
    while (!this.#isClosing) {
      try {
        onConnection(new TcpConnection(await this.#listener.accept()));
        this.#backoff.reset();
      } catch (error) {
        // Closing ends a pending accept with an error.
        if (this.#isClosing) return;
        this.acceptErrors++;
        const fields = { address: target.address, port: this.port, error, retryAfter: this.#backoff.next() };
        log.warn("tcp_accept_failed", `accepting a TCP connection: ${errorMessage(error)}`, fields);
        await this.#backoff.pause();
      }
    }
  }
}
