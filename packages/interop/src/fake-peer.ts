import { createSocket, type RemoteInfo, type Socket as UdpSocket } from "node:dgram";
import { once } from "node:events";
import { createServer, connect, type Server, type Socket } from "node:net";
import { decodeRawMap, rawMessage, rawType, unwrap, type RawMap } from "./raw-codec.ts";
import { until } from "./until.ts";

/** A packet as it came, and the single messages in it (none where it could not be read, as when encrypted). */
export interface ReceivedPacket {
  readonly bytes: Uint8Array;
  readonly messages: readonly Uint8Array[];
  readonly from: RemoteInfo;
}

/** A stream that somebody else opened: what came on it so far. */
export interface ReceivedStream {
  readonly socket: Socket;
  bytes: Uint8Array;
}

export interface FakePeerOptions {
  readonly host: string;
  readonly name: string;
  /** [pMin, pMax, pCur, dMin, dMax, dCur]; default [1, 4, 2, 0, 0, 0], which gets no CRC. */
  readonly vsn?: readonly number[];
  /** Answer pings over UDP. Default true. */
  readonly answerPings?: boolean;
}

/** A peer played by hand over raw sockets: it sends what the test asks for, and keeps everything that it gets. */
export class FakePeer {
  readonly name: string;
  readonly host: string;
  readonly vsn: Uint8Array;
  answerPings: boolean;
  /** Where set, what is written on a stream once something has come on it. */
  answerStream: ((stream: ReceivedStream) => Uint8Array | undefined) | undefined;
  readonly packets: ReceivedPacket[] = [];
  readonly streams: ReceivedStream[] = [];
  readonly #udp: UdpSocket;
  readonly #tcp: Server;
  #port = 0;

  private constructor(options: FakePeerOptions) {
    this.name = options.name;
    this.host = options.host;
    this.vsn = Uint8Array.from(options.vsn ?? [1, 4, 2, 0, 0, 0]);
    this.answerPings = options.answerPings ?? true;
    this.#udp = createSocket(options.host.includes(":") ? "udp6" : "udp4");
    this.#udp.on("message", (bytes, from) => this.#packet(new Uint8Array(bytes), from));
    this.#tcp = createServer((socket) => this.#stream(socket));
  }

  static async open(options: FakePeerOptions): Promise<FakePeer> {
    const peer = new FakePeer(options);
    peer.#tcp.listen(0, options.host);
    await once(peer.#tcp, "listening");
    peer.#port = (peer.#tcp.address() as { port: number }).port;
    peer.#udp.bind(peer.#port, options.host);
    await once(peer.#udp, "listening");
    return peer;
  }

  get port(): number {
    return this.#port;
  }

  get address(): string {
    return this.host.includes(":") ? `[${this.host}]:${this.#port}` : `${this.host}:${this.#port}`;
  }

  /** The host as the wire has it: 4 or 16 bytes (of IPv6 only ::1). */
  get addr(): Uint8Array {
    if (this.host === "::1") return Uint8Array.from({ length: 16 }, (_unused, i) => (i === 15 ? 1 : 0));
    return Uint8Array.from(this.host.split("."), Number);
  }

  /** The alive message that makes others know this peer. */
  alive(incarnation: number = 1, meta: Uint8Array | null = null): Uint8Array {
    const { name, addr, port, vsn } = this;
    return rawMessage(rawType.alive, { Incarnation: incarnation, Node: name, Addr: addr, Port: port, Meta: meta, Vsn: vsn });
  }

  send(packet: Uint8Array, to: { readonly bindAddr: string; readonly bindPort: number }): void {
    this.#udp.send(packet, to.bindPort, to.bindAddr);
  }

  /** Opens a stream, writes `bytes`, and returns all that arrives until the other side closes (or `timeout` ms have passed). */
  async exchange(
    bytes: Uint8Array,
    to: { readonly bindAddr: string; readonly bindPort: number },
    timeout: number = 3_000,
  ): Promise<Uint8Array> {
    const socket = connect(to.bindPort, to.bindAddr, () => socket.write(bytes));
    socket.setTimeout(timeout, () => socket.destroy());
    const chunks: Uint8Array[] = [];
    socket.on("data", (chunk: Buffer) => chunks.push(chunk));
    socket.on("error", () => undefined);
    await once(socket, "close");
    return new Uint8Array(Buffer.concat(chunks));
  }

  /** The first packet, past or to come, that `match` accepts. */
  waitForPacket(match: (packet: ReceivedPacket) => boolean, what: string, timeout: number = 10_000): Promise<ReceivedPacket> {
    return until(() => this.packets.find(match), { what: `${this.name} gets ${what}`, timeout, interval: 5 });
  }

  /** The first message of a type in any packet; `match` sees its body. */
  async waitForMessage(
    type: number,
    what: string,
    match: (body: RawMap) => boolean = () => true,
    timeout: number = 10_000,
  ): Promise<RawMap> {
    const bodies = (packet: ReceivedPacket): RawMap[] =>
      packet.messages
        .filter((message) => message[0] === type)
        .map(bodyOf)
        .filter((body): body is RawMap => body !== undefined && match(body));
    const packet = await this.waitForPacket((candidate) => bodies(candidate).length > 0, what, timeout);
    return bodies(packet)[0] as RawMap;
  }

  async close(): Promise<void> {
    for (const { socket } of this.streams) socket.destroy();
    const closed = [once(this.#udp, "close"), once(this.#tcp, "close")];
    this.#udp.close();
    this.#tcp.close();
    await Promise.all(closed);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #packet(bytes: Uint8Array, from: RemoteInfo): void {
    let messages: Uint8Array[] = [];
    try {
      messages = unwrap(bytes);
    } catch {
      // Encrypted: without the key, only the bytes are known.
    }
    this.packets.push({ bytes, messages, from });
    if (!this.answerPings) return;
    for (const message of messages) {
      const seqNo = message[0] === rawType.ping ? bodyOf(message)?.["SeqNo"] : undefined;
      if (seqNo === undefined) continue;
      this.#udp.send(rawMessage(rawType.ack, { SeqNo: seqNo, Payload: null }), from.port, from.address);
    }
  }

  #stream(socket: Socket): void {
    const stream: ReceivedStream = { socket, bytes: new Uint8Array() };
    this.streams.push(stream);
    socket.on("error", () => undefined);
    socket.on("data", (chunk: Buffer) => {
      const first = stream.bytes.length === 0;
      stream.bytes = new Uint8Array(Buffer.concat([stream.bytes, chunk]));
      const answer = first ? this.answerStream?.(stream) : undefined;
      if (answer !== undefined) socket.end(answer);
    });
  }
}

/** The body of a message; undefined if the bytes are not a message (an encrypted packet of version 0 starts like a ping). */
function bodyOf(message: Uint8Array): RawMap | undefined {
  try {
    return decodeRawMap(message, 1).map;
  } catch {
    return undefined;
  }
}
