import type { Address } from "../api/address.ts";
import { encodePing } from "../wire/messages/encode.ts";
import type { AckHandlers } from "./ack-handlers.ts";
import { makePing, type EngineContext } from "./context.ts";
import type { Gossip } from "./gossip.ts";

export interface PingOnceParts {
  readonly context: EngineContext;
  readonly gossip: Gossip;
  readonly acks: AckHandlers;
}

export interface PingOnceOptions {
  /** No broadcasts are added to the packet: another node at this address learns nothing from it. Default false. */
  readonly bare?: boolean;
}

/**
 * Pings a node outside the probe schedule.
 *
 * @param done gets the RTT in ms, or undefined when no ack came within `probeTimeout`
 */
export function pingOnce(
  { context, gossip, acks }: PingOnceParts,
  to: Address,
  done: (rtt: number | undefined) => void,
  { bare = false }: PingOnceOptions = {},
): void {
  const { config, timers, now } = context;
  const ping = makePing(context, to.name);
  let isDone = false;
  const finish = (rtt: number | undefined): void => {
    if (isDone) return;
    isDone = true;
    timers.cancel(timer);
    acks.delete(ping.seqNo);
    done(rtt);
  };
  const until = now + config.probeTimeout;
  const timer = timers.set(until, () => finish(undefined));
  acks.set(ping.seqNo, until, { ack: (_payload, receivedAt) => finish(receivedAt - now) });
  const failed = (): void => finish(undefined);
  if (bare) gossip.sendAlone(encodePing(ping), to, failed);
  else gossip.send(encodePing(ping), to, failed);
}
