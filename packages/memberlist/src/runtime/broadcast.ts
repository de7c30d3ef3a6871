import type { BroadcastDelivery, BroadcastOptions, BroadcastResult } from "../api/broadcast.ts";
import { asMemberlistError, MemberlistError } from "../api/errors.ts";
import type { NodeRuntime } from "./node-runtime.ts";

/** To how many members a long message is sent at the same time. */
const concurrency = 8;

/** See {@link Memberlist.broadcast}. */
export async function broadcastMessage(
  runtime: NodeRuntime,
  message: Uint8Array,
  options: BroadcastOptions,
): Promise<BroadcastResult> {
  const { name, whenTooLong = "refuse", signal } = options;
  if (message.length <= runtime.engine.maxPayload || whenTooLong === "refuse") {
    const queued = runtime.userBroadcasts.queue(message, name);
    runtime.run(() => runtime.engine.wakeGossip());
    return { via: "gossip", queued };
  }
  // What is older must not arrive after this one.
  if (name !== undefined) runtime.userBroadcasts.cancel(name);
  return sendToAll(runtime, message, signal);
}

async function sendToAll(runtime: NodeRuntime, message: Uint8Array, signal: AbortSignal | undefined): Promise<BroadcastResult> {
  const { clock, name, tcpTimeout } = runtime.config;
  const nodes = runtime.engine.members().filter((node) => node.name !== name);
  const deliveries: BroadcastDelivery[] = [];
  let end: MemberlistError | undefined;
  let next = 0;
  const work = async (): Promise<void> => {
    for (let node = nodes[next++]; node !== undefined && end === undefined; node = nodes[next++]) {
      const since = clock.now();
      const address = { host: node.addr, port: node.port, name: node.name };
      try {
        await runtime.streams.sendUser(address, message, { timeout: tcpTimeout, signal });
        deliveries.push({ node, elapsed: clock.now() - since });
      } catch (reason) {
        const error = asMemberlistError(reason);
        // The caller's own wish, or the end of everything.
        if (error.code === "aborted" || error.code === "shutdown") end ??= error;
        else deliveries.push({ node, error, elapsed: clock.now() - since });
      }
    }
  };
  await Promise.all(Array.from({ length: concurrency }, work));
  const reached = deliveries.filter(({ error }) => error === undefined).length;
  if (end === undefined) return { via: "stream", reached, deliveries };
  const stateChanged = end.stateChanged || reached > 0;
  throw new MemberlistError(end.code, end.message, { cause: end.cause, details: { deliveries }, stateChanged });
}
