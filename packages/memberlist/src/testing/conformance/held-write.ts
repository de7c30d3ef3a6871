import type { Bench } from "./bench.ts";
import type { StreamEnd } from "./stream-end.ts";

/** More than the buffers of two sockets together may hold. */
const unreadMax = 64 * 1024 * 1024;

/** On a busy machine a write may take long, and is not held for that. */
const looks = 4;

async function staysPending(bench: Bench, write: Promise<void>): Promise<boolean> {
  for (let i = 0; i < looks; i++) if (!(await bench.isPending(write))) return false;
  return true;
}

/** Writes zeros until a write no longer resolves: how many bytes were written with it, and that write. */
export async function writeUntilHeld(bench: Bench, end: StreamEnd): Promise<{ written: number; held: Promise<void> }> {
  const chunk = new Uint8Array(256 * 1024);
  for (let written = chunk.length; written <= unreadMax; written += chunk.length) {
    const held = end.writeSlowly(chunk.slice());
    if (await staysPending(bench, held)) return { written, held };
  }
  throw new Error(
    `TransportStream.writable: ${unreadMax} bytes were taken though nobody reads; a write must wait, or memory runs out`,
  );
}
