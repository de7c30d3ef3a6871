import { isIP } from "node:net";
import { createMemberlist, lanConfig, type Memberlist, type Transport, type TransportStream } from "../src/index.ts";
import { streamOnly } from "../src/stream-only/stream-only.ts";
import { encodeFrame, encodeHeader } from "../src/stream-only/packet-frames.ts";
import { MemoryNetwork, SeededRandom, settlePromises, VirtualClock } from "../src/testing/index.ts";
import { splitCompound } from "../src/wire/compound.ts";
import { decompressBody } from "../src/wire/compression/compress.ts";
import { messageType } from "../src/wire/constants.ts";
import { decodeAckResp } from "../src/wire/messages/decode.ts";
import { encodePing } from "../src/wire/messages/encode.ts";
import { addLabel } from "../src/wire/label.ts";
import { decodePacket, encodePacket } from "../src/wire/packet.ts";
import type { PayloadCipher } from "../src/wire/encryption.ts";
import { encodeStreamMessage } from "../src/wire/stream-layers.ts";
import { encodeUtf8 } from "../src/wire/utf8.ts";
import { aes, aesCrypto, cipherOf, patterned } from "../test/wire/aes.ts";
import { bend, type Case, type Step, type Wrap } from "./inputs.ts";
import { threadTime, TurnMeter } from "./turn-meter.ts";

const tcpTimeout = 2_000;
/** The CPU time that a packet may take at all members together, and a stream in one turn of the event loop, in ms. */
const packetMax = 20;
const turnMax = 25;
/**
 * A slower case is played again up to so many times: the compiler, the garbage collector and other processes make a turn long now and then.
 */
const slowPlays = 9;
/** The longest buffer that the application or the table may keep alive, in bytes. */
const keptMax = 2_048;
/** In bytes. */
const packetStreamMax = 200_000;
/** The longest field of a log line, in characters and in items. */
const loggedTextMax = 4_500;
const loggedItemsMax = 16;
/** The number of packets between members that are kept for replay. */
const recordedMax = 200;
const none = new Uint8Array(0);
const wrongKey = patterned(16, 9);
const key = patterned(16, 1);
const seqNo = 0x7eaddead;
const isAlive = encodePing({ seqNo, node: "target", sourceAddr: "", sourcePort: 0, sourceNode: "" });

type StreamStep = Extract<Step, { kind: "stream" }>;

/** Two whole members in virtual time, and an attacker of the first one. */
class World {
  readonly clock: VirtualClock;
  readonly #meter: TurnMeter;
  readonly #random: SeededRandom = new SeededRandom(1);
  readonly #network: MemoryNetwork;
  readonly #case: Case;
  readonly #label: Uint8Array;
  readonly #ours: PayloadCipher | undefined;
  readonly #theirs: PayloadCipher | undefined;
  readonly #heard: Uint8Array[] = [];
  readonly #recorded: Uint8Array[] = [];
  readonly #kept: Uint8Array[] = [];
  readonly #problems: string[] = [];
  readonly #members: Memberlist[] = [];
  #attacker: Transport | undefined;
  /** Streams of packets that the attacker has left open: a member keeps those that bring good ones. */
  readonly #left: TransportStream[] = [];
  #openStreams = 0;
  /** How far over what it may take the slowest packet, or turn for a stream, was. */
  #slowest = 0;

  /** @param time measures turns, in ms */
  constructor(given: Case, time: () => number) {
    this.#meter = new TurnMeter(time);
    this.clock = new VirtualClock({ settle: this.#meter.settle });
    this.#network = new MemoryNetwork({ clock: this.clock, random: this.#random.fork() });
    this.#case = given;
    this.#label = encodeUtf8(given.label);
    const nonces = this.#random.fork();
    const nonce = (): Uint8Array => Uint8Array.from({ length: 12 }, () => Math.floor(nonces.next() * 256));
    this.#ours = given.encrypted ? cipherOf([aes(key, nonce)]) : undefined;
    this.#theirs = given.encrypted && !given.insider ? cipherOf([aes(wrongKey, nonce)]) : this.#ours;
  }

  /** As a multiple of the limit. */
  get slowest(): number {
    return this.#slowest;
  }

  /** Whether the attacker can make itself understood at all. */
  get #isOutsider(): boolean {
    return this.#case.encrypted && !this.#case.insider;
  }

  get #target(): Memberlist {
    return this.#members[0] as Memberlist;
  }

