/** The process of an attacker, or of somebody who only pings: see attack-task.ts. */
import { createSocket } from "node:dgram";
import { createInterface } from "node:readline";
import type { AesGcm } from "@memberlist/core";
import { NodeTransport } from "@memberlist/transport-node";
import { streamOnly } from "@memberlist/core/transport";
import { NodeCrypto } from "../../../transport-node/src/node-crypto.ts";
import { splitCompound } from "../../../memberlist/src/wire/compound.ts";
import { decompressBody } from "../../../memberlist/src/wire/compression/compress.ts";
import { decodeAckResp } from "../../../memberlist/src/wire/messages/decode.ts";
import { messageType } from "../../../memberlist/src/wire/constants.ts";
import { encodePing } from "../../../memberlist/src/wire/messages/encode.ts";
import { decryptPayload, encryptPayload } from "../../../memberlist/src/wire/encryption.ts";
import type { AttackerTask, Pings } from "./attack-task.ts";
import { AttackerSockets } from "./attacker-sockets.ts";
import { attacks } from "./attacks.ts";

const watcherHost = "127.0.0.3";
const pingEvery = 20;
/** How long after the last ping its answer is waited for, in ms. */
const lastWait = 1_000;
const none = new Uint8Array(0);

type Watch = Extract<AttackerTask, { do: "watch" }>;

/** Pings a member by packet, from an address of its own. */
class Watcher {
  readonly #send: (packet: Uint8Array) => void;
  readonly #close: () => Promise<void> | void;
  readonly #sentAt = new Map<number, number>();
  readonly #timer: NodeJS.Timeout;
  #sent = 0;
  #answered = 0;
  #latest = 0;

  static async start(watch: Watch): Promise<Watcher> {
    const receive = (packet: Uint8Array): void => watcher.#receive(packet);
    const link = await (watch.streamOnly ? streamsTo : datagramsTo)(watch.port, receive);
    const watcher = new Watcher(watch, link);
    return watcher;
  }

  readonly #aes: AesGcm | undefined;
  readonly #sourcePort: number;

  private constructor({ name, key }: Watch, { send, close, sourcePort }: PacketLink) {
    this.#aes = key === null ? undefined : new NodeCrypto().aesGcm(new Uint8Array(Buffer.from(key, "base64")));
    this.#send = send;
    this.#close = close;
    this.#sourcePort = sourcePort;
    this.#timer = setInterval(() => this.#ping(name), pingEvery);
  }

  async end(): Promise<Pings> {
    clearInterval(this.#timer);
    await new Promise((resolve) => void setTimeout(resolve, lastWait));
    await this.#close();
    return { sent: this.#sent, answered: this.#answered, latest: this.#latest };
  }

  #ping(name: string): void {
    const seqNo = ++this.#sent;
    const ping = encodePing({ seqNo, node: name, sourceAddr: watcherHost, sourcePort: this.#sourcePort, sourceNode: "" });
    this.#sentAt.set(seqNo, performance.now());
    this.#send(this.#aes === undefined ? ping : encryptPayload(this.#aes, 1, ping, none, 0));
  }

  #receive(packet: Uint8Array): void {
    const message = this.#aes === undefined ? packet : decryptPayload([this.#aes], packet, none);
    for (const part of unpack(message)) {
      if (part[0] === messageType.ackResp) this.#ack(decodeAckResp(part.subarray(1)).seqNo);
    }
  }

  #ack(seqNo: number): void {
    const sentAt = this.#sentAt.get(seqNo);
    if (sentAt === undefined) return;
    this.#sentAt.delete(seqNo);
    this.#answered++;
    this.#latest = Math.max(this.#latest, performance.now() - sentAt);
  }
}

interface PacketLink {
  /** Where the answers come. */
  readonly sourcePort: number;
  readonly send: (packet: Uint8Array) => void;
  readonly close: () => Promise<void> | void;
}

async function datagramsTo(port: number, receive: (packet: Uint8Array) => void): Promise<PacketLink> {
  const socket = createSocket("udp4").on("message", receive);
  await new Promise<void>((resolve) => socket.bind(0, watcherHost, resolve));
  return {
    sourcePort: socket.address().port,
    send: (packet) => socket.send(packet, port, "127.0.0.1"),
    close: () => void socket.close(),
  };
}

async function streamsTo(port: number, receive: (packet: Uint8Array) => void): Promise<PacketLink> {
  const sockets = await NodeTransport.create({ bindAddrs: [watcherHost], bindPort: 0, udp: false });
  const transport = streamOnly(sockets, { port: sockets.bindPort });
  transport.listen({ packet: (bytes) => receive(bytes), stream: (stream) => stream.close() });
  return {
    sourcePort: sockets.bindPort,
    send: (packet) => void transport.writeTo(packet, { host: "127.0.0.1", port, name: "" }),
    close: () => transport.shutdown(),
  };
}

/** What a member sends shares its packet with broadcasts. */
function unpack(message: Uint8Array): readonly Uint8Array[] {
  const body = message.subarray(1);
  if (message[0] === messageType.compress) return unpack(decompressBody(body, 65_536));
  return message[0] === messageType.compound ? splitCompound(body).parts : [message];
}

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const task = JSON.parse(String((await lines.next()).value)) as AttackerTask;
if (task.do === "watch") {
  const watcher = await Watcher.start(task);
  answer({});
  await lines.next();
  answer(await watcher.end());
} else {
  const attack = attacks.find(({ name }) => name === task.attack);
  if (attack === undefined) throw new Error(`unknown attack ${task.attack}`);
  const sockets = new AttackerSockets(task.port, task.seconds);
  answer({});
  await attack.run(sockets);
  await lines.next();
  answer(sockets.cost);
}
process.exit(0);

function answer(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}
