import type { Address } from "../../api/address.ts";
import type { WaitOptions } from "../../api/call-options.ts";
import type { ResolvedConfig } from "../../config/config.ts";
import { errorMessage, MemberlistError } from "../../api/errors.ts";
import type { ResolvedLimits } from "../../config/limits.ts";
import type { Log } from "../../ports/log.ts";
import type { Transport, TransportStream } from "../../ports/transport.ts";
import { emptyBytes, equalBytes } from "../../wire/bytes.ts";
import { messageType } from "../../wire/constants.ts";
import { DecodeError } from "../../wire/decode-error.ts";
import { encodeAckResp, encodeErrResp, encodePing } from "../../wire/messages/encode.ts";
import { limitExceeded } from "../../wire/limit-exceeded.ts";
import type { Ping, PushNodeState } from "../../wire/messages/types.ts";
import { UnchangedNodes } from "../../wire/messages/unchanged-nodes.ts";
import { encodeUserStream, type YieldToEventLoop } from "../../wire/messages/push-pull.ts";
import {
  readAck,
  readErr,
  readPing,
  readPushPullHeader,
  readPushPullNodes,
  readStreamLabel,
  readUserMessage,
  type PushPullReading,
  type RemoteState,
  type StreamMessage,
} from "../../wire/stream-frame.ts";
import { ByteBudget, type ByteAccount } from "../../util/byte-budget.ts";
import { InboundSlots, type InboundSlot } from "../../transport-kit/inbound-slots.ts";
import type { StreamCodec } from "./stream-codec.ts";
import { SharedStates, type StateLease } from "./shared-states.ts";
import { StreamSession } from "./stream-session.ts";
import type { Stats } from "../stats.ts";
import { maxTimerDelay, type PendingOperations } from "../pending-operations.ts";
import { StreamWrites } from "./stream-writes.ts";

/** To enter so many bytes of our own state costs less than to decode one of a peer's nodes. */
const oursForOne = 512;

/** A stream that a peer has opened. */
interface Inbound {
  readonly session: StreamSession;
  readonly from: Address;
  readonly slot: InboundSlot;
  /** Ends it, since others need what it holds. */
  readonly drop: (error: MemberlistError) => void;
}

/** What streams bring in, and what they need to answer. */
interface StreamHandlers {
  /** Our nodes and the application's state, as one push/pull message. */
  localState(join: boolean): Promise<Uint8Array>;
  /** Whether those nodes of a peer's state need not be merged that are in ours, too. */
  dropsRepeats(): boolean;
  /** @throws MemberlistError `incompatible_versions` or `merge_refused` */
  merge(state: RemoteState): Promise<void>;
  message(message: Uint8Array): void;
  /** A stream started with this label, which is not ours. */
  labelMismatch(from: Address, label: Uint8Array): void;
  isPingForUs(ping: Ping): boolean;
}

export interface StreamsOptions {
  readonly config: ResolvedConfig;
  readonly transport: Transport;
  readonly codec: StreamCodec;
  readonly operations: PendingOperations;
  readonly log: Log;
  readonly stats: Stats;
  readonly handlers: StreamHandlers;
  readonly yieldToEventLoop: YieldToEventLoop;
}

/** What a push/pull has shown of the peer. */
export interface PeerView {
  /** How many nodes it knows, itself included. */
  readonly count: number;
  /** Those of them that differ from what we know. */
  readonly nodes: readonly PushNodeState[];
}

/** Push/pulls, reliable messages and fallback pings, both ways. Source: PROTOCOL.md section 4. */
export class Streams {
  readonly #options: StreamsOptions;
  readonly #limits: ResolvedLimits;
  readonly #inbound: InboundSlots<"maxInboundStreams", "maxInboundStreamsPerPeer">;
  readonly #pushPulls: InboundSlots<"maxPushPullRequests", "maxPushPullRequestsPerPeer">;
  readonly #budget: ByteBudget;
  /** Our state for push/pulls that peers begin. */
  readonly #states: SharedStates;
  readonly #writes: StreamWrites;

