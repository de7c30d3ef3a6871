import { createSocket, type Socket as UdpSocket } from "node:dgram";
import { connect, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import type { AttackCost } from "./attack-task.ts";

interface StreamAttack {
  readonly perSecond: number;
  /** Where the streams come from, in turn. */
  readonly hosts: readonly string[];
  /** How many are open at a time. Default 64. */
  readonly atOnce?: number;
  /** Leave each open until the other side ends it. Default: close it when its payload is written. */
  readonly staysOpen?: boolean;
  /** Read what is answered. Default true. */
  readonly reads?: boolean;
}

/** For how long a stream stays half open that the other side has ended, in ms. */
const halfOpenTime = 1_500;
/** How often packets and streams are sent, in ms. */
const interval = 5;

/** What an attacker sends by, at a bounded rate and for a bounded time; it counts what that costs. */
export class AttackerSockets {
  readonly #port: number;
  readonly #until: number;
  readonly #open: Set<Socket> = new Set();
  #packets = 0;
  #streams = 0;
  #bytes = 0;
  #reflected = 0;

  constructor(port: number, seconds: number) {
    this.#port = port;
    this.#until = performance.now() + 1_000 * seconds;
  }

  get isOver(): boolean {
    return performance.now() >= this.#until;
  }

  get cost(): AttackCost {
    return { packets: this.#packets, streams: this.#streams, bytes: this.#bytes, reflected: this.#reflected };
  }

  /** Counts the packets that come to this address, until the process ends. */
  async countReflected(host: string, port: number): Promise<void> {
    const socket = createSocket("udp4").on("message", () => this.#reflected++);
    await new Promise<void>((resolve) => socket.bind(port, host, resolve));
  }

  /** Sends the packets in turn, over and over. @param most how many in all */
  async packets(packets: readonly Uint8Array[], perSecond: number, most: number = Infinity): Promise<void> {
    const socket = createSocket("udp4");
    await new Promise<void>((resolve) => socket.bind(0, "127.0.1.1", resolve));
    let sent = 0;
    await this.#paced(perSecond, () => {
      const packet = packets[sent % packets.length];
      if (packet === undefined) return true;
      if (sent >= most) return false;
      sent++;
      this.#send(socket, packet);
      return true;
    });
    socket.close();
  }

  /** Opens streams, and writes a payload on each, in turn. */
  async streams(payloads: readonly Uint8Array[], attack: StreamAttack): Promise<void> {
    const { perSecond, hosts, atOnce = 64 } = attack;
    let opened = 0;
    await this.#paced(perSecond, () => {
      if (this.#open.size >= atOnce) return true;
      this.#stream(payloads[opened % payloads.length] as Uint8Array, hosts[opened % hosts.length] as string, attack);
      opened++;
      return true;
    });
    for (const socket of this.#open) socket.resetAndDestroy();
  }

  /** Calls `act` so many times a second until it returns false or the time is over. */
  async #paced(perSecond: number, act: () => boolean): Promise<void> {
    const start = performance.now();
    for (let done = 0; !this.isOver;) {
      const due = Math.ceil(((performance.now() - start) / 1_000) * perSecond);
      for (; done < due; done++) if (!act()) return;
      await sleep(interval);
    }
  }

  #send(socket: UdpSocket, packet: Uint8Array): void {
    this.#packets++;
    this.#bytes += packet.length;
    socket.send(packet, this.#port, "127.0.0.1");
  }

  #stream(payload: Uint8Array, localAddress: string, { staysOpen = false, reads = true }: StreamAttack): void {
    this.#streams++;
    this.#bytes += payload.length;
    const socket = connect({ port: this.#port, host: "127.0.0.1", localAddress, allowHalfOpen: staysOpen });
    this.#open.add(socket);
    socket.on("error", () => undefined);
    socket.on("close", () => this.#open.delete(socket));
    // It stays half open for as long as the other side may wait for it.
    if (staysOpen) socket.on("end", () => void setTimeout(() => socket.destroy(), halfOpenTime).unref());
    if (reads) socket.resume();
    else socket.pause();
    if (staysOpen) socket.write(payload);
    else if (reads) socket.end(payload);
    else socket.write(payload);
  }
}
