import { formatAddress, type Address } from "../../api/address.ts";
import type { WaitOptions } from "../../api/call-options.ts";
import { errorMessage, MemberlistError } from "../../api/errors.ts";
import type { PushPullTrace, SendTrace } from "../../ports/diagnostics.ts";
import type { Transport } from "../../ports/transport.ts";
import { messageType } from "../../wire/constants.ts";
import { DecodeError } from "../../wire/errors.ts";
import { encodePing } from "../../wire/messages/encode.ts";
import { encodeUserStream } from "../../wire/messages/push-pull.ts";
import type { Ping, PushNodeState } from "../../wire/messages/types.ts";
import { UnchangedNodes } from "../../wire/messages/unchanged-nodes.ts";
import { readAck, readErr, readPushPullHeader, type RemoteState, type StreamMessage } from "../../wire/stream-messages.ts";
import { maxTimerDelay } from "../../ports/clock.ts";
import { looksLike, protocolOfByte } from "../foreign-protocol.ts";
import { PushPullReader } from "./push-pull-reader.ts";
import { StreamSession, type StreamContext } from "./stream-session.ts";

export interface OutboundStreamsOptions extends StreamContext {
  readonly transport: Pick<Transport, "dial">;
}

/** A peer's state, as a push/pull shows it. */
export interface PeerView {
  /** How many nodes it knows, itself included. */
  readonly count: number;
  /** The nodes that differ from this node's table. */
  readonly nodes: readonly PushNodeState[];
  /** How many of its nodes are invalid, and were left out. */
  readonly skipped: number;
  /** The length of the application's state, in bytes. */
  readonly userStateBytes: number;
}

/** Push/pulls, reliable messages and fallback pings that we begin, each over a stream of its own. Source: PROTOCOL.md section 4. */
export class OutboundStreams {
  readonly #options: OutboundStreamsOptions;
  readonly #reader: PushPullReader;

  constructor(options: OutboundStreamsOptions) {
    this.#options = options;
    this.#reader = new PushPullReader(options);
  }

