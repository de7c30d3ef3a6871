import type { Address } from "../../src/index.ts";
import type { AdvertisedAddress, DialOptions, Transport, TransportListener, TransportStream } from "../../src/ports/transport.ts";
import type { MemoryTransport } from "../../src/testing/index.ts";
import type { Cluster } from "./cluster.ts";

/** A machine whose only address changes: packets and streams to the old one are lost. */
export class MovingTransport implements Transport {
  readonly #one: Cluster;
  #inner: MemoryTransport;
  #listener: TransportListener | undefined;

  constructor(one: Cluster, host: string) {
    this.#one = one;
    this.#inner = one.network.transport({ host });
  }

  get host(): string {
    return this.#inner.host;
  }

  async move(host: string): Promise<void> {
    await this.#inner.shutdown();
    this.#inner = this.#one.network.transport({ host });
    if (this.#listener !== undefined) this.#inner.listen(this.#listener);
  }

  hasAddress(addr: string): boolean {
    return addr === this.host;
  }

  finalAdvertiseAddr(addr: string, port: number): AdvertisedAddress {
    return this.#inner.finalAdvertiseAddr(addr, port);
  }

  writeTo(packet: Uint8Array, to: Address, done?: (error?: Error) => void): boolean {
    return this.#inner.writeTo(packet, to, done);
  }

  dial(to: Address, options: DialOptions): Promise<TransportStream> {
    return this.#inner.dial(to, options);
  }

  listen(listener: TransportListener): void {
    this.#listener = listener;
    this.#inner.listen(listener);
  }

  shutdown(): Promise<void> {
    return this.#inner.shutdown();
  }
}
