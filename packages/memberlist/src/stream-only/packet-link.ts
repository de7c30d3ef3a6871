import { formatAddress, type Address } from "../api/address.ts";
import { errorMessage, MemberlistError } from "../api/errors.ts";
import { nextTurn, type Clock, type ClockTimer } from "../ports/clock.ts";
import type { DialOptions, TransportStream } from "../ports/transport.ts";
import { PacketConnection } from "./packet-connection.ts";
import { encodeFrame, frameOverhead } from "./packet-frames.ts";

interface Waiting {
  readonly frame: Uint8Array;
  /** Since when, on the clock. */
  readonly since: number;
  readonly done: ((error?: Error) => void) | undefined;
}

export interface PacketLinkOptions {
  readonly to: Address;
  /** The first bytes of a connection. */
  readonly header: Uint8Array;
  readonly clock: Clock;
  readonly dial: (to: Address, options: DialOptions) => Promise<TransportStream>;
  readonly limits: LinkLimits;
  /** The peer has acknowledged something for the first time. */
  readonly onReached: () => void;
  /** The peer has hung up before it accepted a packet: it seems to speak UDP only, or to have another key. */
  readonly onUnwelcome: () => void;
  /** The link has been idle for long, or could not reach the peer: the table drops it. */
  readonly onGone: () => void;
}

interface LinkLimits {
  /** In ms: how long a dial, an acknowledgement, and a packet that waits may take. */
  readonly ackTimeout: number;
  /** In ms without a packet, after which the connection is closed. */
  readonly idleTimeout: number;
  /** Of packets that wait, from which on further ones are dropped. */
  readonly maxPendingBytes: number;
}

/** Bytes that one write puts together from packets that wait. */
const batchBytes = 64 * 1024;
/** In ms: a peer that twice in a row hangs up sooner than this, without an acknowledgement, does not want packets. */
const welcomeTime = 1000;
/** In ms: how long an unwelcome sender leaves such a peer alone. */
const unwelcomePause = 5000;

/** The packets to one peer: a queue, and a connection that is dialled for the first packet. */
export class PacketLink {
  readonly to: Address;
  /** When it was made, on the clock. */
  readonly since: number;
  /** Whether the peer has ever acknowledged anything. */
  isReached = false;
  readonly #options: PacketLinkOptions;
  readonly #stop: AbortController = new AbortController();
  #queue: Waiting[] = [];
  #pendingBytes = 0;
  #connection: PacketConnection | undefined;
  /** Undefined while nothing waits. */
  #pumping: Promise<void> | undefined;
  #idle: ClockTimer = undefined;
  /** In a row. One may be that of a peer that is being restarted. */
  #earlyHangUps = 0;
  #unwelcomeUntil = 0;
  /** The argument of {@link close}. */
  #closedBy: MemberlistError | undefined;

  constructor(options: PacketLinkOptions) {
    this.#options = options;
    this.to = options.to;
    this.since = options.clock.now();
  }

  /** Whether nothing waits here. */
  get isIdle(): boolean {
    return this.#pumping === undefined;
  }

  /** As `Transport.writeTo`. */
  send(packet: Uint8Array, done: ((error?: Error) => void) | undefined): boolean {
    const { clock, limits } = this.#options;
    const refusal = this.#refusal(packet.length);
    if (refusal !== undefined) {
      if (done !== undefined) clock.defer(() => done(refusal));
      return refusal.code !== "limit_exceeded";
    }
    this.#queue.push({ frame: encodeFrame(packet), since: clock.now(), done });
    this.#pendingBytes += packet.length;
    // Later: packets of the same turn share a write, and `done` is never called synchronously.
    this.#pumping ??= nextTurn(clock).then(() => this.#pump());
    return this.#pendingBytes < limits.maxPendingBytes / 2;
  }

  /** Sends what waits, and closes the connection when the peer has acknowledged all of it. Never rejects. */
  async drain(): Promise<void> {
    await this.#pumping;
    const connection = this.#connection;
    if (connection === undefined) return;
    const isDrained = await connection.drained().then(
      () => true,
      () => false,
    );
    if (isDrained) connection.close();
  }

  /** Gives up what waits. */
  close(error: MemberlistError): void {
    this.#closedBy = error;
    this.#stop.abort();
    this.#connection?.cut(error);
    this.#failAll(error);
    this.#options.clock.clearTimeout(this.#idle);
  }