  get #transport(): Transport {
    return this.#attacker as Transport;
  }

  async start(): Promise<void> {
    for (const name of ["target", "friend"]) this.#members.push(await this.#member(name));
    await this.clock.settle(this.#members[1]?.join(["target/10.0.0.1:7946"]) as Promise<unknown>);
    this.#attacker = this.#overStreams(this.#network.transport({ host: "10.9.9.9" }));
    this.#attacker.listen({
      packet: (packet) => void this.#heard.push(packet),
      stream: (stream) => stream.close(),
    });
    await this.clock.advance(100);
  }

  async take(step: Step): Promise<void> {
    switch (step.kind) {
      case "packet":
        await this.#packet(this.#wrapPacket(step.message, step.wrap));
        break;
      case "replay": {
        const packet = this.#recorded[step.which % Math.max(1, this.#recorded.length)];
        if (packet !== undefined) await this.#packet(packet);
        break;
      }
      case "stream":
        await this.#stream(step, this.#wrapStream(step.message, step.wrap));
        break;
      case "packetStream":
        await this.#stream({ ...step, pieces: 1, copies: 1 }, this.#packetStream(step));
        break;
      case "wait":
        this.#meter.start();
        await this.clock.advance(step.ms);
        this.#slowest = Math.max(this.#slowest, this.#meter.end().longest / turnMax);
        break;
    }
  }

  /** Lets all timeouts pass, and returns the problems found; an empty list without any. */
  async end(): Promise<readonly string[]> {
    for (const stream of this.#left.splice(0)) stream.close();
    // Everything that hangs has been cut by then, and an accused member has refuted.
    await this.clock.advance(tcpTimeout + 4_000);
    if (this.#openStreams > 0) this.#problems.push(`${this.#openStreams} streams are open after tcpTimeout`);
    this.#checkMembers();
    this.#checkKept();
    await this.#checkAnswers();
    for (const members of this.#members) await this.clock.settle(members.shutdown());
    await this.clock.settle(this.#transport.shutdown());
    await this.clock.advance(1_000);
    if (this.clock.pending > 0) this.#problems.push(`${this.clock.pending} timers wait after the shutdown`);
    await settlePromises();
    return this.#problems;
  }

  async #member(name: string): Promise<Memberlist> {
    const { encrypted, label, compress, delegates, protocolVersion } = this.#case;
    const transport = this.#overStreams(Object.assign(this.#network.transport(), { crypto: aesCrypto }));
    const writeTo = transport.writeTo.bind(transport);
    transport.writeTo = (packet, to, done) => {
      if (this.#recorded.length < recordedMax) this.#recorded.push(packet.slice());
      return writeTo(packet, to, done);
    };
    const complain = (fields: { readonly code: string }, message: string): void =>
      void this.#problems.push(`logged as an error: ${fields.code}: ${message}`);
    const ignore = (): void => {};
    return createMemberlist({
      ...lanConfig(),
      name,
      transport,
      label,
      tcpTimeout,
      enableCompression: compress,
      protocolVersion,
      pushPullInterval: 5_000,
      clock: this.clock,
      random: this.#random.fork(),
      logger: { debug: ignore, info: ignore, warn: ignore, error: complain },
      ...(encrypted && { secretKey: key }),
      delegate: { notifyMsg: (message) => void this.#kept.push(message) },
      ...(delegates && {
        alive: { notifyAlive: ({ meta }) => void this.#kept.push(meta) },
        conflict: { notifyConflict: (_, { meta }) => void this.#kept.push(meta) },
      }),
      limits: { maxDecompressedBytes: 1024 * 1024, maxUserMsgBytes: 100_000, maxPushStateBytes: 100_000 },
    });
  }

  #overStreams(transport: Transport): Transport {
    const { clock } = this;
    return this.#case.streamOnly ? streamOnly(transport, { port: 7946, clock, random: this.#random.fork() }) : transport;
  }

  get #address(): { readonly host: string; readonly port: number; readonly name: string } {
    return { host: "10.0.0.1", port: 7946, name: "target" };
  }

  async #packet(packet: Uint8Array): Promise<void> {
    this.#transport.writeTo(packet, this.#address);
    this.#meter.start();
    await this.clock.advance(this.#case.streamOnly ? 10 : 2);
    this.#slowest = Math.max(this.#slowest, this.#meter.end().total / packetMax);
  }

  #wrapPacket(message: Uint8Array, { encrypted, labelled, crc, bend: changes }: Wrap): Uint8Array {
    const cipher = encrypted ? this.#theirs : undefined;
    const packet = encodePacket(message, { compress: false, crc, label: labelled ? this.#label : none, cipher });
    return bend(packet, changes);
  }

  #wrapStream(message: Uint8Array, { encrypted, labelled, bend: changes }: Wrap): Uint8Array {
    const label = labelled ? this.#label : none;
    const body = encodeStreamMessage(message, { compress: false }, { label, cipher: encrypted ? this.#theirs : undefined });
    return bend(label.length === 0 ? body : addLabel(body, label), changes);
  }

  #packetStream({ packets, count, bend: changes }: Extract<Step, { kind: "packetStream" }>): Uint8Array {
    const wrapped = packets.map(({ message, wrap }) => this.#wrapPacket(message, wrap)).filter(({ length }) => length > 0);
    const frames = Array.from({ length: wrapped.length === 0 ? 0 : count }, (_, i) =>
      encodeFrame(wrapped[i % wrapped.length] as Uint8Array),
    );
    const bytes = Buffer.concat([encodeHeader(7946, new Uint8Array(8)), ...frames]).subarray(0, packetStreamMax);
    return changes.length === 0 ? bytes : bend(bytes, changes);
  }

  async #stream(
    { pieces, copies, end, kind }: Pick<StreamStep, "pieces" | "end"> & { readonly copies: number; readonly kind: string },
    bytes: Uint8Array,
  ): Promise<void> {
    const streams: TransportStream[] = [];
    for (let i = 0; i < copies; i++) streams.push(await this.#dial());
    const writers = streams.map(({ writable }) => writable.getWriter());
    for (const { closed } of writers) closed.catch(() => undefined);
    const size = Math.ceil(bytes.length / pieces);
    this.#meter.start();
    for (let at = 0; at < bytes.length; at += size) {
      for (const writer of writers) writer.write(bytes.slice(at, at + size)).catch(() => undefined);
      await this.clock.advance(1);
    }
    if (end === "finish") for (const writer of writers) writer.close().catch(() => undefined);
    if (end === "close") for (const stream of streams) stream.close();
    if (end === "leave" && kind === "packetStream") this.#left.push(...streams);
    await this.clock.advance(3);
    this.#slowest = Math.max(this.#slowest, this.#meter.end().longest / turnMax);
  }

  async #dial(): Promise<TransportStream> {
    const stream = await this.clock.settle(this.#transport.dial(this.#address, { timeout: 1_000 }));
    this.#openStreams++;
    const isOver = this.#drain(stream.readable).then(() => this.#openStreams--);
    isOver.catch(() => undefined);
    return stream;
  }

  async #drain(readable: ReadableStream<Uint8Array>): Promise<number> {
    const reader = readable.getReader();
    let size = 0;
    for (;;) {
      try {
        const { done, value } = await reader.read();
        if (done) return size;
        size += value.length;
      } catch {
        return size;
      }
    }
  }

  #checkMembers(): void {
    const local = this.#target.localNode();
    if (local.name !== "target" || local.state !== "alive")
      this.#problems.push(`the local node is ${local.name}, ${local.state}`);
    if (local.addr !== "10.0.0.1" || local.port !== 7946) this.#problems.push(`the local node is at ${local.addr}:${local.port}`);
    const all = this.#target.members();
    if (new Set(all.map(({ name }) => name)).size !== all.length) this.#problems.push("the table lists a name twice");
    for (const { name, addr, port, incarnation, meta } of all) {
      const isWell = isIP(addr) !== 0 && port >= 0 && port <= 65_535 && meta.length <= 512;
      const isU32 = Number.isInteger(incarnation) && incarnation >= 0 && incarnation <= 0xffffffff;
      if (!isWell || !isU32) this.#problems.push(`member ${name}: ${addr}:${port}, incarnation ${incarnation}`);
    }
    const seen = all
      .map(({ name, state }) => `${name} ${state}`)
      .toSorted()
      .join();
    if (this.#isOutsider && seen !== "friend alive,target alive") {
      this.#problems.push(`who has no key has changed the membership: ${seen}`);
    }
  }

  /** Checks that bytes kept by members, applications and readers of events do not retain the packet or stream that they arrived in. */
  #checkKept(): void {
    const metadata = this.#members.flatMap((one) => one.members().map(({ meta }) => meta));
    for (const event of this.#members.flatMap((one) => one.recentEvents())) {
      if (event.type === "log") this.#checkLogged(event.fields);
      if ("node" in event) metadata.push(event.node.meta);
      if (event.type === "conflict") metadata.push(event.other.meta);
    }
    for (const bytes of [...this.#kept, ...metadata]) {
      const behind = bytes.buffer.byteLength;
      if (behind > Math.max(keptMax, 4 * bytes.length)) this.#problems.push(`${bytes.length} bytes keep ${behind}`);
    }
  }

  /** Checks that each field of a log line, which is kept, too, is at most as long as a name and some text, or a few items. */
  #checkLogged(fields: Readonly<Record<string, unknown>>): void {
    for (const [name, value] of Object.entries(fields)) {
      const isLong =
        typeof value === "string" ? value.length > loggedTextMax : Array.isArray(value) && value.length > loggedItemsMax;
      if (isLong || ArrayBuffer.isView(value)) this.#problems.push(`${String(fields["code"])} logs a long ${name}`);
    }
  }

  /** The target answers by packet and by stream, as it does to a member. */
  async #checkAnswers(): Promise<void> {
    const cipher = this.#ours;
    const label = this.#label;
    this.#heard.length = 0;
    this.#transport.writeTo(encodePacket(isAlive, { compress: false, crc: false, label, cipher }), this.#address);
    await this.clock.advance(10);
    const messages = this.#heard.flatMap((packet) =>
      unpack(decodePacket(packet, { label, skipInboundLabelCheck: false, cipher })),
    );
    const isAnswered = messages.some(
      (message) => message[0] === messageType.ackResp && decodeAckResp(message.subarray(1)).seqNo === seqNo,
    );
    if (!isAnswered) this.#problems.push("a ping by packet is not answered any more");
    const stream = await this.clock.settle(this.#transport.dial(this.#address, { timeout: 1_000 }));
    const body = encodeStreamMessage(isAlive, { compress: false }, { label, cipher });
    const writer = stream.writable.getWriter();
    writer.closed.catch(() => undefined);
    writer.write(label.length === 0 ? body : addLabel(body, label)).catch(() => undefined);
    if ((await this.clock.settle(this.#drain(stream.readable))) === 0) {
      this.#problems.push("a ping by stream is not answered any more");
    }
    stream.close();
  }
}

function unpack(message: Uint8Array): Uint8Array[] {
  const body = message.subarray(1);
  if (message[0] === messageType.compress) return unpack(decompressBody(body, 1_000_000));
  if (message[0] === messageType.compound) return splitCompound(body).parts.flatMap(unpack);
  return [message];
}

/** Plays one attack. @throws Error with all that is wrong afterwards, and for what takes too long each time that it is played */
export async function play(given: Case): Promise<void> {
  let slowest = await playOnce(given, () => performance.now());
  for (let i = 0; i < slowPlays && slowest > 1; i++) slowest = Math.min(slowest, await playOnce(given, threadTime));
  if (slowest <= 1) return;
  throw new Error(
    `${slowest.toFixed(1)} times the CPU that a packet (${packetMax} ms) or a turn for a stream (${turnMax} ms) may take`,
  );
}

/** @returns the slowest work, as a multiple of its limit */
async function playOnce(given: Case, time: () => number): Promise<number> {
  const rejections: unknown[] = [];
  const note = (reason: unknown): void => void rejections.push(reason);
  process.on("unhandledRejection", note);
  try {
    const world = new World(given, time);
    await world.start();
    for (const step of given.steps) await world.take(step);
    const problems = [...(await world.end())];
    for (const reason of rejections) problems.push(`a promise was rejected without a handler: ${String(reason)}`);
    if (problems.length > 0) throw new Error(problems.join("\n"));
    return world.slowest;
  } finally {
    process.off("unhandledRejection", note);
  }
}
