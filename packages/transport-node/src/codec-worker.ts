import { move } from "piscina";
import { doCodecWork, failureOf, type CodecFailure, type CodecWork } from "./codec-work.ts";
import { NodeCodec } from "./node-codec.ts";

/** Its nonces are its own: random, from a pool that no other thread has. */
const codec = new NodeCodec();

/** What the threads of a {@link CodecPool} run. The result changes hands without being copied. */
export default function codecWorker(work: CodecWork): Uint8Array | CodecFailure {
  try {
    const bytes = doCodecWork(codec, work);
    // A view of a part would take the rest along, which may still be in use here.
    const whole = bytes.byteLength === bytes.buffer.byteLength ? bytes : new Uint8Array(bytes);
    return move(whole) as Uint8Array;
  } catch (error) {
    const failure = failureOf(error);
    if (failure === undefined) throw error;
    return failure;
  }
}
