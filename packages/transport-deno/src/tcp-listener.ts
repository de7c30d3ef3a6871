import { errorMessage } from "@memberlist/core";
import { bindError, type BindTarget, type Log } from "@memberlist/core/internal";

/** Waits after errors of accept, in ms: doubling from the first to the last. Source: the Go transport. */
const firstDelay = 5;
const lastDelay = 1000;
/** Connections that the kernel keeps until they are accepted, unless its own limit is lower: a flood must not make it drop others. */
const backlog = 4096;

export interface TcpListenerOptions {
  readonly target: BindTarget;
  /** 0: the kernel chooses. */
  readonly port: number;
  readonly log: Log;
}

/** A listening socket that survives errors of accept. */
export class TcpListener {
  readonly port: number;
  acceptErrors = 0;
  readonly #listener: Deno.TcpListener;
  readonly #options: TcpListenerOptions;
  #accepting: Promise<void> | undefined;
  #wake: (() => void) | undefined;
  #closing: Promise<void> | undefined;

  private constructor(listener: Deno.TcpListener, options: TcpListenerOptions) {
    this.#listener = listener;
    this.#options = options;
    this.port = listener.addr.port;
  }

  /** @throws MemberlistError `bind_failed` */
  static listen(options: TcpListenerOptions): TcpListener {
    const { target, port } = options;
    try {
      return new TcpListener(Deno.listen({ hostname: target.address, port, tcpBacklog: backlog }), options);
    } catch (error) {
      throw bindError("TCP", target, port, error as Error);
    }
  }

  /** Connections wait in the kernel until then. */
  start(onConn: (conn: Deno.TcpConn) => void): void {
    if (this.#closing === undefined) this.#accepting ??= this.#accept(onConn);
  }

  /** Stops accepting. Resolves when the listening socket is gone. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#listener.close();
    this.#wake?.();
    await this.#accepting;
  }

  async #accept(onConn: (conn: Deno.TcpConn) => void): Promise<void> {
    const { log, target } = this.#options;
    let delay = 0;
    while (this.#closing === undefined) {
      try {
        onConn(await this.#listener.accept());
        delay = 0;
      } catch (error) {
        // Closing ends the accept that waits with an error.
        if (this.#closing !== undefined) return;
        this.acceptErrors++;
        delay = delay === 0 ? firstDelay : Math.min(delay * 2, lastDelay);
        const fields = { address: target.address, port: this.port, error, retryAfter: delay };
        log.warn("tcp_accept_error", `accepting a TCP connection: ${errorMessage(error)}`, fields);
        await this.#pause(delay);
      }
    }
  }

  async #pause(delay: number): Promise<void> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
      timer = setTimeout(resolve, delay);
    });
    clearTimeout(timer);
  }
}
