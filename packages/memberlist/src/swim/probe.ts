import type { ProbeFailed } from "../api/causes.ts";
import { formatAddress } from "../api/address.ts";
import type { PingTrace, ProbeResult } from "../ports/diagnostics.ts";
import { keepable } from "../wire/bytes.ts";
import { makeCompound } from "../wire/compound.ts";
import { encodeIndirectPing, encodePing, encodeSuspect } from "../wire/messages/encode.ts";
import type { Ping } from "../wire/messages/types.ts";
import type { AckHandlers } from "./ack-handlers.ts";
import { addressOf, applyAwareness, makePing, type EngineContext } from "./context.ts";
import type { Gossip } from "./gossip.ts";
import type { Membership } from "./membership.ts";
import type { NodeRecord } from "./node-record.ts";
import { understands } from "./peer-features.ts";
import type { ScheduledTimer } from "./timers.ts";

export interface ProbeParts {
  readonly context: EngineContext;
  readonly gossip: Gossip;
  readonly membership: Membership;
  readonly acks: AckHandlers;
}

/** Failure detection: one node after another is probed. Source: PROTOCOL.md section 6. */
export class Prober {
  readonly #parts: ProbeParts;
  #current: Probe | undefined;
  #isTickMissed = false;

  constructor(parts: ProbeParts) {
    this.#parts = parts;
  }

  /** Probes the next node. A probe that outlasts the interval delays the next one, as poor health is meant to. */
  tick(): void {
    if (this.#current !== undefined) {
      this.#isTickMissed = true;
      return;
    }
    const target = this.#nextTarget();
    if (target !== undefined) this.probe(target);
  }

  probe(target: NodeRecord): void {
    this.#current = new Probe(this.#parts, target, () => this.#ended());
    this.#current.start();
  }

  /** For `late` ms nothing was heard: the probe under way gets them back. */
  eventLoopBlocked(late: number): void {
    this.#current?.eventLoopBlocked(late);
  }

  #ended(): void {
    this.#current = undefined;
    if (!this.#isTickMissed) return;
    this.#isTickMissed = false;
    this.tick();
  }

  /** The next live member but ourselves. The end of a round begins to reap the dead. */
  #nextTarget(): NodeRecord | undefined {
    const { config, selector, table, now } = this.#parts.context;
    const isWanted = selector.filter("probe", (record) => record.name !== config.name && !record.isDeadOrLeft);
    let target: NodeRecord | undefined;
    let isRoundOver = false;
    // Two rounds at most, with their ends: they reach every node that can be probed.
    for (let left = 2 * table.liveCount + 2; left > 0 && target === undefined; left--) {
      const record = table.nextProbed();
      if (record === undefined) isRoundOver = true;
      else if (isWanted(record)) target = record;
    }
    table.reap(config.gossipToTheDeadTime, now, isRoundOver);
    return target;
  }
}

/** One probe of one node: directly, then through others and over a stream, then the verdict. */
class Probe {
  readonly #parts: ProbeParts;
  readonly #target: NodeRecord;
  readonly #ended: () => void;
  readonly #ping: Ping;
  readonly #interval: number;
  /** The incarnation at which the target is probed, and, if it does not answer, suspected. */
  readonly #incarnation: number;
  #timer: ScheduledTimer | undefined;
  #deadline = 0;
  #isOver = false;
  #isIndirect = false;
  #sendFailed = false;
  #expectedNacks = 0;
  #nacks = 0;
  #helpers: readonly NodeRecord[] = [];
  #isStreamTried = false;
  /** Undefined while the stream is still trying. */
  #streamAnswered: boolean | undefined = false;
  #isPastDeadline = false;
  /** The round trip of a direct answer, in ms. */
  #rtt: number | undefined;
  /** Undefined if the channel had no subscribers when the probe began. */
  #trace: PingTrace | undefined;

  constructor(parts: ProbeParts, target: NodeRecord, ended: () => void) {
    const { context } = parts;
    this.#parts = parts;
    this.#target = target;
    this.#ended = ended;
    this.#incarnation = target.incarnation;
    this.#interval = context.awareness.scaleTimeout(context.config.probeInterval);
    this.#ping = makePing(context, target.name);
  }

