import { createSocket, type Socket as UdpSocket } from "node:dgram";
import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Server } from "node:net";
import { messageType } from "../../../memberlist/src/wire/constants.ts";
import { makeCompound } from "../../../memberlist/src/wire/compound.ts";
import { decodePing, decodeSuspect } from "../../../memberlist/src/wire/messages/decode.ts";
import { encodeAckResp, encodeAlive, encodePing } from "../../../memberlist/src/wire/messages/encode.ts";
import type { PushNodeState } from "../../../memberlist/src/wire/messages/types.ts";
import { encodePushPull } from "../../../memberlist/src/wire/messages/push-pull.ts";
import { pushNodes } from "../payloads.ts";
import { layersOf } from "../wire-check.ts";
import type { Peers } from "./peers.ts";

const noState = new Uint8Array(0);
const packetBytes = 1_394;

/**
 * {@link Peers} in the Go library's wire form: each has an address of its own in 127.0.0.0/8, and one socket answers for all. They answer pings, suspicions and
 * push/pulls.
 */
export class GoWirePeers implements Peers {
  readonly #nodes: readonly PushNodeState[];
  #packets = 0;
  readonly #udp: UdpSocket;
  readonly #tcp: Server;
  readonly #port: number;
  #seqNo = 0;
  #pinged = 0;

  private constructor(count: number, tcp: Server, udp: UdpSocket) {
    this.#tcp = tcp;
    this.#udp = udp;
    this.#port = (tcp.address() as AddressInfo).port;
    this.#nodes = pushNodes(count).map((node, i) => ({
      ...node,
      addr: `127.${1 + (i >> 16)}.${(i >> 8) & 255}.${i & 255}`,
      port: this.#port,
    }));
    udp.on("message", (packet, { address, port }) => {
      this.#packets++;
      if (packet[0] === messageType.hasCrc || packet[0] === messageType.ping || packet[0] === messageType.compound)
        this.#packet(packet, address, port);
    });
    tcp.on("connection", (socket) => {
      socket.on("error", () => undefined);
      socket.once("data", () => socket.end(encodePushPull(false, this.#nodes, noState)));
      socket.resume();
    });
  }

  static async open(count: number): Promise<GoWirePeers> {
    const tcp = createServer();
    tcp.listen(0, "0.0.0.0");
    await once(tcp, "listening");
    const udp = createSocket("udp4");
    udp.bind((tcp.address() as AddressInfo).port, "0.0.0.0");
    await once(udp, "listening");
    return new GoWirePeers(count, tcp, udp);
  }

  get size(): number {
    return this.#nodes.length;
  }

  async packets(): Promise<number> {
    return this.#packets;
  }

  async pushPull(port: number, count: number = this.size): Promise<void> {
    const socket = connect(port, "127.0.0.1");
    await once(socket, "connect");
    const closed = once(socket, "close");
    socket.write(encodePushPull(false, this.#nodes.slice(0, count), noState));
    socket.resume();
    await closed;
  }

  async storm(port: number): Promise<void> {
    let parts: Uint8Array[] = [];
    let size = 0;
    const flush = (): void => {
      this.#udp.send(makeCompound(parts), port, "127.0.0.1");
      parts = [];
      size = 0;
    };
    for (const { name, ...rest } of this.#nodes) {
      const message = encodeAlive({ ...rest, node: name });
      if (size + message.length + 2 * (parts.length + 2) > packetBytes) flush();
      parts.push(message);
      size += message.length;
    }
    flush();
  }

  async ping(port: number, name: string): Promise<void> {
    const { name: from, addr } = this.#nodes[this.#pinged++ % this.size] as PushNodeState;
    const seqNo = ++this.#seqNo;
    const message = encodePing({ seqNo, node: name, sourceAddr: addr, sourcePort: this.#port, sourceNode: from });
    this.#udp.send(message, port, "127.0.0.1");
  }

  async close(): Promise<void> {
    this.#udp.close();
    this.#tcp.close();
  }

  #packet(packet: Uint8Array, host: string, port: number): void {
    for (const message of layersOf(packet).parts) {
      if (message[0] === messageType.ping) {
        const { seqNo } = decodePing(message.subarray(1));
        this.#udp.send(encodeAckResp({ seqNo, payload: noState }), port, host);
      } else if (message[0] === messageType.suspect) {
        const { node, incarnation } = decodeSuspect(message.subarray(1));
        const suspect = this.#nodes.find((one) => one.name === node);
        if (suspect === undefined) continue;
        this.#udp.send(encodeAlive({ ...suspect, node, incarnation: incarnation + 1 }), port, host);
      }
    }
  }
}