  #refusal(bytes: number): MemberlistError | undefined {
    const { clock, limits, to } = this.#options;
    const details = { host: to.host, port: to.port };
    if (clock.now() < this.#unwelcomeUntil) {
      return new MemberlistError(
        "send_failed",
        `${formatAddress(to)} accepts no packets over streams: does that member use streamOnly, and the same key and label?`,
        { details },
      );
    }
    if (this.#pendingBytes + bytes <= limits.maxPendingBytes) return undefined;
    return new MemberlistError("limit_exceeded", `too many packets wait for ${formatAddress(to)}`, { details });
  }

  async #pump(): Promise<void> {
    const { clock, limits, onGone } = this.#options;
    clock.clearTimeout(this.#idle);
    while (this.#queue.length > 0) {
      try {
        const connection = this.#connection ?? (await this.#connect());
        await connection.room();
        await this.#sendBatch(connection);
      } catch (error) {
        this.#failAll(this.#failed(error));
      }
    }
    this.#pumping = undefined;
    if (this.#closedBy !== undefined) return;
    const isOfUse = this.#connection !== undefined || this.#earlyHangUps > 0;
    if (!isOfUse && !this.isReached) onGone();
    else this.#idle = clock.setTimeout(() => this.#expire(), limits.idleTimeout);
  }

  /** Drops packets that have waited for too long. */
  async #sendBatch(connection: PacketConnection): Promise<void> {
    const { ackTimeout } = this.#options.limits;
    const batch = this.#takeBatch();
    const due = this.#options.clock.now() - ackTimeout;
    const late = batch.filter(({ since }) => since < due);
    const fresh = late.length === 0 ? batch : batch.filter(({ since }) => since >= due);
    if (late.length > 0) {
      const error = this.#failed(new MemberlistError("timeout", `they waited for longer than ${ackTimeout} ms`));
      for (const { done } of late) done?.(error);
    }
    if (fresh.length === 0) return;
    let failure: MemberlistError | undefined;
    try {
      await connection.write(joined(fresh));
    } catch (error) {
      failure = this.#failed(error);
    }
    for (const { done } of fresh) done?.(failure);
    if (failure !== undefined) throw failure;
  }

  async #connect(): Promise<PacketConnection> {
    const { clock, dial, header, limits, to } = this.#options;
    const { ackTimeout } = limits;
    const stream = await dial(to, { timeout: ackTimeout, signal: this.#stop.signal });
    if (this.#closedBy !== undefined) {
      stream.close();
      throw this.#closedBy;
    }
    const since = clock.now();
    const connection = new PacketConnection({
      stream,
      clock,
      ackTimeout,
      onReached: () => this.#reached(),
      onEnd: () => this.#ended(connection, since),
    });
    this.#connection = connection;
    await connection.write(header);
    return connection;
  }

  #reached(): void {
    if (this.isReached) return;
    this.isReached = true;
    this.#options.onReached();
  }

  #ended(connection: PacketConnection, since: number): void {
    const { clock, onUnwelcome } = this.#options;
    if (this.#connection !== connection) return;
    this.#connection = undefined;
    if (this.#closedBy !== undefined) return;
    const isEarly = !connection.isReached && clock.now() - since < welcomeTime;
    this.#earlyHangUps = isEarly ? this.#earlyHangUps + 1 : 0;
    if (this.#earlyHangUps < 2) return;
    this.#unwelcomeUntil = clock.now() + unwelcomePause;
    onUnwelcome();
  }

  #takeBatch(): Waiting[] {
    let bytes = 0;
    let count = 0;
    for (const { frame } of this.#queue) {
      if (count > 0 && bytes + frame.length > batchBytes) break;
      bytes += frame.length;
      count++;
    }
    this.#pendingBytes -= bytes - frameOverhead * count;
    return this.#queue.splice(0, count);
  }

  #failed(cause: unknown): MemberlistError {
    const { to } = this.#options;
    if (this.#closedBy !== undefined) return this.#closedBy;
    if (cause instanceof MemberlistError && cause.code === "send_failed") return cause;
    return new MemberlistError("send_failed", `sending packets to ${formatAddress(to)}: ${errorMessage(cause)}`, { cause });
  }

  #failAll(error: MemberlistError): void {
    this.#pendingBytes = 0;
    for (const { done } of this.#queue.splice(0)) done?.(error);
  }

  #expire(): void {
    if (!this.isIdle) return;
    this.#connection?.close();
    this.#connection = undefined;
    this.#options.onGone();
  }
}

function joined(batch: readonly Waiting[]): Uint8Array {
  const bytes = new Uint8Array(batch.reduce((total, { frame }) => total + frame.length, 0));
  let at = 0;
  for (const { frame } of batch) {
    bytes.set(frame, at);
    at += frame.length;
  }
  return bytes;
}
