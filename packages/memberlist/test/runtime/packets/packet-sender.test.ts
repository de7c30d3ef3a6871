import * as fc from "fast-check";
import { afterEach, describe, expect, it, vi } from "vitest";
import type { Address } from "../../../src/api/address.ts";
import { KeyringCipher } from "../../../src/encryption/keyring-cipher.ts";
import { Keyring } from "../../../src/encryption/keyring.ts";
import { systemClock } from "../../../src/ports/clock.ts";
import { Log } from "../../../src/ports/log.ts";
import { PacketSender } from "../../../src/runtime/packets/packet-sender.ts";
import { Stats } from "../../../src/runtime/stats.ts";
import { SeededRandom } from "../../../src/testing/seeded-random.ts";
import { packetSent } from "../../../src/wire/bytes.ts";
import { splitCompound } from "../../../src/wire/compound.ts";
import { decompressBody } from "../../../src/wire/compression/compress.ts";
import { compoundHeaderOverhead, crcOverhead } from "../../../src/wire/constants.ts";
import { encodeUser } from "../../../src/wire/messages/encode.ts";
import { decodePacket } from "../../../src/wire/packet.ts";
import { aesCrypto } from "../../wire/aes.ts";

const room = 1000;
const udpBufferSize = compoundHeaderOverhead + crcOverhead + room;
const label = new Uint8Array();

interface Sent {
  readonly to: Address;
  readonly crc: boolean;
  readonly size: number;
  readonly parts: readonly Uint8Array[];
}

interface Setup {
  readonly sender: PacketSender;
  readonly sent: Sent[];
  /** How many messages were lost by failures so far. */
  readonly failed: () => number;
  readonly transport: { mayGoOn: boolean; error: Error | undefined };
}

interface SetupOptions {
  readonly enableCompression?: boolean;
  readonly coalesceMessages?: boolean;
  /** The application's reaction to a warning. */
  readonly onWarning?: (setup: Setup) => void;
}

function partsOf(packet: Uint8Array): readonly Uint8Array[] {
  const outer = decodePacket(packet, { label, skipInboundLabelCheck: false });
  const message = outer[0] === 9 ? decompressBody(outer.subarray(1), 100_000) : outer;
  return message[0] === 7 ? splitCompound(message.subarray(1)).parts : [message];
}

function setup(
  { enableCompression = false, coalesceMessages = true, onWarning }: SetupOptions = {},
  Sender: typeof PacketSender = PacketSender,
): Setup {
  const sent: Sent[] = [];
  const transport: Setup["transport"] = { mayGoOn: true, error: undefined };
  const ignore = (): void => undefined;
  const logger = { debug: ignore, info: ignore, warn: () => onWarning?.(result), error: ignore };
  const clock = systemClock();
  const log = new Log(logger, clock);
  const stats = new Stats({ clock, log });
  const sender = new Sender({
    config: { coalesceMessages, enableCompression, udpBufferSize },
    transport: {
      writeTo: (packet, to) => {
        if (transport.error !== undefined) throw transport.error;
        sent.push({ to, crc: packet[0] === 12, size: packet.length, parts: partsOf(packet) });
        return transport.mayGoOn;
      },
    },
    label,
    cipher: undefined,
    log,
    stats,
    room: () => room,
    onFailed: (react) => react(),
  });
  const result: Setup = { sender, sent, failed: () => stats.counters()["send_failed"] ?? 0, transport };
  return result;
}

const a: Address = { host: "10.0.0.1", port: 7946, name: "a" };
const b: Address = { host: "10.0.0.2", port: 7946, name: "b" };
const random = new SeededRandom(1);
/** Compresses well. */
const message = (size: number, id: number): Uint8Array => encodeUser(new Uint8Array(size - 1).fill(id));
/** Does not compress. */
const noise = (size: number, id: number): Uint8Array =>
  encodeUser(Uint8Array.from({ length: size - 1 }, (_, i) => (i === 0 ? id : Math.floor(random.next() * 256))));
const endOfMicrotasks = (): Promise<void> => Promise.resolve().then(() => undefined);
const counts = (sent: readonly Sent[]): number[] => sent.map(({ parts }) => parts.length);

