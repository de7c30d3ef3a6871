import { createSocket } from "node:dgram";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { encodePing } from "../../memberlist/src/wire/messages/encode.ts";

/** After an ack the next ping waits that long, in ms. */
const pause = 2;
const lateAfter = 2_000;

/** Round trips of pings, one after the other, for as long as something takes, in ms. */
export async function pinged(port: number, name: string, work: () => Promise<void>): Promise<number[]> {
  const socket = createSocket("udp4");
  socket.bind(0, "127.0.0.1");
  await once(socket, "listening");
  const { port: sourcePort } = socket.address();
  const trips: number[] = [];
  const working = work();
  const over = new AbortController();
  working.then(
    () => over.abort(),
    () => over.abort(),
  );
  let seqNo = 0;
  while (!over.signal.aborted) {
    const message = encodePing({ seqNo: ++seqNo, node: name, sourceAddr: "127.0.0.1", sourcePort, sourceNode: "bench" });
    const start = performance.now();
    const answered = once(socket, "message", { signal: AbortSignal.timeout(lateAfter) });
    socket.send(message, port, "127.0.0.1");
    await answered.catch(() => undefined);
    trips.push(performance.now() - start);
    await sleep(pause);
  }
  await working;
  socket.close();
  return trips;
}
