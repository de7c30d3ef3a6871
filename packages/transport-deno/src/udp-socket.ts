import { Backoff, type Binding, type Datagram, type DatagramSocket, type PacketHandler } from "@memberlist/core/internal";

/** The largest UDP packet: one buffer is read into, and what has arrived is copied out of it. */
const packetBytesMax = 65_536;

/** A bound `Deno.DatagramConn`. */
export class UdpSocket implements DatagramSocket {
  readonly port: number;
  waiting = 0;
  waitingBytes = 0;
  readonly #socket: Deno.DatagramConn;
  readonly #backoff = new Backoff();
  #drained: (() => void) | undefined;
  #receiving: Promise<void> | undefined;
  #isClosing = false;

  constructor({ target, port }: Binding) {
    this.#socket = Deno.listenDatagram({ transport: "udp", hostname: target.address, port });
    this.port = (this.#socket.addr as Deno.NetAddr).port;
  }

  receive(packet: PacketHandler, failed: (error: unknown) => void): void {
    this.#receiving ??= this.#receive(packet, failed);
  }

  send(datagram: Datagram): void {
    const { packet, host: hostname, port } = datagram;
    this.waiting++;
    this.waitingBytes += packet.byteLength;
    this.#socket.send(packet, { transport: "udp", hostname, port }).then(
      () => this.#sent(datagram),
      (error: unknown) => this.#sent(datagram, error),
    );
  }

  async close(): Promise<void> {
    this.#isClosing = true;
    if (this.waiting > 0) {
      await new Promise<void>((resolve) => {
        this.#drained = resolve;
      });
    }
    this.#socket.close();
    this.#backoff.end();
    await this.#receiving;
  }

  #sent(datagram: Datagram, error?: unknown): void {
    this.waiting--;
    this.waitingBytes -= datagram.packet.byteLength;
    if (this.waiting === 0) this.#drained?.();
    datagram.sent(error);
  }

  async #receive(packet: PacketHandler, failed: (error: unknown) => void): Promise<void> {
    const buffer = new Uint8Array(packetBytesMax);
    while (!this.#isClosing) {
      try {
        const [bytes, from] = await this.#socket.receive(buffer);
        const receivedAt = performance.now();
        this.#backoff.reset();
        const { hostname, port } = from as Deno.NetAddr;
        packet(bytes.slice(), hostname, port, receivedAt);
      } catch (error) {
        // Closing ends a pending receive with an error.
        if (this.#isClosing) return;
        failed(error);
        this.#backoff.next();
        await this.#backoff.pause();
      }
    }
  }
}
