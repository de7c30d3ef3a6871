import type { Address, Logger, Transport, TransportStream } from "@memberlist/core";

interface ReceivedPacket {
  readonly bytes: Uint8Array;
  readonly from: Address;
  readonly receivedAt: number;
}

export interface Inbox {
  readonly packets: ReceivedPacket[];
  readonly streams: { readonly stream: TransportStream; readonly from: Address }[];
}

/** Listens on `transport` and keeps what arrives. */
export function peer(transport: Transport): Inbox {
  const inbox: Inbox = { packets: [], streams: [] };
  transport.listen({
    packet: (bytes, from, receivedAt) => void inbox.packets.push({ bytes, from, receivedAt }),
    stream: (stream, from) => void inbox.streams.push({ stream, from }),
  });
  return inbox;
}

/** Waits until `condition` holds; fails after `limit` ms. */
export async function until(condition: () => boolean, what: string, limit = 5000): Promise<void> {
  const deadline = performance.now() + limit;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`${what}: not within ${limit} ms`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

/** Everything up to the end of the stream. */
export async function collect(readable: ReadableStream<Uint8Array>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  const reader = readable.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return Buffer.concat(chunks);
    chunks.push(value);
  }
}

/** The code of a promise's error, or "ok". */
export async function outcome(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
    return "ok";
  } catch (error) {
    return String((error as { code?: unknown }).code ?? error);
  }
}

/** Bytes that show where some are missing or swapped. */
export function pattern(size: number): Uint8Array {
  const bytes = new Uint8Array(size);
  for (let i = 0; i < size; i++) bytes[i] = (i * 31 + (i >>> 8)) & 0xff;
  return bytes;
}

/** For what is meant to go wrong: the console stays clean. */
export const silent: Logger = { debug: nothing, info: nothing, warn: nothing, error: nothing };

function nothing(): void {}
