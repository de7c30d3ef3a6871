import { formatAddress, type Address } from "../address.ts";
import { errorMessage, MemberlistError } from "../errors.ts";
import type { Clock, ClockTimer } from "../ports/clock.ts";
import type { DialOptions, TransportStream } from "../ports/transport.ts";
import { encodeFrame, encodeHeader } from "./packet-frames.ts";

interface Waiting {
  readonly frame: Uint8Array;
  readonly done: ((error?: Error) => void) | undefined;
}

export interface PacketLinkOptions {
  readonly to: Address;
  /** Our own, for the header. */
  readonly port: number;
  readonly clock: Clock;
  readonly dial: (to: Address, options: DialOptions) => Promise<TransportStream>;
  readonly limits: LinkLimits;
  /** The peer has hung up before it took anything: it seems to speak UDP only. */
  readonly onUnwelcome: () => void;
  readonly onGone: () => void;
}

interface LinkLimits {
  /** In ms: how long a dial, or a write that makes no progress, may take. */
  readonly timeout: number;
  /** In ms without a packet, after which the connection is closed. */
  readonly idleTimeout: number;
  /** Of packets that wait, from which on further ones are dropped. */
  readonly maxPendingBytes: number;
}

/** Bytes that one write puts together from packets that wait. */
const batchBytes = 64 * 1024;
/** In ms: a peer that twice in a row hangs up sooner than this does not want packets. */
const welcomeTime = 1000;
/** In ms: how long an unwelcome sender leaves such a peer alone. */
const unwelcomePause = 5000;

/** The packets to one peer: a queue, and a connection that is dialled when there is something to send. */
export class PacketLink {
  readonly #options: PacketLinkOptions;
  readonly #stop: AbortController = new AbortController();
  #queue: Waiting[] = [];
  #pendingBytes = 0;
  #stream: TransportStream | undefined;
  #writer: WritableStreamDefaultWriter<Uint8Array> | undefined;
  #isPumping = false;
  #idle: ClockTimer = undefined;
  /** In a row. One may be that of a peer that is being restarted. */
  #earlyHangUps = 0;
  #unwelcomeUntil = 0;

  constructor(options: PacketLinkOptions) {
    this.#options = options;
  }

  /** Whether nothing waits here. */
  get isIdle(): boolean {
    return !this.#isPumping;
  }

  /** As `Transport.writeTo`. */
  send(packet: Uint8Array, done: ((error?: Error) => void) | undefined): boolean {
    const { clock, limits } = this.#options;
    const refusal = this.#refusal(packet.length);
    if (refusal !== undefined) {
      if (done !== undefined) clock.defer(() => done(refusal));
      return refusal.code !== "limit_exceeded";
    }
    this.#queue.push({ frame: encodeFrame(packet), done });
    this.#pendingBytes += packet.length;
    if (!this.#isPumping) {
      this.#isPumping = true;
      // Later: packets of the same turn share a write, and `done` is never called synchronously.
      clock.defer(() => void this.#pump().catch((error: unknown) => this.#failAll(error)));
    }
    return this.#pendingBytes < limits.maxPendingBytes / 2;
  }

  /** Gives up what waits. */
  close(error: MemberlistError): void {
    this.#stop.abort();
    this.#hangUp();
    this.#failAll(error);
    this.#options.clock.clearTimeout(this.#idle);
  }

  #refusal(bytes: number): MemberlistError | undefined {
    const { clock, limits, to } = this.#options;
    const details = { host: to.host, port: to.port };
    if (clock.now() < this.#unwelcomeUntil) {
      return new MemberlistError("send_failed", `${formatAddress(to)} takes no packets over streams`, { details });
    }
    if (this.#pendingBytes + bytes <= limits.maxPendingBytes) return undefined;
    return new MemberlistError("limit_exceeded", `too many packets wait for ${formatAddress(to)}`, { details });
  }

  async #pump(): Promise<void> {
    const { clock } = this.#options;
    clock.clearTimeout(this.#idle);
    while (this.#queue.length > 0) {
      const batch = this.#takeBatch();
      let failure: MemberlistError | undefined;
      try {
        const writer = this.#writer ?? (await this.#connect());
        await this.#inTime(writer.write(joined(batch)));
      } catch (error) {
        failure = this.#failed(error);
        this.#hangUp();
      }
      for (const { done } of batch) done?.(failure);
      if (failure !== undefined) this.#failAll(failure);
    }
    this.#isPumping = false;
    if (this.#stop.signal.aborted) return;
    this.#idle = clock.setTimeout(() => this.#expire(), this.#options.limits.idleTimeout);
  }

  async #connect(): Promise<WritableStreamDefaultWriter<Uint8Array>> {
    const { clock, dial, limits, port, to } = this.#options;
    const stream = await dial(to, { timeout: limits.timeout, signal: this.#stop.signal });
    if (this.#stop.signal.aborted) {
      stream.close();
      throw new MemberlistError("shutdown", "the transport is shut down");
    }
    const writer = stream.writable.getWriter();
    this.#stream = stream;
    this.#writer = writer;
    const since = clock.now();
    this.#watch(stream).then(
      () => {
        if (this.#stream !== stream) return;
        this.#hangUp();
        if (this.#stop.signal.aborted) return;
        this.#earlyHangUps = clock.now() - since < welcomeTime ? this.#earlyHangUps + 1 : 0;
        if (this.#earlyHangUps < 2) return;
        this.#unwelcomeUntil = clock.now() + unwelcomePause;
        this.#options.onUnwelcome();
      },
      () => undefined,
    );
    await this.#inTime(writer.write(encodeHeader(port)));
    return writer;
  }

  /** A peer sends nothing on this connection: that it ends is all there is to read. */
  async #watch(stream: TransportStream): Promise<void> {
    const reader = stream.readable.getReader();
    try {
      while (!(await reader.read()).done);
    } catch {
      // It ended, one way or another.
    }
  }

  #inTime(written: Promise<void>): Promise<void> {
    const { clock, limits } = this.#options;
    return new Promise((resolve, reject) => {
      const late = new MemberlistError("timeout", `the peer took nothing for ${limits.timeout} ms`);
      const timer = clock.setTimeout(() => reject(late), limits.timeout);
      written.then(resolve, reject).finally(() => clock.clearTimeout(timer));
    });
  }

  #takeBatch(): Waiting[] {
    let bytes = 0;
    let count = 0;
    for (const { frame } of this.#queue) {
      if (count > 0 && bytes + frame.length > batchBytes) break;
      bytes += frame.length;
      count++;
    }
    this.#pendingBytes -= bytes - 2 * count;
    return this.#queue.splice(0, count);
  }

  #failed(cause: unknown): MemberlistError {
    const { to } = this.#options;
    if (this.#stop.signal.aborted) return new MemberlistError("shutdown", "the transport is shut down", { cause });
    return new MemberlistError("send_failed", `sending packets to ${formatAddress(to)}: ${errorMessage(cause)}`, { cause });
  }

  #failAll(cause: unknown): void {
    const error = cause instanceof MemberlistError ? cause : this.#failed(cause);
    this.#pendingBytes = 0;
    for (const { done } of this.#queue.splice(0)) done?.(error);
  }

  #expire(): void {
    if (this.#isPumping) return;
    this.#hangUp();
    this.#options.onGone();
  }

  #hangUp(): void {
    const stream = this.#stream;
    this.#stream = undefined;
    this.#writer = undefined;
    stream?.close();
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
