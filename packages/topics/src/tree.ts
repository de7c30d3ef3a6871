import type { Channel, Node } from "@memberlist/core";
import { encodePacket, type WireMessage } from "./wire.ts";

/** How many members each member sends a long message to. */
const fanout = 4;
/** How long one stream may take, in ms. */
const timeout = 10_000;

/** The members after `self` in the order of their names, then those before it: so different publishers load different members. */
export function receiversAfter(self: string, names: readonly string[]): string[] {
  const sorted = names.filter((name) => name !== self).toSorted();
  const first = sorted.findIndex((name) => name > self);
  return first < 0 ? sorted : [...sorted.slice(first), ...sorted.slice(0, first)];
}

/**
 * Divides `receivers` into four parts, and sends the message to the first member of each. That member passes it on to the rest of its part. If it cannot be
 * reached, the next one takes its place. Members that were not reached find the message in a digest.
 */
export async function sendAlongTree(channel: Channel, message: WireMessage, receivers: readonly Node[]): Promise<void> {
  const size = Math.ceil(receivers.length / fanout);
  const parts: (readonly Node[])[] = [];
  for (let at = 0; at < receivers.length; at += size) parts.push(receivers.slice(at, at + size));
  await Promise.all(parts.map((part) => sendToPart(channel, message, part)));
}

async function sendToPart(channel: Channel, message: WireMessage, part: readonly Node[]): Promise<void> {
  const names = part.map(({ name }) => name);
  for (const [i, receiver] of part.entries()) {
    try {
      const packet = encodePacket({ type: "tree", message, receivers: names.slice(i + 1) });
      await channel.sendReliable(receiver, packet, { timeout });
      return;
    } catch {
      // It has left, is dead, or did not answer.
    }
  }
}
