import type { Address } from "../api/address.ts";
import type { ResolvedConfig } from "../config/config.ts";
import type { Encryption } from "../encryption/encryption.ts";
import { KeyringCipher } from "../encryption/keyring-cipher.ts";
import { createLog } from "../ports/log.ts";
import { randomU32 } from "../ports/random.ts";
import type { Transport } from "../ports/transport.ts";
import { Outputs } from "../swim/outputs.ts";
import { PacketDispatcher } from "../swim/packet-dispatcher.ts";
import { emptyBytes } from "../wire/bytes.ts";
import { makeCompound } from "../wire/compound.ts";
import { encodeAckResp, encodeIndirectPing, encodePing } from "../wire/messages/encode.ts";
import type { Ping } from "../wire/messages/types.ts";
import { decodePacket, encodePacket } from "../wire/packet.ts";
import { encodeUtf8 } from "../wire/utf8.ts";
import { PendingOperations } from "./pending-operations.ts";
import { Stats } from "./stats.ts";

export interface PacketVisitorOptions {
  readonly config: ResolvedConfig;
  /** It gets this visitor as its listener. */
  readonly transport: Transport;
  readonly encryption: Encryption | undefined;
}

/** The answer to a sequence number. */
interface Answer {
  readonly type: "ack" | "nack";
  /** In ms, on the clock. */
  readonly at: number;
}

/** Where an answer is to go. */
type Source = Pick<Ping, "sourceAddr" | "sourcePort" | "sourceNode">;

/** Answers go to where the packet came from. */
const toSender: Source = { sourceAddr: "", sourcePort: 0, sourceNode: "" };

/**
 * Finds out by pings which packets get through between here and members, and between two members, without being a member: pings
 * leave no trace. Packets that are not an answer are dropped.
 */
export class PacketVisitor {
  readonly #options: PacketVisitorOptions;
  readonly #operations: PendingOperations;
  readonly #label: Uint8Array;
  readonly #cipher: KeyringCipher | undefined;
  readonly #answers: Map<number, (answer: Answer) => void> = new Map();
  /** The expected pings that peers send at our request, by the name that they are for. */
  readonly #expected: Map<string, (seqNo: number) => void> = new Map();
  #seqNo: number;

