import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Socket } from "node:net";

/**
 * How a receiver reports its count to the sender: over a stream of its own, as four bytes (big-endian), after a share of the window and
 * when nothing more comes. So a sender never has more on its way than the receiver's socket holds, whatever it is written in.
 */

/** A message count is reported this often in one window. */
const acksPerWindow = 8;
/** After that long, in ms, what has been counted is reported anyway. */
const flushInterval = 5;

export class AckSource {
  readonly port: number;
  #every = 1;
  #reported = 0;
  readonly #sockets = new Set<Socket>();
  readonly #count: () => number;

  private constructor(port: number, count: () => number) {
    this.port = port;
    this.#count = count;
    setInterval(() => {
      if (this.#count() !== this.#reported) this.#report();
    }, flushInterval).unref();
  }

  static async listen(count: () => number): Promise<AckSource> {
    const server = createServer((socket) => {
      socket.setNoDelay(true);
      socket.on("error", () => undefined);
      source.#sockets.add(socket);
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const source = new AckSource((server.address() as AddressInfo).port, count);
    return source;
  }

  set window(window: number) {
    this.#every = Math.max(1, Math.floor(window / acksPerWindow));
  }

  /** After each message. */
  counted(): void {
    if (this.#count() - this.#reported >= this.#every) this.#report();
  }

  #report(): void {
    this.#reported = this.#count();
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32BE(this.#reported);
    for (const socket of this.#sockets) socket.write(bytes);
  }
}

/** @param acked gets the receiver's count whenever it comes */
export async function followAcks(port: number, acked: (count: number) => void): Promise<void> {
  const socket = connect(port, "127.0.0.1");
  await once(socket, "connect");
  let rest: Buffer = Buffer.alloc(0);
  socket.on("error", () => undefined);
  socket.on("data", (bytes: Buffer) => {
    const all = rest.length === 0 ? bytes : Buffer.concat([rest, bytes]);
    const whole = all.length - (all.length % 4);
    rest = all.subarray(whole);
    if (whole > 0) acked(all.readUInt32BE(whole - 4));
  });
}