describe("a sender of several user messages in one turn", () => {
  it("puts messages to one receiver into one packet, and sends it when the running code returns", async () => {
    const { sender, sent } = setup();
    for (let i = 0; i < 3; i++) expect(sender.sendUser(message(10, i), a, true)).toBe(true);
    expect(sent).toEqual([]);
    await endOfMicrotasks();
    const size = compoundHeaderOverhead + crcOverhead + 3 * 12;
    expect(sent).toEqual([{ to: a, crc: true, size, parts: [0, 1, 2].map((i) => message(10, i)) }]);
    sender.sendUser(message(10, 9), a, false);
    await endOfMicrotasks();
    expect(sent[1]).toEqual({ to: a, crc: false, size: 10, parts: [message(10, 9)] });
  });

  it("groups messages by receiver, and by whether it understands checksums", async () => {
    const { sender, sent } = setup();
    const other = { ...a, port: 7947 };
    for (let i = 0; i < 2; i++) {
      for (const to of [a, b, other]) sender.sendUser(message(10, i), to, true);
      sender.sendUser(message(10, i), a, false);
    }
    await endOfMicrotasks();
    expect(sent.map(({ to, crc, parts }) => [to, crc, parts.length])).toEqual([
      [a, true, 2],
      [b, true, 2],
      [other, true, 2],
      [a, false, 2],
    ]);
  });

  it("sends a packet at once when it is full, in bytes or in parts", () => {
    const { sender, sent } = setup();
    sender.sendUser(message(room - 2 - 40, 1), a, true);
    expect(sent).toHaveLength(0);
    sender.sendUser(message(20, 2), a, true);
    expect(counts(sent)).toEqual([2]);
    sender.sendUser(message(room - 2, 3), a, true);
    expect(counts(sent)).toEqual([2, 1]);
    for (let i = 0; i < 256; i++) sender.sendUser(message(1, 0), a, true);
    expect(counts(sent)).toEqual([2, 1, 255]);
  });

  it("sends a packet for each message at once without coalesceMessages", () => {
    const { sender, sent } = setup({ coalesceMessages: false });
    for (let i = 0; i < 3; i++) sender.sendUser(message(10, i), a, true);
    expect(counts(sent)).toEqual([1, 1, 1]);
  });

  it("keeps the order, without loss and within the packet limit, for messages of any size", async () => {
    const sizes = fc.array(fc.record({ size: fc.integer({ min: 2, max: 1300 }), isNoise: fc.boolean() }), { maxLength: 60 });
    await fc.assert(
      fc.asyncProperty(sizes, fc.boolean(), async (all, enableCompression) => {
        const { sender, sent } = setup({ enableCompression });
        const messages = all.map(({ size, isNoise }, i) => (isNoise ? noise(size, i) : message(size, i)));
        for (const one of messages) sender.sendUser(one, a, true);
        await endOfMicrotasks();
        expect(sent.flatMap(({ parts }) => parts)).toEqual(messages);
        expect(sent.every(({ parts, size }) => parts.length === 1 || size <= udpBufferSize)).toBe(true);
      }),
    );
  });

  it("sends the waiting messages when it stops, without reporting a failure", () => {
    const { sender, sent, failed, transport } = setup();
    sender.sendUser(message(10, 1), a, true);
    sender.stop();
    expect(counts(sent)).toEqual([1]);
    transport.error = new Error("closed");
    sender.sendUser(message(10, 2), a, true);
    sender.stop();
    expect(failed()).toBe(0);
  });
});