  /**
   * Exchanges the whole state with a peer, and merges the peer's state.
   *
   * @returns what the peer knows
   * @throws MemberlistError `dial_failed`, `timeout`, `aborted`, `remote_error`, `protocol_error`, `limit_exceeded`,
   *   `message_too_large`, `stream_closed`, `stream_failed`, `incompatible_versions`, `merge_refused`; `decrypt_failed` (the peer has
   *   other keys than this node, or this node has none), `not_encrypted` (the peer answers in plaintext, which this node refuses)
   */
  pushPull(to: Address, join: boolean, options: WaitOptions = {}): Promise<PeerView> {
    const { node, pushPull } = this.#options.stats.diagnostics;
    const message = (): PushPullTrace => ({ node, direction: "out", address: formatAddress(to), peer: to.name, join });
    return pushPull.trace(message, () => this.#pushPull(to, join, options), resultOf);
  }

  async #pushPull(to: Address, join: boolean, options: WaitOptions): Promise<PeerView> {
    const { states, stats } = this.#options;
    const measured = stats.measure("memberlist.pushPullNode");
    try {
      const { count, state } = await this.#call(to, "push/pull", options, (session) => {
        stats.increment("memberlist.tcp.connect", 1);
        return this.#exchange(session, join);
      });
      await states.merge({ ...state, join }, states.nextPart);
      return { count, nodes: state.nodes, skipped: state.skipped, userStateBytes: state.userState.length };
    } finally {
      measured?.();
    }
  }

  /** Sends a user message; resolves when the network has all of it. Errors as for {@link pushPull}. */
  sendUser(to: Address, message: Uint8Array, options: WaitOptions = {}): Promise<void> {
    const { node, sendReliable } = this.#options.stats.diagnostics;
    const trace = (): SendTrace => ({ node, address: formatAddress(to), peer: to.name, size: message.length });
    return sendReliable.trace(trace, () =>
      this.#call(to, "a reliable message", options, async (session) => {
        await session.send(encodeUserStream(message));
        // The peer does not answer: that the network has all of it is all that can be known.
        await session.finish();
      }),
    );
  }

  /** Whether a node answers a ping over a stream within `timeout` ms. Never throws. */
  async ping(to: Address, ping: Ping, timeout: number): Promise<boolean> {
    const { config, log } = this.#options;
    try {
      return await this.#call(to, "a ping over a stream", { timeout }, async (session) => {
        await session.send(encodePing(ping));
        const reply = await session.receive(config.limits);
        expectType(reply, messageType.ackResp);
        const { seqNo } = await readAck(reply.body);
        if (seqNo === ping.seqNo) return true;
        throw new MemberlistError("protocol_error", `the ack's sequence number ${seqNo} is not the ping's ${ping.seqNo}`);
      });
    } catch (error) {
      // A dead node does not answer: only a wrong answer is worth a log line.
      const isExpected = error instanceof MemberlistError && ["dial_failed", "timeout", "shutdown"].includes(error.code);
      if (!isExpected) log.warn("stream_ping_failed", `a ping over a stream failed: ${errorMessage(error)}`, { to });
      return false;
    }
  }

  async #exchange(session: StreamSession, join: boolean): Promise<{ readonly count: number; readonly state: RemoteState }> {
    const { config, states } = this.#options;
    const ours = await states.localState(join);
    await session.send(ours);
    // While the peer works on its answer.
    const unchanged = await this.#reader.unchanged(ours, () => UnchangedNodes.of(ours, session.nextPart));
    const reply = await this.#receiveState(session);
    if (reply.type === messageType.err) await throwRemoteError(reply);
    expectType(reply, messageType.pushPull);
    const header = await readPushPullHeader(reply.body, config.limits);
    return { count: header.nodes, state: await this.#reader.read(session, reply.body, header, unchanged) };
  }

  /**
   * The answer to our state. A peer that hangs up without one does not give the cause, but a label that differs is the usual one:
   * a peer drops such a stream as soon as it has seen the label.
   */
  async #receiveState(session: StreamSession): Promise<StreamMessage> {
    const { label, limits } = this.#options.config;
    try {
      return await session.receive(limits);
    } catch (error) {
      const isHungUp =
        error instanceof MemberlistError &&
        (error.details["clean"] === true || (error.code === "stream_failed" && !session.reader.hasBegun));
      if (!isHungUp) throw error;
      const ours = label === "" ? "we have none" : `ours is ${JSON.stringify(label)}`;
      throw new MemberlistError(
        error.code,
        `the peer closed the connection without an answer: its label may differ (${ours}), or it may be too busy. Its log and its counters show which`,
        { cause: error, details: { ...error.details, unanswered: true, label } },
      );
    }
  }

  /** Dials, and closes the stream however the call ends. */
  async #call<T>(
    to: Address,
    what: string,
    { timeout = this.#options.config.tcpTimeout, signal }: WaitOptions,
    use: (session: StreamSession) => Promise<T>,
  ): Promise<T> {
    const { config, operations, stats, transport } = this.#options;
    return operations.run<T>({ what, timeout, signal, stateChanged: true }, (resolve, reject) => {
      let session: StreamSession | undefined;
      let isOver = false;
      // The wait for an answer may be without end; dialling is not.
      const dialTimeout = timeout > 0 && timeout <= maxTimerDelay ? timeout : config.tcpTimeout;
      const work = async (): Promise<T> => {
        const stream = await transport.dial(to, { timeout: dialTimeout, signal });
        stats.traffic.streamsOpened++;
        session = new StreamSession(stream, this.#options);
        if (isOver) {
          session.close();
          throw new MemberlistError("aborted", `${what} was cancelled while dialling`);
        }
        await session.sendLabel();
        return await use(session);
      };
      work().then(resolve, (error: unknown) => reject(asCallError(error)));
      return () => {
        isOver = true;
        session?.close();
      };
    });
  }
}

/** The facts of a push/pull for subscribers. */
function resultOf({ count, nodes, skipped, userStateBytes }: PeerView): object {
  return { nodes: count, different: nodes.length, skipped, userStateBytes };
}

function expectType(message: StreamMessage, type: number): void {
  if (message.type === type) return;
  const protocol = protocolOfByte(message.type);
  throw new MemberlistError(
    "protocol_error",
    `the peer did not answer like a memberlist node${looksLike(protocol)}: message type ${message.type} instead of ${type}. Is its address a gossip port?`,
    { details: { protocol } },
  );
}

async function throwRemoteError(message: StreamMessage): Promise<never> {
  const { error } = await readErr(message.body);
  throw new MemberlistError("remote_error", `the peer reported an error: ${error}`, { details: { remote: error } });
}

/** An answer that could not be read, as an error that callers can branch on. */
function asCallError(error: unknown): unknown {
  if (!(error instanceof DecodeError)) return error;
  const { reason } = error;
  const code = reason === "decrypt_failed" || reason === "not_encrypted" ? reason : "protocol_error";
  return new MemberlistError(code, `could not read the peer's answer: ${error.message}`, { cause: error, details: { reason } });
}
