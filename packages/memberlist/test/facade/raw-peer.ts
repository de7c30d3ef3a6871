import type { Address } from "../../src/api/address.ts";
import type { MemoryTransport } from "../../src/testing/index.ts";
import type { TransportStream } from "../../src/ports/transport.ts";
import { splitCompound } from "../../src/wire/compound.ts";
import { decompressBody } from "../../src/wire/compression/compress.ts";
import { messageType } from "../../src/wire/constants.ts";
import { encodeAckResp, encodeAlive } from "../../src/wire/messages/encode.ts";
import { decodePing } from "../../src/wire/messages/decode.ts";
import { addLabel } from "../../src/wire/label.ts";
import type { Alive } from "../../src/wire/messages/types.ts";
import { decodePacket } from "../../src/wire/packet.ts";
import { encodePushPull } from "../../src/wire/messages/push-pull.ts";
import { StreamReader } from "../../src/wire/stream-reader.ts";
import type { Cluster, TestNode } from "./cluster.ts";

export interface RawPacket {
  readonly bytes: Uint8Array;
  readonly from: Address;
  readonly at: number;
}

/** A peer that does not run a memberlist: it records packets and streams, and sends raw bytes. */
export class RawPeer {
  readonly transport: MemoryTransport;
  readonly packets: RawPacket[] = [];
  readonly streams: TransportStream[] = [];
  /** Called for each inbound stream. */
  onStream: (stream: TransportStream) => void = () => {};
  /** Called for each received packet. */
  onPacket: (packet: RawPacket) => void = () => {};
  readonly #cluster: Cluster;

  constructor(cluster: Cluster, host: string = "10.9.9.9") {
    this.#cluster = cluster;
    this.transport = cluster.network.transport({ host });
    this.transport.listen({
      packet: (bytes, from, at) => {
        const packet = { bytes, from, at };
        this.packets.push(packet);
        this.onPacket(packet);
      },
      stream: (stream) => {
        this.streams.push(stream);
        this.onStream(stream);
      },
    });
  }

  send(packet: Uint8Array, to: TestNode): void {
    this.transport.writeTo(packet, to.transport.address);
  }

  async dial(to: TestNode): Promise<RawStream> {
    return new RawStream(await this.#cluster.settle(this.transport.dial(to.transport.address, { timeout: 5_000 })));
  }

  /** All received messages, unpacked from their packets. */
  messages(label: Uint8Array = new Uint8Array()): Uint8Array[] {
    return this.packets.flatMap(({ bytes }) => unpack(decodePacket(bytes, { label, skipInboundLabelCheck: false })));
  }

  /** Makes the peer an alive member for `node`, by default with the newest protocol. */
  async become(name: string, node: TestNode, fields: Partial<Alive> = {}): Promise<void> {
    this.send(aliveMessage(name, this.transport.host, fields), node);
    await this.#cluster.until(() => node.members.members().some((member) => member.name === name));
  }

  /** Answers pings from now on. */
  answerPings(): void {
    this.onPacket = ({ bytes, from }) => {
      for (const message of unpack(decodePacket(bytes, { label: new Uint8Array(), skipInboundLabelCheck: false }))) {
        if (message[0] !== messageType.ping) continue;
        const { seqNo } = decodePing(message.subarray(1));
        this.transport.writeTo(encodeAckResp({ seqNo, payload: new Uint8Array() }), from);
      }
    };
  }
}

/** A stream's raw bytes. */
export class RawStream {
  readonly #stream: TransportStream;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  #reader: StreamReader | undefined;

  constructor(stream: TransportStream) {
    this.#stream = stream;
    this.#writer = stream.writable.getWriter();
  }

  get reader(): StreamReader {
    this.#reader ??= new StreamReader(this.#stream.readable);
    return this.#reader;
  }

  write(data: Uint8Array): Promise<void> {
    return this.#writer.write(data);
  }

  finish(): Promise<void> {
    return this.#writer.close();
  }

  /** All bytes up to the end, or up to an error. */
  async rest(): Promise<Uint8Array> {
    const all: number[] = [];
    for (;;) {
      try {
        all.push(await this.reader.readByte());
      } catch {
        return Uint8Array.from(all);
      }
    }
  }

  close(): void {
    this.#stream.close();
  }
}

/** The single messages in a packet's message. */
function unpack(message: Uint8Array): Uint8Array[] {
  const body = message.subarray(1);
  if (message[0] === messageType.compress) return unpack(decompressBody(body, 1_000_000));
  if (message[0] === messageType.compound) return splitCompound(body).parts.flatMap(unpack);
  return [message];
}

export function aliveMessage(name: string, host: string, fields: Partial<Alive> = {}): Uint8Array {
  return encodeAlive({
    incarnation: 1,
    node: name,
    addr: host,
    port: 7946,
    meta: new Uint8Array(),
    vsn: [1, 5, 2, 0, 0, 0],
    ...fields,
  });
}

/** A push/pull message of one node, encoded for a stream. */
export function stateMessage(name: string, host: string, join: boolean, userState: Uint8Array = new Uint8Array()): Uint8Array {
  const node = { name, addr: host, port: 7946, meta: new Uint8Array(), incarnation: 1, state: 0, vsn: [1, 5, 2, 0, 0, 0] };
  return encodePushPull(join, [node], userState);
}

export function labelled(message: Uint8Array, label: string): Uint8Array {
  return addLabel(message, new TextEncoder().encode(label));
}

export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}