describe("a sender of messages that compress well", () => {
  it("fills packets by their compressed size", () => {
    const { sender, sent } = setup({ enableCompression: true });
    for (let i = 0; i < 200; i++) sender.sendUser(message(900, i & 255), a, true);
    expect(Math.min(...counts(sent.slice(-5)))).toBeGreaterThanOrEqual(4);
    expect(Math.max(...sent.map(({ size }) => size))).toBeLessThanOrEqual(udpBufferSize);
  });

  it("overfills few packets", async () => {
    const { sender, sent } = setup({ enableCompression: true });
    const letters = new SeededRandom(3);
    const text = (id: number): Uint8Array =>
      encodeUser(Uint8Array.from({ length: 199 }, (_, i) => (i === 0 ? id : 97 + Math.floor(letters.next() * 4))));
    const turns = 200;
    for (let turn = 0; turn < turns; turn++) {
      for (let i = 0; i < 24; i++) sender.sendUser(text(i), a, true);
      await endOfMicrotasks();
    }
    // Thirteen fit. Fourteen do not, and become two packets of seven: then a turn has three packets instead of two.
    expect(sent.length).toBeLessThan(turns * 2.4);
  });

  it("fills packets as before beside long messages that do not compress", () => {
    const { sender, sent } = setup({ enableCompression: true });
    for (let i = 0; i < 300; i++) {
      sender.sendUser(message(300, i & 255), a, true);
      if (i % 60 === 59) sender.sendUser(noise(8000, 1), b, true);
    }
    const toA = sent.filter(({ to }) => to === a);
    expect(Math.min(...counts(toA.slice(-5)))).toBeGreaterThanOrEqual(8);
  });

  it("sends smaller packets when the messages stop compressing", () => {
    const { sender, sent } = setup({ enableCompression: true });
    for (let i = 0; i < 100; i++) sender.sendUser(message(900, i), a, true);
    const before = sent.length;
    for (let i = 100; i < 200; i++) sender.sendUser(noise(900, i), a, true);
    sender.stop();
    // The first of these had begun before.
    expect(new Set(counts(sent.slice(before + 2)))).toEqual(new Set([1]));
    expect(Math.max(...sent.map(({ size }) => size))).toBeLessThanOrEqual(udpBufferSize);
    expect(sent.flatMap(({ parts }) => parts.map((part) => part[1]))).toEqual(Array.from({ length: 200 }, (_, i) => i));
  });
});

describe("the transport's result", () => {
  it("reaches the next call once, for a packet sent later", async () => {
    const { sender, transport } = setup();
    transport.mayGoOn = false;
    expect(sender.sendUser(message(10, 1), a, true)).toBe(true);
    await endOfMicrotasks();
    transport.mayGoOn = true;
    expect(sender.sendUser(message(10, 2), a, true)).toBe(false);
    expect(sender.sendUser(message(10, 3), a, true)).toBe(true);
  });

  it("reaches the caller at once for a packet sent at once", () => {
    const { sender, transport } = setup();
    transport.mayGoOn = false;
    expect(sender.sendUser(message(room - 2, 1), a, true)).toBe(false);
  });

  it("counts for each message of a packet when it throws", async () => {
    const { sender, failed, transport } = setup();
    transport.error = new Error("no");
    for (let i = 0; i < 3; i++) sender.sendUser(message(10, i), a, true);
    await endOfMicrotasks();
    expect(failed()).toBe(3);
    sender.sendUser(message(10, 9), b, true);
    await endOfMicrotasks();
    expect(failed()).toBe(4);
    // A message with a packet of its own fails in the call itself.
    expect(() => sender.sendUser(message(2 * room, 1), a, true)).toThrow("no");
    expect(failed()).toBe(4);
  });

  it("loses no message that is sent while a failure is reported", async () => {
    const { sender, sent, transport } = setup({
      onWarning: (setup) => {
        setup.transport.error = undefined;
        setup.sender.sendUser(message(10, 3), a, true);
      },
    });
    transport.error = new Error("no network");
    sender.sendUser(message(600, 1), a, true);
    sender.sendUser(message(600, 2), a, true);
    await endOfMicrotasks();
    expect(sent.flatMap(({ parts }) => parts.map((part) => part[1]))).toEqual([3, 2]);
  });
});

interface MemorySetup {
  readonly sender: PacketSender;
  readonly kept: readonly { readonly packet: Uint8Array; readonly copy: Uint8Array }[];
  readonly places: ReadonlySet<ArrayBufferLike>;
}

