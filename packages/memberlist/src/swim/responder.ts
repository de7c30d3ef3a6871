import type { Address } from "../api/address.ts";
import { emptyBytes } from "../wire/bytes.ts";
import { encodeAckResp, encodeNackResp, encodePing } from "../wire/messages/encode.ts";
import type { IndirectPing, Ping } from "../wire/messages/types.ts";
import type { AckHandlers } from "./ack-handlers.ts";
import { applyPort, makePing, type EngineContext } from "./context.ts";
import type { Gossip } from "./gossip.ts";

/** Answers pings, and relays indirect pings. Source: PROTOCOL.md section 3. */
export class Responder {
  readonly #context: EngineContext;
  readonly #gossip: Gossip;
  readonly #acks: AckHandlers;

  constructor(context: EngineContext, gossip: Gossip, acks: AckHandlers) {
    this.#context = context;
    this.#gossip = gossip;
    this.#acks = acks;
  }

  ping(ping: Ping, from: Address): void {
    if (!this.isForUs(ping)) return;
    const payload = this.#context.delegates.ackPayload();
    this.#send(encodeAckResp({ seqNo: ping.seqNo, payload }), replyAddress(ping, from), from);
  }

  /** False for another node's name: a node has restarted under another name at this address. */
  isForUs(ping: Ping): boolean {
    const { config, log, stats } = this.#context;
    if (ping.node === "" || ping.node === config.name) return true;
    stats.count("dropped.ping_for_other_node");
    log.warn(
      "ping_for_other_node",
      `ignored a ping for node ${ping.node}: this node is ${config.name}. Its address may have been the other's before`,
      { node: ping.node },
    );
    return false;
  }

  indirectPing(request: IndirectPing, from: Address): void {
    const { config, timers, now } = this.#context;
    const ping = makePing(this.#context, request.node);
    const asker = replyAddress(request, from);
    const until = now + config.probeTimeout;
    const nackTimer = request.nack
      ? timers.set(until, () => this.#send(encodeNackResp({ seqNo: request.seqNo }), asker, from))
      : undefined;
    this.#acks.set(ping.seqNo, until, {
      ack: () => {
        timers.cancel(nackTimer);
        this.#send(encodeAckResp({ seqNo: request.seqNo, payload: emptyBytes }), asker, from);
      },
    });
    const port = applyPort(this.#context, request.port);
    this.#send(encodePing(ping), { host: request.target, port, name: request.node }, from);
  }

  /**
   * Broadcasts ride along to a member, and to the address that the request came from. Whoever else a request names gets a packet no
   * larger than the request: a packet must not be a way to send others many times its size.
   */
  #send(message: Uint8Array, to: Address, from: Address): void {
    const isMember = to.name !== "" && this.#context.table.get(to.name)?.addr === to.host;
    if (isMember || to.host === from.host) this.#gossip.send(message, to);
    else this.#gossip.sendAlone(message, to);
  }
}

/** The address at which the asker wants its answer; older peers leave it out. */
function replyAddress(request: Ping | IndirectPing, from: Address): Address {
  const name = request.sourceNode;
  if (request.sourceAddr === "" || request.sourcePort === 0) return { host: from.host, port: from.port, name };
  return { host: request.sourceAddr, port: request.sourcePort, name };
}
