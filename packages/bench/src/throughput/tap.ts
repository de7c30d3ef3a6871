import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { compressMessage } from "../../../memberlist/src/wire/compression/compress.ts";
import { taskOf, type Case } from "./cases.ts";
import type { WireForm } from "../wire-check.ts";

const deadline = 3_000;
/** What compression has to save for a packet that is not compressed to be a mistake: a library may give up early on less. */
const worthwhile = 0.1;

/**
 * A socket that a sender addresses for a moment instead of its receiver: what it sends is taken apart and compared with what it should have sent.
 */
export class Tap {
  readonly port: number;
  readonly #socket: Socket;
  readonly #packets: Uint8Array[] = [];

  private constructor(socket: Socket) {
    this.#socket = socket;
    this.port = socket.address().port;
    socket.on("message", (packet) => this.#packets.push(packet));
  }

  static async open(): Promise<Tap> {
    const socket = createSocket("udp4");
    socket.bind(0, "127.0.0.1");
    await once(socket, "listening");
    socket.setRecvBufferSize(4 * 1024 * 1024);
    return new Tap(socket);
  }

  /** @throws Error when the payloads have not all come, each once and in the wrapping that the case asks for */
  async check(which: Case, { contentOf, compressedFrom }: WireForm): Promise<void> {
    const { payloads, key, compress } = taskOf(which);
    const keyBytes = key === null ? null : Buffer.from(key, "base64");
    const missing = new Set(payloads);
    const start = performance.now();
    let seen = 0;
    while (missing.size > 0) {
      if (performance.now() - start > deadline) throw new Error(`${missing.size} of ${payloads.length} payloads were not sent`);
      if (seen === this.#packets.length) await sleep(2);
      for (; seen < this.#packets.length; seen++) {
        const { messages, inner, isCompressed, hasCrc } = contentOf(this.#packets[seen] as Uint8Array, keyBytes);
        if (!hasCrc) throw new Error("a packet without its checksum");
        if (isCompressed ? !compress : compress && inner.length >= compressedFrom && isCompressible(inner)) {
          throw new Error(`a packet that is ${isCompressed ? "" : "not "}compressed`);
        }
        for (const message of messages) {
          if (!missing.delete(Buffer.from(message).toString("base64")))
            throw new Error("a message that should not have been sent");
        }
      }
    }
  }

  close(): void {
    this.#socket.close();
  }
}

function isCompressible(message: Uint8Array): boolean {
  return compressMessage(message).length < message.length * (1 - worthwhile);
}
