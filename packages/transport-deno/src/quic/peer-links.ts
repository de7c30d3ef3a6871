import { MemberlistError, type Address } from "@memberlist/core";
import { callDone, callDoneLater, type Log, type SendDone } from "@memberlist/core/internal";
import type { PeerConnection } from "./peer-connection.ts";
import { refusal } from "./refusal.ts";

interface Waiting {
  readonly packet: Uint8Array;
  readonly done: SendDone;
}

/** A connection to one name and address, or an attempt at one with the packets that wait for it. */
interface Link {
  connection: PeerConnection | undefined;
  dialling: Promise<PeerConnection> | undefined;
  waiting: Waiting[];
  /** Of packets on their way, waiting or handed to QUIC. */
  packets: number;
  bytes: number;
  /** Why the last attempt failed; packets fail by it until then. */
  failure: { readonly error: MemberlistError; readonly until: number } | undefined;
}

export interface PeerLinksOptions {
  /** Makes a connection; it has an end in time. */
  readonly dial: (to: Address) => Promise<PeerConnection>;
  /** Of this process, in hex. */
  readonly instance: string;
  /** Packets on their way to one peer, from which on `send` answers false. */
  readonly highWaterMark: number;
  /** Packets on their way to one peer; four times as many in all. */
  readonly maxPendingSends: number;
  readonly maxConnections: number;
  /** Attempts at a connection under way. */
  readonly maxAttempts: number;
  readonly log: Log;
}

/** Bytes on their way to one peer; four times as many in all. */
const pendingBytesMax = 4 * 1024 * 1024;
const peersInAll = 4;
/** In ms: so long a failed attempt is not repeated for packets. A dial for a stream always tries. */
const failurePause = 1000;
/** In ms: an unused connection is closed after this time, when its last packets have arrived. */
const retirement = 2000;

/**
 * One connection for each peer, dialled by either side. It is found by the peer's address, with its name and without. Packets wait here
 * during an attempt.
 */
export class PeerLinks {
  droppedSends = 0;
  readonly #options: PeerLinksOptions;
  readonly #links: Map<string, Link> = new Map();
  readonly #connections: Set<PeerConnection> = new Set();
  #packets = 0;
  #bytes = 0;
  #attempts = 0;

  constructor(options: PeerLinksOptions) {
    this.#options = options;
  }

  get connections(): ReadonlySet<PeerConnection> {
    return this.#connections;
  }

  /** As `Transport.writeTo`. */
  send(packet: Uint8Array, to: Address, done: SendDone | undefined): boolean {
    const { highWaterMark, log, maxPendingSends } = this.#options;
    const link = this.#link(to);
    const size = packet.byteLength;
    const isFull =
      link.packets >= maxPendingSends ||
      link.bytes + size > pendingBytesMax ||
      this.#packets >= maxPendingSends * peersInAll ||
      this.#bytes + size > pendingBytesMax * peersInAll;
    if (isFull) {
      this.droppedSends++;
      const details = { host: to.host, port: to.port, waiting: link.packets };
      callDoneLater(done, new MemberlistError("limit_exceeded", "too many packets wait to be sent", { details }), log);
      return false;
    }
    const connection = link.connection?.isUsable === true ? link.connection : undefined;
    if (connection === undefined && link.failure !== undefined && performance.now() < link.failure.until) {
      callDoneLater(done, link.failure.error, log);
      return true;
    }
    link.packets++;
    link.bytes += size;
    this.#packets++;
    this.#bytes += size;
    const settled: SendDone = (error) => {
      link.packets--;
      link.bytes -= size;
      this.#packets--;
      this.#bytes -= size;
      if (done !== undefined) callDone(done, error, log);
    };
    if (connection !== undefined) connection.send(packet, settled);
    else {
      link.waiting.push({ packet, done: settled });
      this.#dial(link, to).catch(() => undefined);
    }
    return link.packets < highWaterMark;
  }

