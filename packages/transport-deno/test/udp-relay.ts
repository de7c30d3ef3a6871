/** Datagrams between clients and one server at a time, which can be exchanged or cut off: a peer that dies without a word. */
export class UdpRelay {
  readonly port: number;
  /** Where datagrams of clients go; undefined: nowhere. */
  target: number | undefined;
  /** Whether the server's answers get through. */
  answers = true;
  /** Datagrams of clients that went on. */
  forwarded = 0;
  readonly #front: Deno.DatagramConn;
  readonly #backs = new Map<string, Deno.DatagramConn>();
  readonly #loops: Promise<void>[] = [];

  constructor(target: number) {
    this.target = target;
    this.#front = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 });
    this.port = (this.#front.addr as Deno.NetAddr).port;
    this.#loops.push(this.#forward());
  }

  async close(): Promise<void> {
    for (const socket of [this.#front, ...this.#backs.values()]) socket.close();
    await Promise.allSettled(this.#loops);
  }

  async #forward(): Promise<void> {
    for await (const [bytes, from] of this.#front) {
      if (this.target === undefined) continue;
      this.forwarded++;
      const client = from as Deno.NetAddr;
      const key = `${client.port}>${this.target}`;
      let back = this.#backs.get(key);
      if (back === undefined) {
        back = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 });
        this.#backs.set(key, back);
        this.#loops.push(this.#answer(back, client, this.target));
      }
      await back.send(bytes, { transport: "udp", hostname: "127.0.0.1", port: this.target });
    }
  }

  async #answer(back: Deno.DatagramConn, client: Deno.NetAddr, target: number): Promise<void> {
    for await (const [bytes] of back) if (this.answers && this.target === target) await this.#front.send(bytes, client);
  }
}