  constructor(options: StreamsOptions) {
    this.#options = options;
    const { limits } = options.config;
    this.#limits = limits;
    this.#inbound = new InboundSlots({ limits, inAll: "maxInboundStreams", perHost: "maxInboundStreamsPerPeer" });
    this.#pushPulls = new InboundSlots({ limits, inAll: "maxPushPullRequests", perHost: "maxPushPullRequestsPerPeer" });
    this.#budget = new ByteBudget(limits.maxInboundStreamBytes);
    this.#writes = new StreamWrites(options.yieldToEventLoop);
    this.#states = new SharedStates({
      clock: options.config.clock,
      operations: options.operations,
      yieldToEventLoop: options.yieldToEventLoop,
      maxBytes: limits.maxPushPullAnswerBytes,
      timeout: options.config.tcpTimeout,
      localState: (join) => options.handlers.localState(join),
      encode: (message, isWanted) => options.codec.encode(message, isWanted),
    });
  }

  /** Serves a stream that a peer has opened. Never throws. */
  accept(stream: TransportStream, from: Address): void {
    const { config, log, stats, operations } = this.#options;
    stats.increment("memberlist.tcp.accept", 1);
    let cut = (): void => undefined;
    const slot = this.#inbound.enter(from.host, () => cut());
    if (typeof slot === "string") {
      // Broken off rather than closed: a transport that lingers on a closed stream would be full of what was refused here.
      stream.writable.abort().catch(() => undefined);
      stream.close();
      stats.count("stream_dropped.too_many_streams");
      stats.count(`limit.${slot}`);
      const fields = {
        reason: "too_many_streams",
        from,
        limit: slot,
        most: this.#limits[slot],
        open: this.#inbound.taken,
      };
      // A code of its own: in a flood of these, the log's bound must not swallow why other streams were dropped.
      log.warn("too_many_streams", `refused a stream: limits.${slot} (${this.#limits[slot]}) is reached`, fields);
      return;
    }
    const account = this.#budget.open();
    const session = this.#session(stream, account);
    operations
      .run<void>({ what: "an inbound stream", timeout: config.tcpTimeout }, (resolve, reject) => {
        cut = () => reject(this.#gaveWay("maxInboundStreams"));
        this.#serve({ session, from, slot, drop: reject }).then(resolve, reject);
        return () => session.close();
      })
      .finally(() => {
        account.close();
        slot.leave();
        session.close();
      })
      .catch((error: unknown) => {
        if (error instanceof MemberlistError && error.code === "shutdown") return;
        const code = reasonOf(error);
        stats.count(`stream_dropped.${code}`);
        const limit = limitOf(error);
        if (limit !== undefined) stats.count(`limit.${limit}`);
        log.warn("stream_dropped", `dropping a stream: ${errorMessage(error)}`, { reason: code, from });
      });
  }

  /**
   * Exchanges the whole state with a peer, and merges its.
   *
   * @returns what it knows
   * @throws MemberlistError `dial_failed`, `timeout`, `aborted`, `remote_error`, `protocol_error`, `limit_exceeded`,
   *   `message_too_large`, `stream_closed`, `stream_failed`, `incompatible_versions`, `merge_refused`; `decrypt_failed` (the peer has
   *   other keys than we, or we have none), `not_encrypted` (the peer answers in plaintext, which we refuse)
   */
  async pushPull(to: Address, join: boolean, options: WaitOptions = {}): Promise<PeerView> {
    const { handlers, stats } = this.#options;
    const { count, state } = await this.#call(to, "push/pull", options, async (session) => {
      stats.increment("memberlist.tcp.connect", 1);
      const ours = await handlers.localState(join);
      await session.send(ours);
      const reading = await this.#readingBeside(ours, () => UnchangedNodes.of(ours, this.#options.yieldToEventLoop));
      const reply = await this.#receiveState(session);
      if (reply.type === messageType.err) await throwRemoteError(reply);
      expectType(reply, messageType.pushPull);
      const header = await readPushPullHeader(reply.body, this.#limits);
      const nodes = await readPushPullNodes(reply.body, header, this.#limits, reading);
      return { count: header.nodes, state: this.#counted(nodes) };
    });
    await handlers.merge({ ...state, join });
    return { count, nodes: state.nodes };
  }

  /**
   * The answer to our state. Nothing on the wire says why a peer hangs up without one, but a label that is not its own is the usual
   * reason: it drops such a stream as soon as it has seen the label.
   */
  async #receiveState(session: StreamSession): Promise<StreamMessage> {
    try {
      return await session.receive(this.#limits);
    } catch (error) {
      const isHungUp =
        error instanceof MemberlistError &&
        (error.details["clean"] === true || (error.code === "stream_failed" && !session.reader.hasBegun));
      if (!isHungUp) throw error;
      const { label } = this.#options.config;
      const ours = label === "" ? "we have none" : `ours is ${JSON.stringify(label)}`;
      throw new MemberlistError(
        error.code,
        `the peer closed the connection without an answer: its label may differ (${ours}), or it may be too busy. Its log and its counters show which`,
        { cause: error, details: { ...error.details, unanswered: true, label } },
      );
    }
  }

  /** Sends a user message; resolves when the network has all of it. Errors as for {@link pushPull}. */
  async sendUser(to: Address, message: Uint8Array, options: WaitOptions = {}): Promise<void> {
    await this.#call(to, "a reliable message", options, async (session) => {
      await session.send(encodeUserStream(message));
      // Nothing comes back: that the network has all of it is all that can be known.
      await session.finish();
    });
  }

  /** Whether a node answers a ping over a stream within `timeout` ms. Never throws. */
  async ping(to: Address, ping: Ping, timeout: number): Promise<boolean> {
    const { log } = this.#options;
    try {
      return await this.#call(to, "a ping over a stream", { timeout }, async (session) => {
        await session.send(encodePing(ping));
        const reply = await session.receive(this.#limits);
        expectType(reply, messageType.ackResp);
        const { seqNo } = await readAck(reply.body);
        if (seqNo === ping.seqNo) return true;
        throw new MemberlistError("protocol_error", `the ack's sequence number ${seqNo} is not the ping's ${ping.seqNo}`);
      });
    } catch (error) {
      // A dead node does not answer: nothing to tell unless it did, wrongly.
      const isExpected = error instanceof MemberlistError && ["dial_failed", "timeout", "shutdown"].includes(error.code);
      if (!isExpected) log.warn("stream_ping_failed", `a ping over a stream failed: ${errorMessage(error)}`, { to });
      return false;
    }
  }

  async #call<T>(
    to: Address,
    what: string,
    { timeout = this.#options.config.tcpTimeout, signal }: WaitOptions,
    use: (session: StreamSession) => Promise<T>,
  ): Promise<T> {
    const { config, transport, operations } = this.#options;
    return operations.run<T>({ what, timeout, signal, stateChanged: true }, (resolve, reject) => {
      let session: StreamSession | undefined;
      let isOver = false;
      // Without end may be the wait for an answer; a connection has its time all the same.
      const dialTimeout = timeout > 0 && timeout <= maxTimerDelay ? timeout : config.tcpTimeout;
      const work = async (): Promise<T> => {
        const stream = await transport.dial(to, { timeout: dialTimeout, signal });
        session = this.#session(stream);
        if (isOver) {
          session.close();
          throw new MemberlistError("aborted", `${what} was cancelled while dialling`);
        }
        await session.sendLabel();
        return await use(session);
      };
      work().then(resolve, (error: unknown) => reject(typed(error)));
      return () => {
        isOver = true;
        session?.close();
      };
    });
  }

  #session(stream: TransportStream, account?: ByteAccount): StreamSession {
    const { yieldToEventLoop, codec, stats } = this.#options;
    return new StreamSession({ stream, codec, stats, yieldToEventLoop, writes: this.#writes, account });
  }

  /** Others that hold fewer streams want one: the address with the most loses one of its own. */
  #gaveWay(limit: "maxInboundStreams" | "maxPushPullRequests"): MemberlistError {
    const most = this.#limits[limit];
    return limitExceeded(limit, "gave way to another address: streams at once", most + 1, most);
  }

  async #serve(inbound: Inbound): Promise<void> {
    const { session, from, slot } = inbound;
    await this.#checkLabel(session, from);
    let message: StreamMessage;
    try {
      message = await session.receive(this.#limits);
    } catch (error) {
      if (error instanceof MemberlistError && error.details["clean"] === true) return;
      // On a stream only what decompresses to too much is `too_large` this early.
      if (error instanceof DecodeError && error.reason === "too_large") this.#options.stats.count("limit.maxDecompressedBytes");
      await this.#tellError(session, error);
      throw error;
    }
    if (message.body.isWhole) slot.prove();
    switch (message.type) {
      case messageType.pushPull:
        await this.#servePushPull(inbound, message);
        break;
      case messageType.user:
        this.#options.handlers.message(await readUserMessage(message.body, this.#limits, this.#options.yieldToEventLoop));
        break;
      case messageType.ping:
        await this.#servePing(session, message);
        break;
      default:
        throw new DecodeError("unknown_type", `message type ${message.type} is not for streams, from ${from.host}`);
    }
  }

  /** The peer should know why; that it may be gone already must not hide what was wrong. */
  async #tellError(session: StreamSession, error: unknown): Promise<void> {
    try {
      await session.send(encodeErrResp({ error: errorMessage(error) }));
    } catch {
      return;
    }
    await session.finishAnswer();
  }

  async #checkLabel(session: StreamSession, from: Address): Promise<void> {
    const { codec, config, handlers } = this.#options;
    const theirs = await readStreamLabel(session.reader);
    if (config.skipInboundLabelCheck) {
      if (theirs.length > 0)
        throw new DecodeError(
          "double_label",
          "a stream with a label, but skipInboundLabelCheck says that labels were removed before",
        );
    } else if (!equalBytes(theirs, codec.label)) {
      handlers.labelMismatch(from, theirs);
      throw new DecodeError("label_mismatch", "the label of the stream differs from ours");
    }
  }

  async #servePushPull({ session, from, slot, drop }: Inbound, message: StreamMessage): Promise<void> {
    const { handlers } = this.#options;
    const pushPull = this.#pushPulls.enter(from.host, () => drop(this.#gaveWay("maxPushPullRequests")));
    if (typeof pushPull === "string") {
      const limit = this.#limits[pushPull];
      throw limitExceeded(pushPull, "push/pulls at once", limit + 1, limit);
    }
    let ours: StateLease | undefined;
    try {
      const { body } = message;
      const header = await readPushPullHeader(body, this.#limits);
      const lease = await this.#states.take(header.join, { isWanted: session.isOpen, drop });
      ours = lease;
      const answer = async (): Promise<void> => {
        await session.sendEncoded(lease.encoded);
        await session.finishAnswer();
      };
      // Who asks waits for the answer: what need not be waited for is read after it, and both work at the same time.
      const isHere = body.isWhole;
      if (isHere) pushPull.prove();
      if (isHere) await answer();
      const reading = await this.#readingBeside(lease.message, lease.known, header.nodes);
      const state = this.#counted(await readPushPullNodes(body, header, this.#limits, reading));
      slot.prove();
      pushPull.prove();
      if (!isHere) await answer();
      lease.release();
      await handlers.merge(state);
    } finally {
      ours?.release();
      pushPull.leave();
    }
  }

  /**
   * @param known the nodes of our own message
   * @param nodes how many a peer's state has, where that is known
   */
  async #readingBeside(
    ours: Uint8Array,
    known: () => Promise<UnchangedNodes>,
    nodes: number = Infinity,
  ): Promise<PushPullReading> {
    const { yieldToEventLoop, handlers } = this.#options;
    const pays = nodes * oursForOne >= ours.length;
    return { yieldToEventLoop, known: pays && handlers.dropsRepeats() ? await known() : undefined };
  }

  #counted(state: RemoteState): RemoteState {
    const { log, stats } = this.#options;
    if (state.skipped === 0) return state;
    stats.count("dropped.bad_node", state.skipped);
    log.warn("bad_node", `skipped ${state.skipped} invalid nodes in a push/pull`, { skipped: state.skipped });
    return state;
  }

  async #servePing(session: StreamSession, message: StreamMessage): Promise<void> {
    const ping = await readPing(message.body);
    if (!this.#options.handlers.isPingForUs(ping)) return;
    await session.send(encodeAckResp({ seqNo: ping.seqNo, payload: emptyBytes }));
    await session.finishAnswer();
  }
}