  /** The connection that is there, or a new one. */
  async connection(to: Address): Promise<{ readonly connection: PeerConnection; readonly isNew: boolean }> {
    const link = this.#link(to);
    if (link.connection?.isUsable === true) return { connection: link.connection, isNew: false };
    return { connection: await this.#dial(link, to), isNew: true };
  }

  /**
   * Takes a connection whose peer is proven.
   *
   * - Of the same process as the one that is there: both sides have dialled at once. Both keep the one that the lower instance has
   *   dialled; the other one goes when what is on it has arrived.
   * - Of another process: the one before is gone, and so is its connection.
   *
   * @throws MemberlistError `limit_exceeded` when there are too many and all are in use
   */
  add(connection: PeerConnection): void {
    if (this.#connections.size >= this.#options.maxConnections) this.#makeRoom();
    this.#connections.add(connection);
    connection.gone.then(
      () => this.#remove(connection),
      () => undefined,
    );
    const { address } = connection;
    for (const link of [this.#link(address), this.#link({ ...address, name: "" })]) {
      const winner = this.#better(link.connection, connection);
      link.connection = winner;
      link.failure = undefined;
      for (const { packet, done } of link.waiting.splice(0)) winner.send(packet, done);
    }
  }

  /** Called at intervals: closes unused connections, and forgets links without one. */
  sweep(idleTimeout: number): void {
    const now = performance.now();
    for (const connection of this.#connections) {
      if ((connection.peer?.expiresAt ?? 0) <= Date.now())
        connection.close(refusal("certificate_expired", "the certificate has expired"));
      if (!connection.isIdle) continue;
      const isOver = connection.retiredAt !== undefined && now - connection.retiredAt >= retirement;
      if (isOver || now - connection.lastUsed >= idleTimeout) connection.close();
    }
    for (const [key, link] of this.#links) {
      const failed = link.failure !== undefined && now >= link.failure.until;
      if (failed) link.failure = undefined;
      const isEmpty = link.connection === undefined && link.dialling === undefined && link.failure === undefined;
      if (isEmpty && link.packets === 0) this.#links.delete(key);
    }
  }

  #link(to: Address): Link {
    const key = `${to.name}@${to.host}:${to.port}`;
    let link = this.#links.get(key);
    if (link === undefined) {
      link = { connection: undefined, dialling: undefined, waiting: [], packets: 0, bytes: 0, failure: undefined };
      this.#links.set(key, link);
    }
    return link;
  }

  #dial(link: Link, to: Address): Promise<PeerConnection> {
    link.dialling ??= this.#dialNow(link, to).finally(() => {
      link.dialling = undefined;
    });
    return link.dialling;
  }

  async #dialNow(link: Link, to: Address): Promise<PeerConnection> {
    this.#attempts++;
    try {
      if (this.#attempts > this.#options.maxAttempts)
        throw new MemberlistError("limit_exceeded", "too many connections are being made", {
          details: { attempts: this.#attempts },
        });
      const connection = await this.#options.dial(to);
      try {
        this.add(connection);
      } catch (error) {
        connection.close(error);
        throw error;
      }
      // The peer may see itself at another address, or be known there under another name, than we have dialled.
      if (link.connection?.isUsable !== true) link.connection = connection;
      for (const { packet, done } of link.waiting.splice(0)) link.connection.send(packet, done);
      return connection;
    } catch (cause) {
      const error = cause instanceof MemberlistError ? cause : new MemberlistError("dial_failed", String(cause), { cause });
      link.failure = { error, until: performance.now() + failurePause };
      for (const { done } of link.waiting.splice(0)) done(error);
      throw error;
    } finally {
      this.#attempts--;
    }
  }

  #better(old: PeerConnection | undefined, fresh: PeerConnection): PeerConnection {
    if (old === undefined || !old.isUsable) return fresh;
    if (old.peer?.instance !== fresh.peer?.instance) {
      old.close();
      return fresh;
    }
    const dialledBy = ({ dialled, peer }: PeerConnection): string => (dialled ? this.#options.instance : (peer?.instance ?? ""));
    const winner = dialledBy(old) < dialledBy(fresh) ? old : fresh;
    (winner === old ? fresh : old).retire();
    return winner;
  }

  /** Closes the connection that was not used for longest, of the connections without a stream. */
  #makeRoom(): void {
    const idle = [...this.#connections].filter(({ isIdle }) => isIdle).toSorted((a, b) => a.lastUsed - b.lastUsed);
    const [oldest] = idle;
    if (oldest === undefined) {
      const open = this.#connections.size;
      throw new MemberlistError("limit_exceeded", "too many connections are in use", { details: { open } });
    }
    oldest.close();
    this.#remove(oldest);
  }

  #remove(connection: PeerConnection): void {
    this.#connections.delete(connection);
    for (const link of this.#links.values()) if (link.connection === connection) link.connection = undefined;
  }
}
