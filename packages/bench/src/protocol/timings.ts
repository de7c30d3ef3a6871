import type { TransmitLimitedQueue } from "@memberlist/core";
import { decodeAlive, decodePing } from "../../../memberlist/src/wire/messages/decode.ts";
import { encodeAlive, encodePing } from "../../../memberlist/src/wire/messages/encode.ts";
import type { Alive } from "../../../memberlist/src/wire/messages/types.ts";
import { aliveBroadcasts, alives, ping, unboundedQueue } from "../payloads.ts";
import type { Timings } from "./member-task.ts";

const warmup = 20_000;
const runs = 100_000;

/** Time for each call, in µs. */
function timed(call: (i: number) => void, count: number = runs): number {
  for (let i = 0; i < Math.min(warmup, count); i++) call(i);
  const start = performance.now();
  for (let i = 0; i < count; i++) call(i);
  return ((performance.now() - start) / count) * 1000;
}

/** Encoding and decoding of whole messages. The names and metadata differ from one to the next, as in a cluster of 1,000. */
export function timeCodec(): Timings {
  const messages = alives(1000);
  const bodies = messages.map((alive) => encodeAlive(alive).subarray(1));
  const pingBody = encodePing(ping).subarray(1);
  return {
    "encode alive": timed((i) => void encodeAlive(messages[i % 1000] as Alive)),
    "decode alive": timed((i) => void decodeAlive(bodies[i % 1000] as Uint8Array)),
    "encode ping": timed(() => void encodePing(ping)),
    "decode ping": timed(() => void decodePing(pingBody)),
  };
}

/** A queue is filled, used while it is full (one message is replaced, and a packet is filled), and another one is filled. */
export function timeQueue(entries: number): Timings {
  const messages = aliveBroadcasts(entries);
  const fill = (): { readonly queue: TransmitLimitedQueue; readonly took: number } => {
    const queue = unboundedQueue(entries);
    const start = performance.now();
    for (const message of messages) queue.queueBroadcast(message);
    return { queue, took: ((performance.now() - start) / entries) * 1000 };
  };
  const { queue, took } = fill();
  let next = 0;
  const replaced = timed(() => {
    queue.queueBroadcast(messages[next++ % entries] as (typeof messages)[number]);
    queue.getBroadcasts(2, 1_398);
  }, 5_000);
  return { "queue one of many": took, "replace one and fill a packet": replaced, "queue one of many again": fill().took };
}
