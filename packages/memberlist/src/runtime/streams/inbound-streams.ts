import { formatAddress, type Address } from "../../api/address.ts";
import type { StreamDropReason } from "../../api/codes.ts";
import { errorMessage, MemberlistError } from "../../api/errors.ts";
import type { ResolvedLimits } from "../../config/limits.ts";
import type { TransportStream } from "../../ports/transport.ts";
import type { Engine } from "../../swim/engine.ts";
import { InboundSlots, type InboundSlot } from "../../util/inbound-slots.ts";
import { ByteBudget } from "../../util/byte-budget.ts";
import { emptyBytes } from "../../wire/bytes.ts";
import { messageType } from "../../wire/constants.ts";
import { DecodeError, limitExceeded, type StreamLimitName } from "../../wire/errors.ts";
import { encodeAckResp, encodeErrResp } from "../../wire/messages/encode.ts";
import { checkLabel } from "../../wire/label.ts";
import {
  readPing,
  readPushPullHeader,
  readStreamLabel,
  readUserMessage,
  type RemoteState,
  type StreamMessage,
} from "../../wire/stream-messages.ts";
import type { LabelMismatches } from "../label-mismatch-events.ts";
import { PushPullReader } from "./push-pull-reader.ts";
import { SharedStates, type StateLease } from "./shared-states.ts";
import { StreamSession, type StreamContext } from "./stream-session.ts";

export interface InboundStreamsOptions extends StreamContext {
  readonly engine: Pick<Engine, "isPingForUs">;
  readonly labelMismatches: LabelMismatches;
  readonly onUserMessage: (message: Uint8Array, from: Address) => void;
}

/** A stream that a peer has opened. */
interface Inbound {
  readonly session: StreamSession;
  readonly from: Address;
  readonly slot: InboundSlot;
  /** Ends it, since others need what it holds. */
  readonly drop: (error: MemberlistError) => void;
  /** Ends it: neither side sends or reads any more. */
  readonly done: () => void;
}

type StreamSlotLimit = "maxInboundStreams" | "maxInboundStreamsPerPeer";

/** Answers the push/pulls, reliable messages and fallback pings that peers begin, within limits. Source: PROTOCOL.md section 4. */
export class InboundStreams {
  readonly #options: InboundStreamsOptions;
  readonly #limits: ResolvedLimits;
  readonly #slots: InboundSlots<"maxInboundStreams", "maxInboundStreamsPerPeer">;
  readonly #pushPulls: InboundSlots<"maxPushPullRequests", "maxPushPullRequestsPerPeer">;
  readonly #budget: ByteBudget;
  readonly #reader: PushPullReader;
  /** Our state for the push/pulls that peers begin. */
  readonly #ourStates: SharedStates;

