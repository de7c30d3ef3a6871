import { Buffer } from "node:buffer";
import { localConfig, type Config, type Logger, type Transport, type TransportStream } from "@memberlist/core";
import { DenoTransport } from "../src/deno-transport.ts";

/** For what is meant to go wrong: the console stays clean. */
export const silent: Logger = { debug: nothing, info: nothing, warn: nothing, error: nothing };
export function nothing(): void {}

export function bind(bindAddr = "127.0.0.1", bindPort = 0): Promise<DenoTransport> {
  return DenoTransport.create({ bindAddrs: [bindAddr], bindPort, logger: silent });
}

/** A silent member on a free port of the loopback interface. */
export function testConfig(name: string): Config {
  return { ...localConfig(), name, bindAddr: "127.0.0.1", bindPort: 0, logger: silent };
}

/** @param what the condition in words, or a function that describes it, for the error */
export async function until(condition: () => boolean, what: string | (() => string), limit = 10_000): Promise<void> {
  const deadline = performance.now() + limit;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`${typeof what === "string" ? what : what()}: not in time`);
    await pause(5);
  }
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

export function inbox(transport: Transport): { packets: Uint8Array[]; streams: TransportStream[] } {
  const packets: Uint8Array[] = [];
  const streams: TransportStream[] = [];
  transport.listen({ packet: (bytes) => void packets.push(bytes), stream: (stream) => void streams.push(stream) });
  return { packets, streams };
}

export async function collect(readable: ReadableStream<Uint8Array>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  const reader = readable.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return Uint8Array.from(Buffer.concat(chunks));
    chunks.push(value);
  }
}

export function pattern(size: number): Uint8Array {
  const bytes = new Uint8Array(size);
  for (let i = 0; i < size; i++) bytes[i] = (i * 31 + (i >>> 8)) & 0xff;
  return bytes;
}
