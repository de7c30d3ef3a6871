import type { BroadcastDelivery, BroadcastOptions, BroadcastResult } from "../api/broadcast.ts";
import { asMemberlistError, MemberlistError } from "../api/errors.ts";
import type { ResolvedConfig } from "../config/config.ts";
import type { Engine } from "../swim/engine.ts";
import type { OutboundStreams } from "./streams/outbound-streams.ts";

/** To how many members a long message is sent at the same time. */
const concurrency = 8;

/** The parts of a node that a broadcast uses. */
interface BroadcastParts {
  readonly config: ResolvedConfig;
  readonly engine: Engine;
  readonly streams: OutboundStreams;
  /** Runs an input of the engine. */
  run<T>(input: () => T): T;
}

/** See {@link Memberlist.broadcast}. */
export async function broadcastMessage(
  parts: BroadcastParts,
  message: Uint8Array,
  options: BroadcastOptions,
): Promise<BroadcastResult> {
  const { name, whenTooLong = "refuse", signal } = options;
  if (parts.engine.hasLeft) throw new MemberlistError("left", "this node has left the cluster: join again before broadcast");
  if (message.length <= parts.engine.maxPayload || whenTooLong === "refuse") {
    return { via: "gossip", queued: parts.run(() => parts.engine.broadcast(message, name)) };
  }
  // An older message must not arrive after this one.
  if (name !== undefined) parts.run(() => parts.engine.cancelBroadcast(name));
  return sendToAll(parts, message, signal);
}

async function sendToAll(parts: BroadcastParts, message: Uint8Array, signal: AbortSignal | undefined): Promise<BroadcastResult> {
  const { clock, name, tcpTimeout } = parts.config;
  const nodes = parts.engine.members().filter((node) => node.name !== name);
  const deliveries: BroadcastDelivery[] = [];
  let end: MemberlistError | undefined;
  let next = 0;
  const work = async (): Promise<void> => {
    for (let node = nodes[next++]; node !== undefined && end === undefined; node = nodes[next++]) {
      const since = clock.now();
      const address = { host: node.addr, port: node.port, name: node.name };
      try {
        await parts.streams.sendUser(address, message, { timeout: tcpTimeout, signal });
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