describe("the memory of packets", () => {
  /** A sender whose packets are put on `kept`, or are sent at once. */
  function memorySetup(
    isKept: () => boolean,
    { enableCompression, cipher }: { readonly enableCompression: boolean; readonly cipher?: KeyringCipher | undefined },
  ): MemorySetup {
    const kept: { readonly packet: Uint8Array; readonly copy: Uint8Array }[] = [];
    const places = new Set<ArrayBufferLike>();
    const ignore = (): void => undefined;
    const clock = systemClock();
    const log = new Log({ debug: ignore, info: ignore, warn: ignore, error: ignore }, clock);
    const sender = new PacketSender({
      config: { coalesceMessages: true, enableCompression, udpBufferSize },
      transport: {
        writeTo: (packet) => {
          places.add(packet.buffer);
          if (isKept()) kept.push({ packet, copy: packet.slice() });
          else packetSent(packet);
          return true;
        },
      },
      label,
      cipher,
      log,
      stats: new Stats({ clock, log }),
      room: () => room,
      onFailed: ignore,
    });
    return { sender, kept, places };
  }

  const encryption = (): KeyringCipher =>
    new KeyringCipher({
      config: { protocolVersion: 2, gossipVerifyIncoming: true, gossipVerifyOutgoing: true },
      keyring: new Keyring([], new Uint8Array(16)),
      crypto: aesCrypto,
      onKeyLimitReached: () => undefined,
    });

  const modes = [true, false].flatMap((enableCompression) =>
    [undefined, encryption()].map((cipher) => ({ enableCompression, cipher })),
  );

  it("stays as it is until the transport has sent the packet, in any order of messages", async () => {
    const send = fc.record({
      size: fc.integer({ min: 2, max: 1300 }),
      to: fc.constantFrom(a, b),
      isEngines: fc.boolean(),
      isKept: fc.boolean(),
      isAwaited: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...modes), fc.array(send, { maxLength: 60 }), async (mode, sends) => {
        let isKept = false;
        const { sender, kept } = memorySetup(() => isKept, mode);
        const shared = message(30, 77);
        for (const [i, { size, to, isEngines, isAwaited, ...one }] of sends.entries()) {
          ({ isKept } = one);
          // The engine sends one message to several.
          if (isEngines) for (const crc of [true, false]) sender.send(shared, to, crc);
          else sender.sendUser(i % 2 === 0 ? noise(size, i) : message(size, i), to, i % 3 > 0);
          if (isAwaited) await endOfMicrotasks();
        }
        await endOfMicrotasks();
        for (const { packet, copy } of kept) expect(packet).toEqual(copy);
        expect(shared).toEqual(message(30, 77));
      }),
    );
  });

  it.each([true, false])("serves any number of packets that are sent at once, with compression %s", async (enableCompression) => {
    const { sender, places } = memorySetup(() => false, { enableCompression });
    for (let i = 0; i < 500; i++) {
      sender.sendUser(noise(900, i), a, true);
      await endOfMicrotasks();
      sender.send(message(60, 1), b, true);
      for (let part = 0; part < 3; part++) sender.sendUser(noise(200, part), a, true);
      await endOfMicrotasks();
    }
    // The messages that the engine sends are not given back, so that there is more than one piece of memory.
    expect(places.size).toBeLessThan(4);
  });
});

interface WebAssemblyRuntime {
  readonly WebAssembly: { readonly Module: new (bytes: Uint8Array) => object; readonly Instance: unknown };
}

/** The types of Node and Deno disagree on it. */
function runtimeOf(global: object): WebAssemblyRuntime {
  return global as WebAssemblyRuntime;
}

describe("the first packet", () => {
  afterEach(() => {
    vi.unstubAllGlobals();
    vi.resetModules();
  });

  it.each([true, false])("does not wait for the compressor to be compiled, with compression %s", async (enableCompression) => {
    let compiled = 0;
    const { Instance, Module } = runtimeOf(globalThis).WebAssembly;
    class CountedModule extends Module {
      constructor(bytes: Uint8Array) {
        super(bytes);
        compiled++;
      }
    }
    vi.stubGlobal("WebAssembly", { Instance, Module: CountedModule });
    vi.resetModules();
    const { PacketSender: FreshSender } = await import("../../../src/runtime/packets/packet-sender.ts");
    const { sender } = setup({ enableCompression }, FreshSender);
    sender.prepare();
    expect(compiled).toBe(enableCompression ? 1 : 0);
    sender.send(encodeUser(new Uint8Array(100)), a, false);
    expect(compiled).toBe(enableCompression ? 1 : 0);
  });
});