  constructor(options: PacketVisitorOptions) {
    this.#options = options;
    const { config, transport, encryption } = options;
    const ignore = (): void => undefined;
    const log = createLog({ clock: config.clock, logger: { debug: ignore, info: ignore, warn: ignore, error: ignore } });
    this.#operations = new PendingOperations(config.clock);
    this.#label = encodeUtf8(config.label);
    this.#cipher = encryption && new KeyringCipher({ ...encryption, config, onKeyLimitReached: ignore });
    this.#seqNo = randomU32(config.random);
    const dispatcher = new PacketDispatcher({
      context: { config, log, outputs: new Outputs(), stats: new Stats({ clock: config.clock, log }) },
      membership: { isDuplicate: () => true, alive: ignore, suspect: ignore, dead: ignore, allowsPacket: () => false },
      responder: { ping: (ping) => this.#expected.get(ping.node)?.(ping.seqNo), indirectPing: ignore },
      acks: {
        ack: ({ seqNo }, at) => this.#answers.get(seqNo)?.({ type: "ack", at }),
        nack: (seqNo) => this.#answers.get(seqNo)?.({ type: "nack", at: config.clock.now() }),
      },
    });
    const layers = { label: this.#label, skipInboundLabelCheck: false, cipher: this.#cipher };
    transport.listen({
      packet: (bytes, from, receivedAt) => {
        try {
          return dispatcher.receive(decodePacket(bytes, layers), from, receivedAt);
        } catch {
          return false;
        } finally {
          // A visitor ignores membership and user messages.
          dispatcher.clear();
        }
      },
      stream: (stream) => stream.close(),
    });
  }

  /**
   * Pings a node. It answers only to its own name, or to "".
   *
   * @param size pads the packet to so many bytes of UDP payload
   * @returns the round-trip time in ms; undefined if no ack came in time
   */
  async ping(to: Address, timeout: number, size: number = 0): Promise<number | undefined> {
    const seqNo = this.#nextSeqNo();
    const sentAt = this.#options.config.clock.now();
    const answered = this.#answer(seqNo, timeout);
    this.#send(encodePing({ seqNo, node: to.name, ...toSender }), to, size);
    const answer = await answered;
    return answer && answer.at - sentAt;
  }

  /**
   * Asks `via` to ping `target`.
   *
   * @returns "ack" if the target answered it, "nack" if not; undefined if `via` did not say
   */
  async relay(via: Address, target: Address, timeout: number): Promise<Answer["type"] | undefined> {
    const seqNo = this.#nextSeqNo();
    const answered = this.#answer(seqNo, timeout);
    const { host, port, name: node } = target;
    this.#send(encodeIndirectPing({ seqNo, target: host, port, node, nack: true, ...toSender }), via);
    return (await answered)?.type;
  }

  /**
   * Whether packets get from one member to another. `to` is asked to ping this visitor, whose answer it then gets from `from`: as it
   * accepts that one, it passes it on.
   *
   * @param here this visitor's address, as `to` reaches it
   * @returns undefined if `to` cannot reach this visitor, so that nothing was found out
   */
  async passes(from: Address, to: Address, here: Address, timeout: number): Promise<boolean | undefined> {
    const seqNo = this.#nextSeqNo();
    const name = `visitor-${seqNo}`;
    const asked = this.#wait<number>(timeout, (resolve) => {
      this.#expected.set(name, resolve);
      return () => this.#expected.delete(name);
    });
    const request = { seqNo, target: here.host, port: here.port, node: name, nack: false, ...toSender };
    this.#send(encodeIndirectPing(request), to);
    const pingSeqNo = await asked;
    if (pingSeqNo === undefined) return undefined;
    const answered = this.#answer(seqNo, timeout);
    const source = { sourceAddr: to.host, sourcePort: to.port, sourceNode: to.name };
    this.#send(encodePing({ seqNo: pingSeqNo, node: from.name, ...source }), from);
    return (await answered) !== undefined;
  }

  #answer(seqNo: number, timeout: number): Promise<Answer | undefined> {
    return this.#wait<Answer>(timeout, (resolve) => {
      this.#answers.set(seqNo, (answer) => resolve(answer));
      return () => this.#answers.delete(seqNo);
    });
  }

  /** Undefined after the timeout. */
  #wait<T>(timeout: number, start: (resolve: (value: T) => void) => () => void): Promise<T | undefined> {
    return this.#operations.run<T>({ what: "an answer", timeout }, start).catch(() => undefined);
  }

  #nextSeqNo(): number {
    this.#seqNo = (this.#seqNo + 1) >>> 0;
    return this.#seqNo;
  }

  #send(message: Uint8Array, to: Address, size: number = 0): void {
    const { transport } = this.#options;
    let packet = this.#encode(message);
    if (size > packet.length) {
      // All members ignore an ack with an unknown sequence number: it carries the padding. A few tries find the length of the padding.
      let padding = Math.max(0, size - packet.length - paddingOverhead);
      for (let tries = 0; tries < 3; tries++) {
        const ack = encodeAckResp({ seqNo: this.#seqNo, payload: padding === 0 ? emptyBytes : new Uint8Array(padding) });
        packet = this.#encode(makeCompound([message, ack]));
        padding = Math.max(0, padding + size - packet.length);
      }
    }
    transport.writeTo(packet, to);
  }

  #encode(message: Uint8Array): Uint8Array {
    return encodePacket(message, { compress: false, crc: false, label: this.#label, cipher: this.#cipher });
  }
}

/** About what a second message in a packet takes besides its payload, in bytes. */
const paddingOverhead = 32;