  constructor(options: InboundStreamsOptions) {
    this.#options = options;
    const { codec, config, operations, states } = options;
    const { limits } = config;
    this.#limits = limits;
    this.#slots = new InboundSlots({ limits, inAll: "maxInboundStreams", perHost: "maxInboundStreamsPerPeer" });
    this.#pushPulls = new InboundSlots({ limits, inAll: "maxPushPullRequests", perHost: "maxPushPullRequestsPerPeer" });
    this.#budget = new ByteBudget(limits.maxInboundStreamBytes);
    this.#reader = new PushPullReader(options);
    this.#ourStates = new SharedStates({
      clock: config.clock,
      operations,
      states,
      codec,
      maxBytes: limits.maxPushPullAnswerBytes,
      timeout: config.tcpTimeout,
    });
  }

  /** Serves a stream that a peer has opened. Never throws. */
  accept(stream: TransportStream, from: Address): void {
    const { config, stats, operations } = this.#options;
    stats.traffic.streamsAccepted++;
    stats.increment("memberlist.tcp.accept", 1);
    let cut = (): void => undefined;
    const slot = this.#slots.enter(from.host, () => cut());
    if (typeof slot === "string") {
      this.#refuse(stream, slot, from);
      return;
    }
    const account = this.#budget.open();
    const session = new StreamSession(stream, this.#options, account);
    operations
      .run<void>({ what: "an inbound stream", timeout: config.tcpTimeout }, (resolve, reject) => {
        cut = () => reject(this.#gaveWay("maxInboundStreams"));
        this.#serve({ session, from, slot, drop: reject, done: resolve })
          // Not when the operation ends: the memory of the stream is in use until the work for it has ended, too.
          .finally(account.close)
          .then(resolve, reject);
        return () => session.close();
      })
      .finally(() => {
        slot.leave();
        session.close();
      })
      .catch((error: unknown) => this.#failed(error, from));
  }

  #refuse(stream: TransportStream, limit: StreamSlotLimit, from: Address): void {
    const { log, stats } = this.#options;
    // Aborted rather than closed: a transport that lingers on a closed stream would be full of refused ones.
    stream.writable.abort().catch(() => undefined);
    stream.close();
    stats.count("stream_dropped.too_many_streams", 1, from);
    stats.count(`limit.${limit}`, 1, from);
    const most = this.#limits[limit];
    const fields = { reason: "too_many_streams", from, limit, most, open: this.#slots.taken };
    // A code of its own: in a flood of these, the log's bound must not hide why other streams were dropped.
    log.warn("stream_limit_reached", `refused a stream: limits.${limit} (${most}) is reached`, fields);
  }

  #failed(error: unknown, from: Address): void {
    const { log, stats } = this.#options;
    if (error instanceof MemberlistError && error.code === "shutdown") return;
    const reason = reasonOf(error);
    stats.count(`stream_dropped.${reason}`, 1, from);
    const limit = limitOf(error);
    if (limit !== undefined) stats.count(`limit.${limit}`, 1, from);
    log.warn("stream_dropped", `dropping a stream: ${errorMessage(error)}`, { reason, from });
  }

  /** Another address that holds fewer streams wants one: the address with the most loses one of its own. */
  #gaveWay(limit: "maxInboundStreams" | "maxPushPullRequests"): MemberlistError {
    const most = this.#limits[limit];
    return limitExceeded(limit, "gave way to another address: streams at once", most + 1, most);
  }

  async #serve(inbound: Inbound): Promise<void> {
    const { onUserMessage, stats } = this.#options;
    const { session, from, slot } = inbound;
    // Health checks and clients that were stopped connect and send nothing: that is not a drop, with or without a label.
    if ((await session.reader.peekByte()) === undefined) return;
    await this.#checkLabel(session, from);
    let message: StreamMessage;
    try {
      message = await session.receive(this.#limits);
    } catch (error) {
      if (error instanceof MemberlistError && error.details["clean"] === true) return;
      // Only a message that decompresses to too much is `too_large` this early on a stream.
      if (error instanceof DecodeError && error.reason === "too_large") stats.count("limit.maxDecompressedBytes");
      await this.#sendError(session, error);
      throw error;
    }
    if (message.body.isWhole) slot.prove();
    switch (message.type) {
      case messageType.pushPull:
        await this.#tracePushPull(from, () => this.#servePushPull(inbound, message));
        break;
      case messageType.user:
        onUserMessage(await readUserMessage(message.body, this.#limits, session.nextPart), from);
        break;
      case messageType.ping:
        await this.#servePing(session, message);
        break;
      default:
        throw new DecodeError("unknown_type", `message type ${message.type} is not for streams, from ${from.host}`);
    }
  }

  /** Sends the cause to the peer. The peer may be gone already; that must not hide the first error. */
  async #sendError(session: StreamSession, error: unknown): Promise<void> {
    try {
      await session.send(encodeErrResp({ error: errorMessage(error) }));
    } catch {
      return;
    }
    await session.finishAnswer();
  }

  async #checkLabel(session: StreamSession, from: Address): Promise<void> {
    const { codec, config, labelMismatches } = this.#options;
    const label = await readStreamLabel(session.reader);
    try {
      checkLabel(label, codec.label, config.skipInboundLabelCheck, "stream");
    } catch (error) {
      if (error instanceof DecodeError && error.reason === "label_mismatch") labelMismatches.add(from, "stream", label);
      throw error;
    }
  }

  #tracePushPull(from: Address, serve: () => Promise<void>): Promise<void> {
    const { node, pushPull } = this.#options.stats.diagnostics;
    return pushPull.trace(() => ({ node, direction: "in", address: formatAddress(from), peer: "" }), serve);
  }

  async #servePushPull({ session, from, slot, drop, done }: Inbound, { body }: StreamMessage): Promise<void> {
    const pushPull = this.#pushPulls.enter(from.host, () => drop(this.#gaveWay("maxPushPullRequests")));
    if (typeof pushPull === "string") {
      const limit = this.#limits[pushPull];
      throw limitExceeded(pushPull, "push/pulls at once", limit + 1, limit);
    }
    let ours: StateLease | undefined;
    try {
      const header = await readPushPullHeader(body, this.#limits);
      ours = await this.#ourStates.take(header.join, { isWanted: session.isOpen, drop });
      // The peer waits for the answer: nodes that have arrived already are read after it, so that both ends work at the same time.
      const isHere = body.isWhole;
      if (isHere) {
        pushPull.prove();
        await session.sendAnswer(ours.encoded);
      }
      const unchanged = await this.#reader.unchanged(ours.message, ours.unchanged, header.nodes);
      const state = await this.#reader.read(session, body, header, unchanged);
      slot.prove();
      pushPull.prove();
      if (!isHere) await session.sendAnswer(ours.encoded);
      ours.release();
      done();
      await this.#merge(state, from);
    } finally {
      ours?.release();
      pushPull.leave();
    }
  }

  /** Does not depend on the stream, which may have ended: the peer counts on a state that it has sent. Never throws. */
  async #merge(state: RemoteState, from: Address): Promise<void> {
    const { states } = this.#options;
    try {
      await states.merge(state, states.nextPart);
    } catch (error) {
      this.#failed(error, from);
    }
  }

  async #servePing(session: StreamSession, { body }: StreamMessage): Promise<void> {
    const ping = await readPing(body);
    if (!this.#options.engine.isPingForUs(ping)) return;
    await session.send(encodeAckResp({ seqNo: ping.seqNo, payload: emptyBytes }));
    await session.finishAnswer();
  }
}

/** The name of the limit that the error is about. */
function limitOf(error: unknown): StreamLimitName | undefined {
  if (!(error instanceof MemberlistError) || error.code !== "limit_exceeded") return undefined;
  const { name } = error.details;
  return name as StreamLimitName | undefined;
}

function reasonOf(error: unknown): StreamDropReason {
  if (error instanceof DecodeError) return error.reason;
  return error instanceof MemberlistError ? error.code : "failed";
}
