import type { Address } from "@memberlist/core";
import type { Connection } from "@memberlist/core/internal";

/** Bytes read at once; nothing is read ahead, so that the kernel's window stops the peer. */
const readBytes = 64 * 1024;

/** A `Deno.TcpConn`. Deno cannot send RST: to the peer a reset looks like an end. */
export class TcpConnection implements Connection {
  readonly remote: Connection["remote"];
  readonly gone: Promise<void>;
  readonly #conn: Deno.TcpConn;
  #resolveGone: (() => void) | undefined;

  constructor(conn: Deno.TcpConn) {
    this.#conn = conn;
    const { hostname: host, port } = conn.remoteAddr;
    this.remote = { host, port };
    this.gone = new Promise((resolve) => {
      this.#resolveGone = resolve;
    });
    conn.setNoDelay(true);
  }

  async read(): Promise<Uint8Array | undefined> {
    const buffer = new Uint8Array(readBytes);
    const size = await this.#conn.read(buffer);
    if (size === null) return undefined;
    return size * 2 > readBytes ? buffer.subarray(0, size) : buffer.slice(0, size);
  }

  async write(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.byteLength;) at += await this.#conn.write(bytes.subarray(at));
  }

  closeWrite(): Promise<void> {
    return this.#conn.closeWrite();
  }

  close(): void {
    if (this.#resolveGone === undefined) return;
    this.#conn.close();
    this.#resolveGone();
    this.#resolveGone = undefined;
  }

  reset(): void {
    this.close();
  }
}

/** Connects to `to`. */
export async function connectTcp({ host: hostname, port }: Address, signal: AbortSignal): Promise<TcpConnection> {
  return new TcpConnection(await Deno.connect({ hostname, port, signal }));
}