  start(): void {
    const { context, acks } = this.#parts;
    const { config, stats, now } = context;
    const sentAt = now;
    if (this.#interval > config.probeInterval) stats.increment("memberlist.degraded.probe", 1);
    this.#deadline = now + this.#interval;
    acks.set(this.#ping.seqNo, this.#deadline, {
      ack: (payload, receivedAt) => this.#acked(payload, receivedAt - sentAt),
      nack: () => this.#nacks++,
    });
    const { node, probe } = stats.diagnostics;
    if (probe.isOn) {
      this.#trace = { node, address: formatAddress(addressOf(this.#target)), peer: this.#target.name };
      probe.begin(this.#trace);
    }
    context.hooks.onSend("probe", () => this.#sendPing());
  }

  #sendPing(): void {
    const { context, gossip } = this.#parts;
    const { config, timers } = context;
    this.#timer = timers.set(Math.min(context.now + config.probeTimeout, this.#deadline), () => this.#timedOut());
    const ping = encodePing(this.#ping);
    const to = addressOf(this.#target);
    const onFailed = (): void => this.#pingFailed();
    if (this.#target.state === "alive" || !context.hooks.buddySystem) {
      gossip.send(ping, to, onFailed);
    } else {
      // The target learns of the suspicion in the same packet, so it can refute at once.
      const suspect = encodeSuspect({ incarnation: this.#incarnation, node: this.#target.name, from: config.name });
      gossip.sendAlone(makeCompound([ping, suspect]), to, onFailed);
    }
  }

  eventLoopBlocked(late: number): void {
    const { acks, context } = this.#parts;
    if (this.#isPastDeadline) return;
    this.#deadline += late;
    acks.postpone(this.#ping.seqNo, late);
    context.timers.postpone(this.#timer, late);
  }

  #acked(payload: Uint8Array, rtt: number): void {
    if (!this.#isIndirect) {
      const { outputs, stats, table } = this.#parts.context;
      this.#rtt = rtt;
      this.#target.addRtt(rtt);
      table.changed(this.#target);
      stats.sample("memberlist.probe.rtt", rtt);
      const node = this.#target.viewOnce();
      outputs.events.push({ type: "pingComplete", node, rtt, payload: keepable(payload) });
    }
    this.#end(this.#sendFailed ? 0 : -1, this.#isIndirect ? "indirect" : "direct");
  }

  #pingFailed(): void {
    if (this.#isOver || this.#isIndirect) return;
    this.#sendFailed = true;
    this.#goIndirect();
  }

  #timedOut(): void {
    this.#parts.context.log.debug("ping_timeout", `no ack from ${this.#target.name} in time: asking other members to ping it`, {
      node: this.#target.name,
    });
    this.#parts.context.hooks.onSend("probe", () => this.#goIndirect());
  }

  /** Pings through helpers, and over a stream at the same time, because UDP alone may be broken. */
  #goIndirect(): void {
    if (this.#isOver) return;
    const { context, gossip } = this.#parts;
    const { config, outputs, selector, timers } = context;
    this.#isIndirect = true;
    timers.cancel(this.#timer);
    this.#timer = timers.set(this.#deadline, () => this.#pastDeadline());
    const helpers = selector.choose(
      "indirectProbe",
      config.indirectChecks,
      (record) => record.name !== config.name && record !== this.#target && record.state === "alive",
    );
    this.#helpers = helpers;
    for (const helper of helpers) {
      const nack = context.hooks.nacks && understands(helper.versions, "nack");
      if (nack) this.#expectedNacks++;
      const message = encodeIndirectPing({ ...this.#ping, target: this.#target.addr, port: this.#target.port, nack });
      gossip.send(message, addressOf(helper));
    }
    if (!this.#mayPingByStream()) return;
    this.#streamAnswered = undefined;
    this.#isStreamTried = true;
    const done = (contacted: boolean): void => {
      this.#streamAnswered = contacted;
      if (this.#isPastDeadline) this.#giveVerdict();
    };
    outputs.actions.push({ type: "streamPing", ping: this.#ping, to: addressOf(this.#target), deadline: this.#deadline, done });
  }

  #mayPingByStream(): boolean {
    if (this.#parts.context.delegates.disablesTcpPings(this.#target.name)) return false;
    return understands(this.#target.versions, "streamPing");
  }

  #pastDeadline(): void {
    this.#isPastDeadline = true;
    if (this.#streamAnswered !== undefined) this.#giveVerdict();
  }

  #giveVerdict(): void {
    if (this.#isOver) return;
    const { context, membership } = this.#parts;
    const { name } = this.#target;
    if (this.#streamAnswered === true) {
      context.stats.count("probe.stream_only");
      context.log.warn(
        "udp_unreachable",
        `${name} answers over TCP but not over UDP: check that the network lets its UDP port through`,
        {
          node: name,
        },
      );
      this.#end(this.#sendFailed ? 0 : -1, "stream");
      return;
    }
    const missedNacks = Math.max(this.#expectedNacks - this.#nacks, 0);
    const cause = this.#failure();
    context.log.info("suspect", `suspecting ${name}: no ack received`, { node: name, ...cause });
    membership.suspect({ incarnation: this.#incarnation, node: name, from: context.config.name }, cause);
    this.#end(this.#expectedNacks > 0 ? missedNacks : 1, "none");
  }

  #failure(): ProbeFailed {
    return {
      code: "probe_failed",
      direct: this.#sendFailed ? "send_failed" : "no_ack",
      indirect: this.#helpers.map(({ name }) => name),
      nacks: this.#nacks,
      nacksExpected: this.#expectedNacks,
      stream: this.#isStreamTried ? "failed" : "not_tried",
      elapsed: this.#parts.context.now - (this.#deadline - this.#interval),
      rtt: this.#target.rtt,
    };
  }

  #end(awarenessDelta: number, answer: ProbeResult["answer"]): void {
    const { context, acks } = this.#parts;
    this.#isOver = true;
    context.timers.cancel(this.#timer);
    acks.delete(this.#ping.seqNo);
    applyAwareness(context, awarenessDelta);
    context.stats.sample("memberlist.probeNode", context.now - (this.#deadline - this.#interval));
    if (this.#trace !== undefined) {
      const result: ProbeResult = { answer, rtt: this.#rtt };
      context.stats.diagnostics.probe.finish(Object.assign(this.#trace, { result }));
    }
    this.#ended();
  }
}
