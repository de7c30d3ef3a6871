import { describe, expect, it } from "vitest";
import { makeCompound } from "../../src/wire/compound.ts";
import { compressMessage } from "../../src/wire/compression/compress.ts";
import { encodeUser } from "../../src/wire/messages/encode.ts";
import { encodePushPull, encodeUserStream } from "../../src/wire/messages/push-pull.ts";
import { bytes, clusters } from "./cluster.ts";
import { aliveMessage, RawPeer } from "./raw-peer.ts";

const cluster = clusters();
const mebibyte = 1024 * 1024;

/** The bytes that the arrays kept by a delegate retain. */
function heldBy(kept: readonly Uint8Array[]): number {
  return [...new Set(kept.map(({ buffer }) => buffer))].reduce((sum, { byteLength }) => sum + byteLength, 0);
}

describe("a message that the application keeps", () => {
  it("does not retain the packet of 1 MiB that it arrived in", async () => {
    const one = cluster();
    const kept: Uint8Array[] = [];
    const node = await one.start({ delegate: { notifyMsg: (message) => void kept.push(message) } });
    const peer = new RawPeer(one);
    const parts = [encodeUser(bytes("short")), ...Array.from({ length: 15 }, () => new Uint8Array(65_000).fill(99))];
    const packet = compressMessage(makeCompound(parts));
    expect(packet.length).toBeLessThan(20_000);
    for (let i = 0; i < 20; i++) peer.send(packet, node);
    await one.advance(100);
    expect(kept).toHaveLength(20);
    expect(heldBy(kept)).toBeLessThanOrEqual(4 * 20 * 5);
  });

  it("does not retain the stream that it arrived in", async () => {
    const one = cluster();
    const kept: Uint8Array[] = [];
    const keep = (message: Uint8Array): void => void kept.push(message);
    const node = await one.start({ delegate: { notifyMsg: keep, mergeRemoteState: keep } });
    const peer = new RawPeer(one);
    const junk = new Uint8Array(10 * mebibyte);
    const withJunk = (message: Uint8Array): Uint8Array => {
      const whole = new Uint8Array(message.length + junk.length);
      whole.set(message);
      return compressMessage(whole);
    };
    for (const message of [encodeUserStream(bytes("short")), encodePushPull(false, [], bytes("state"))]) {
      const stream = await peer.dial(node);
      await one.settle(stream.write(withJunk(message)));
      await one.settle(stream.finish());
      await one.advance(1_000);
    }
    expect(kept).toEqual([bytes("short"), bytes("state")]);
    expect(heldBy(kept)).toBeLessThan(100);
  });

  it("does not retain a full alive packet, as a node of the alive and conflict delegates and as an event", async () => {
    const one = cluster();
    const kept: Uint8Array[] = [];
    const node = await one.start({
      alive: { notifyAlive: ({ meta }) => void kept.push(meta) },
      conflict: { notifyConflict: (_, { meta }) => void kept.push(meta) },
    });
    const events = node.members.events();
    const peer = new RawPeer(one);
    // A map of seven entries: the usual six, and an unknown one that fills the packet.
    const padding = [0xa3, 0x7a, 0x7a, 0x7a, 0xdb, 0, 0x0f, 0xf0, 0];
    for (const name of ["n1", "node-0"]) {
      const message = aliveMessage(name, "10.9.9.9", { meta: bytes("meta") });
      const padded = new Uint8Array(message.length + padding.length + 0x0ff000);
      padded.set(message);
      padded.set(padding, message.length);
      padded[1] = 0x87;
      peer.send(compressMessage(padded), node);
    }
    await one.advance(100);
    expect(await events.next()).toMatchObject({ value: { type: "join" } });
    const { value: conflict } = await events.next();
    if (conflict?.type !== "conflict") throw new Error("no conflict event");
    kept.push(conflict.other.meta);
    expect(kept.filter(({ length }) => length > 0)).toEqual([bytes("meta"), bytes("meta"), bytes("meta"), bytes("meta")]);
    expect(heldBy(kept)).toBeLessThan(2_048);
  });
});
