import * as fc from "fast-check";
import { expect, it } from "vitest";
import type { Address } from "../../src/index.ts";
import { MessageBlockBuilder, MessageBlockReader, type MessageBlock } from "../../src/thread/message-block.ts";
import { makeCompound, visitCompound } from "../../src/wire/compound.ts";
import { encodeUser } from "../../src/wire/messages/encode.ts";

interface Sent {
  readonly message: Uint8Array;
  readonly to: Address;
  readonly crc: boolean;
}

const address = fc.record({ host: fc.constantFrom("10.0.0.1", "10.0.0.2"), port: fc.nat(2), name: fc.constantFrom("", "a") });
const message = fc.uint8Array({ maxLength: 300 });

/** The block as it arrives in the other thread. */
function transferred(block: MessageBlock): MessageBlock {
  return structuredClone(block, { transfer: [block.bytes] });
}

/** Reads a block by either method. */
function read(block: MessageBlock): { readonly encoded: Sent[]; readonly messages: Omit<Sent, "crc">[] } {
  const encoded: Sent[] = [];
  const messages: Omit<Sent, "crc">[] = [];
  for (const reader = new MessageBlockReader(block); !reader.isAtEnd;)
    reader.nextEncoded((bytes, start, end, to, crc) => encoded.push({ message: bytes.slice(start, end), to: { ...to }, crc }));
  for (const reader = new MessageBlockReader(block); !reader.isAtEnd;)
    reader.next((bytes, to) => messages.push({ message: new Uint8Array(bytes), to: { ...to } }));
  return { encoded, messages };
}

it("keeps messages, addresses and their order, whether they come one by one or as parts of packets", () => {
  const single = fc.record({ message, to: address, crc: fc.boolean() });
  const packet = fc.record({ messages: fc.array(message, { minLength: 1, maxLength: 20 }), to: address, skip: fc.nat(20) });
  fc.assert(
    fc.property(
      fc.array(fc.oneof(single, packet), { maxLength: 30 }),
      fc.nat(2_000),
      fc.nat(20_000),
      (inputs, expected, maxBytes) => {
        const builder = new MessageBlockBuilder(maxBytes, expected);
        const sent: Sent[] = [];
        for (const input of inputs) {
          if ("message" in input) {
            builder.add(input.message, input.to, input.crc);
            sent.push(input);
            continue;
          }
          const bytes = makeCompound(input.messages.map(encodeUser));
          let i = 0;
          visitCompound(bytes.subarray(1), (start, end) => {
            const one = input.messages[i] as Uint8Array;
            // A message in between may have gone another way.
            if (i++ === input.skip) return;
            builder.addPart(bytes, start + 1, end + 1, input.to);
            sent.push({ message: one, to: input.to, crc: false });
          });
          builder.settle();
          bytes.fill(0);
        }
        expect([builder.count, builder.size]).toEqual([sent.length, sent.reduce((sum, one) => sum + 1 + one.message.length, 0)]);
        const { encoded, messages } = read(transferred(builder.build()));
        expect(messages).toEqual(sent.map(({ message: bytes, to }) => ({ message: bytes, to })));
        expect(encoded).toEqual(sent.map(({ message: bytes, to, crc }) => ({ message: encodeUser(bytes), to, crc })));
      },
    ),
  );
});

it("lets a message that is kept keep at most 16 times its bytes", () => {
  const builder = new MessageBlockBuilder(16 * 1024);
  const to = { host: "10.0.0.1", port: 7946, name: "a" };
  for (let size = 1; size < 2_000; size *= 2) builder.add(new Uint8Array(size), to);
  const reader = new MessageBlockReader(transferred(builder.build()));
  while (!reader.isAtEnd) reader.next((bytes) => expect(bytes.buffer.byteLength).toBeLessThanOrEqual(16 * bytes.length));
});

it("frees the memory that a block does not use while it waits", () => {
  const to = { host: "10.0.0.1", port: 7946, name: "a" };
  const before = process.memoryUsage().arrayBuffers;
  const builders = Array.from({ length: 512 }, () => {
    const builder = new MessageBlockBuilder(1024 * 1024, 1024 * 1024);
    builder.add(new Uint8Array(10), to);
    builder.end();
    return builder;
  });
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(200 * 1024 * 1024);
  expect(builders.map((builder) => builder.build().count)).toEqual(builders.map(() => 1));
});

it("ends if the receiver of a message transfers its buffer, which has the other messages, too", () => {
  const builder = new MessageBlockBuilder(16 * 1024);
  for (let i = 0; i < 4; i++) builder.add(new Uint8Array(1_200), { host: "10.0.0.1", port: 7946, name: "a" });
  const reader = new MessageBlockReader(transferred(builder.build()));
  let count = 0;
  while (!reader.isAtEnd) {
    reader.next(({ buffer }) => structuredClone(buffer, { transfer: [buffer as ArrayBuffer] }));
    count++;
  }
  expect(count).toBe(1);
});

it("makes blocks of its longest length at most, and longer ones only for a single message", () => {
  const to = { host: "10.0.0.1", port: 7946, name: "a" };
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 5_000 }),
      fc.integer({ min: 0, max: 2_000 }),
      fc.nat(10_000),
      (size, expected, maxBytes) => {
        const builder = new MessageBlockBuilder(maxBytes, expected);
        while (builder.hasRoom(1 + size)) builder.add(new Uint8Array(size), to);
        expect(builder.count).toBeGreaterThan(0);
        const { byteLength } = builder.build().bytes;
        expect(builder.count === 1 || byteLength <= maxBytes).toBe(true);
        // It is nearly full: one message and its part of the table would not fit.
        expect(byteLength + size + 48).toBeGreaterThan(maxBytes);
      },
    ),
  );
});