/** What usually begins with this byte. */
function lookalike(type: number): string {
  const name = { 0x15: "TLS", 0x16: "TLS", 0x48: "HTTP", 0x53: "SSH" }[type];
  return name === undefined ? "" : ` (it looks like ${name})`;
}

function expectType(message: StreamMessage, type: number): void {
  if (message.type === type) return;
  throw new MemberlistError(
    "protocol_error",
    `the peer did not answer like a memberlist node${lookalike(message.type)}: message type ${message.type} instead of ${type}. Is its address a gossip port?`,
  );
}

async function throwRemoteError(message: StreamMessage): Promise<never> {
  const { error } = await readErr(message.body);
  throw new MemberlistError("remote_error", `the peer reported an error: ${error}`, { details: { remote: error } });
}

/** An answer that could not be read, as an error that callers can branch on. */
function typed(error: unknown): unknown {
  if (!(error instanceof DecodeError)) return error;
  const { reason } = error;
  const code = reason === "decrypt_failed" || reason === "not_encrypted" ? reason : "protocol_error";
  return new MemberlistError(code, `could not read the peer's answer: ${error.message}`, { cause: error, details: { reason } });
}

/** The name of the limit that it was about. */
function limitOf(error: unknown): string | undefined {
  if (!(error instanceof MemberlistError) || error.code !== "limit_exceeded") return undefined;
  const { name } = error.details;
  return typeof name === "string" ? name : undefined;
}

function reasonOf(error: unknown): string {
  if (error instanceof DecodeError) return error.reason;
  return error instanceof MemberlistError ? error.code : "failed";
}
