/** The process of an attacker, or of somebody who only pings: see attack-task.ts. */
import { createSocket } from "node:dgram";
import { createInterface } from "node:readline";
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

const pingEvery = 20;
/** How long after the last ping its answer is waited for, in ms. */
const lastWait = 1_000;
const none = new Uint8Array(0);

/** Pings a member by packet, from an address of its own. */
class Watcher {
  readonly #socket = createSocket("udp4");
  readonly #sentAt = new Map<number, number>();
  readonly #timer: NodeJS.Timeout;
  #sent = 0;
  #answered = 0;
  #latest = 0;

  constructor({ port, name, key }: Extract<AttackerTask, { do: "watch" }>) {
    const aes = key === null ? undefined : new NodeCrypto().aesGcm(new Uint8Array(Buffer.from(key, "base64")));
    this.#socket.bind(0, "127.0.0.3");
    this.#socket.on("message", (packet) => {
      const message = aes === undefined ? packet : decryptPayload([aes], packet, none);
      for (const part of unpack(message)) {
        if (part[0] === messageType.ackResp) this.#ack(decodeAckResp(part.subarray(1)).seqNo);
      }
    });
    this.#timer = setInterval(() => {
      const seqNo = ++this.#sent;
      const ping = encodePing({ seqNo, node: name, sourceAddr: "", sourcePort: 0, sourceNode: "" });
      this.#sentAt.set(seqNo, performance.now());
      this.#socket.send(aes === undefined ? ping : encryptPayload(aes, 1, ping, none, 0), port, "127.0.0.1");
    }, pingEvery);
  }

  async end(): Promise<Pings> {
    clearInterval(this.#timer);
    await new Promise((resolve) => void setTimeout(resolve, lastWait));
    this.#socket.close();
    return { sent: this.#sent, answered: this.#answered, latest: this.#latest };
  }

  #ack(seqNo: number): void {
    const sentAt = this.#sentAt.get(seqNo);
    if (sentAt === undefined) return;
    this.#sentAt.delete(seqNo);
    this.#answered++;
    this.#latest = Math.max(this.#latest, performance.now() - sentAt);
  }
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
  const watcher = new Watcher(task);
  answer({});
  await lines.next();
  answer(await watcher.end());
} else {
  const attack = attacks.find(({ name }) => name === task.attack);
  if (attack === undefined) throw new Error(`there is no attack ${task.attack}`);
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
