import { connect, type Socket } from "node:net";
import type { Address } from "@memberlist/core";
import { onAbort, type Connection } from "@memberlist/core/internal";

/** Bytes read ahead of the consumer before the socket is paused; the kernel's window then stops the peer. */
const readAheadMax = 64 * 1024;

/**
 * A `net.Socket`. It reads ahead, because a socket that does not read notices no reset. Written by hand, since `Duplex.toWeb` rejects
 * promises without a handler, and drops the bytes that it has read when the peer resets.
 */
export class TcpConnection implements Connection {
  readonly remote: Connection["remote"];
  readonly gone: Promise<unknown>;
  readonly #socket: Socket;
  #chunks: Uint8Array[] = [];
  #buffered = 0;
  #isEnded = false;
  #isGone = false;
  #error: Error | undefined;
  #wake: (() => void) | undefined;
  #rejectWrite: ((error: Error) => void) | undefined;

  constructor(socket: Socket) {
    this.#socket = socket;
    const { remoteAddress: host, remotePort: port } = socket;
    this.remote = host === undefined || port === undefined ? undefined : { host, port };
    this.gone = new Promise((resolve) => {
      socket.once("close", () => {
        this.#isGone = true;
        resolve(this.#error);
        this.#failed();
      });
    });
    socket.on("error", (error) => {
      this.#error ??= error;
      this.#failed();
    });
    socket.on("end", () => {
      this.#isEnded = true;
      this.#notify();
    });
    socket.on("data", (chunk: Uint8Array) => {
      this.#chunks.push(new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength));
      this.#buffered += chunk.byteLength;
      if (this.#buffered >= readAheadMax) socket.pause();
      this.#notify();
    });
    socket.resume();
  }

  async read(): Promise<Uint8Array | undefined> {
    while (this.#chunks.length === 0) {
      if (this.#isEnded) return undefined;
      if (this.#hasFailed()) throw this.#failure();
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    const chunk = this.#chunks.shift() as Uint8Array;
    this.#buffered -= chunk.byteLength;
    if (this.#buffered < readAheadMax && this.#socket.isPaused()) this.#socket.resume();
    return chunk;
  }

  write(bytes: Uint8Array): Promise<void> {
    return this.#send((sent) => this.#socket.write(bytes, sent));
  }

  closeWrite(): Promise<void> {
    if (this.#socket.writableFinished) return Promise.resolve();
    return this.#send((sent) => this.#socket.end(sent));
  }

  close(): void {
    this.#socket.destroy();
  }

  reset(): void {
    this.#socket.resetAndDestroy();
  }

  #notify(): void {
    this.#wake?.();
    this.#wake = undefined;
  }

  #hasFailed(): boolean {
    return this.#isGone || this.#error !== undefined;
  }

  #failure(): Error {
    return this.#error ?? new Error("the socket was closed");
  }

  #failed(): void {
    this.#rejectWrite?.(this.#failure());
    this.#rejectWrite = undefined;
    this.#notify();
  }

  /** Node reports a write that was cancelled because the socket was destroyed as a success. So a destroyed socket counts as failed. */
  #send(start: (sent: (error?: Error | null) => void) => void): Promise<void> {
    if (this.#hasFailed()) return Promise.reject(this.#failure());
    return new Promise<void>((resolve, reject) => {
      this.#rejectWrite = reject;
      start((error) => {
        this.#rejectWrite = undefined;
        if (error !== undefined && error !== null) reject(this.#error ?? error);
        else if (this.#socket.destroyed) reject(this.#failure());
        else resolve();
      });
    });
  }
}

/** Connects to `to`. */
export function connectTcp({ host, port }: Address, signal: AbortSignal): Promise<TcpConnection> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, allowHalfOpen: true, noDelay: true });
    const stopListening = onAbort(signal, () => socket.destroy());
    const closed = (): void => reject(new Error("the connection was closed at once"));
    socket.on("error", reject).once("close", closed);
    socket.once("connect", () => {
      stopListening();
      socket.off("error", reject).off("close", closed);
      resolve(new TcpConnection(socket));
    });
  });
}
