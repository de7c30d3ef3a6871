import { encryptOverhead } from "../../../memberlist/src/wire/encryption.ts";
import { gossipPacket, nodesInPacket, randomBytes } from "../payloads.ts";
import type { NodeTask } from "./node-task.ts";
import { isBare, isRust, type RuntimeName } from "./runtimes.ts";

const modes = ["plain", "compressed", "encrypted", "both"] as const;
export type Mode = (typeof modes)[number];
export const payloadKinds = ["gossip", "json", "random"] as const;
type PayloadKind = (typeof payloadKinds)[number];
/** Message bytes (64, 512), or a buffer that is filled (1,400 and more). */
const sizes = [64, 512, 1400, 8192, 65_507] as const;

export interface Case {
  readonly mode: Mode;
  readonly size: number;
  readonly payload: PayloadKind;
}

/** Every payload, mode and size. */
export function allCases(): Case[] {
  return sizes.flatMap((size) => payloadKinds.flatMap((payload) => modes.map((mode) => ({ size, payload, mode }))));
}

/**
 * What is measured unless `--all` is given: at the default buffer of 1,400 bytes everything that can make a difference (what a message
 * says matters only where it is compressed), at the other sizes gossip; there Deno and Bun in the default mode only. The Rust crate sends only gossip at 1,400 bytes.
 */
export function isUsual({ size, payload, mode }: Case, runtime: RuntimeName): boolean {
  if (isRust(runtime)) return size === 1400 && payload === "gossip";
  if (size === 1400) return payload === "gossip" || mode === "compressed";
  if (payload !== "gossip") return false;
  return mode === "compressed" || runtime === "node" || runtime === "go" || isBare(runtime);
}

/** Returns whether a contender can send such packets: with the Rust crate's longer headers, a full one would exceed the limit of UDP. */
export function canSend({ size }: Case, runtime: RuntimeName): boolean {
  return !(isRust(runtime) && size === 65_507);
}

/** User type, checksum; version, nonce and tag. */
const plainOverhead = 1 + 5;
const encryptedOverhead = encryptOverhead(1);
const payloadCount = 16;

/** What both nodes have in common. */
export function taskOf({ mode, size, payload }: Case): Omit<NodeTask, "role" | "port" | "acks"> {
  const isEncrypted = mode === "encrypted" || mode === "both";
  const length = size < 1400 ? size : size - plainOverhead - (isEncrypted ? encryptedOverhead : 0);
  return {
    compress: mode === "compressed" || mode === "both",
    key: isEncrypted ? Buffer.alloc(16, 7).toString("base64") : null,
    buffer: Math.max(size, 1400),
    payloads: Array.from({ length: payloadCount }, (_, index) => {
      const bytes = Buffer.from(content(payload, length, index));
      bytes[0] = index;
      return bytes.toString("base64");
    }),
  };
}

/** Every payload has a content of its own, so that messages which share a packet are not copies of each other. */
function content(kind: PayloadKind, length: number, index: number): Uint8Array {
  if (kind === "random") return randomBytes(length, index + 1);
  if (kind === "gossip") return gossip(length, index);
  let text = "";
  for (let i = index * 100_000; text.length < length; i++) {
    text += JSON.stringify({ id: i, service: `web-${i % 17}`, healthy: i % 5 > 0, load: (i * 7919) % 1000 });
  }
  return Buffer.from(text).subarray(0, length);
}

/** One packet of gossip after the other, each about other nodes. */
function gossip(length: number, index: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let at = 0, first = index * 20_000; at < length; first += nodesInPacket) {
    const packet = gossipPacket(length - at, first);
    bytes.set(packet, at);
    at += packet.length;
  }
  return bytes;
}
