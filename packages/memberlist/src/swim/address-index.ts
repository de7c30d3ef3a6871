import { randomBytes } from "../ports/crypto.ts";
import type { PackedIp } from "../wire/ip.ts";

const startSlots = 64;

/**
 * Counts the members at each address, so that a look-up of one address does not visit all members.
 *
 * IPv4 addresses are in typed arrays, which take 13 to 27 bytes for each address; an entry of a `Map` takes 41. Other addresses are in a map from the
 * host, a string that the member has anyway, to its port. Only a host with several ports needs a map of its own.
 */
export class AddressIndex {
  readonly #others: Map<string, number | Map<number, number>> = new Map();
  /** Open addressing: address, port and count of each slot; a count of 0 is a free slot. */
  #hosts: Int32Array = new Int32Array(startSlots);
  #ports: Uint16Array = new Uint16Array(startSlots);
  #counts: Int32Array = new Int32Array(startSlots);
  #used = 0;
  /** Without secret multipliers a peer could make up addresses that all have one hash. */
  readonly #secret: Int32Array = new Int32Array(randomBytes(12).buffer);

  add(host: PackedIp, port: number): void {
    if (typeof host === "string") {
      this.#addOther(host, port);
      return;
    }
    if (this.#used * 4 >= this.#counts.length * 3) this.#resize(this.#counts.length * 2);
    this.#put(host, port, 1);
  }

  /** Takes back one {@link add}. */
  delete(host: PackedIp, port: number): void {
    if (typeof host === "string") {
      this.#deleteOther(host, port);
      return;
    }
    const slot = this.#slot(host, port);
    const count = this.#counts[slot] as number;
    if (count > 1) this.#counts[slot] = count - 1;
    else if (count === 1) this.#free(slot);
  }

  has(host: PackedIp, port: number): boolean {
    if (typeof host === "number") return (this.#counts[this.#slot(host, port)] as number) > 0;
    const known = this.#others.get(host);
    return typeof known === "object" ? known.has(port) : known === port;
  }

  #addOther(host: string, port: number): void {
    const known = this.#others.get(host);
    if (known === undefined) {
      this.#others.set(host, port);
      return;
    }
    const ports = typeof known === "number" ? new Map([[known, 1]]) : known;
    ports.set(port, (ports.get(port) ?? 0) + 1);
    this.#others.set(host, ports);
  }

  #deleteOther(host: string, port: number): void {
    const known = this.#others.get(host);
    if (known === port) this.#others.delete(host);
    if (known === undefined || typeof known === "number") return;
    const count = known.get(port) ?? 0;
    if (count > 1) known.set(port, count - 1);
    else known.delete(port);
    if (known.size === 0) this.#others.delete(host);
  }

  #put(host: number, port: number, count: number): void {
    const slot = this.#slot(host, port);
    if (this.#counts[slot] === 0) this.#used++;
    this.#hosts[slot] = host;
    this.#ports[slot] = port;
    this.#counts[slot] = (this.#counts[slot] as number) + count;
  }

  /** The slot of an address, or the free one where it belongs. */
  #slot(host: number, port: number): number {
    const mask = this.#counts.length - 1;
    let slot = this.#home(host, port);
    while (this.#counts[slot] !== 0 && (this.#hosts[slot] !== host || this.#ports[slot] !== port)) slot = (slot + 1) & mask;
    return slot;
  }

  /** Where the search for an address begins. Multilinear hashing: a peer that does not know the secret cannot choose addresses that collide. */
  #home(host: number, port: number): number {
    const { 0: first = 0, 1: second = 0, 2: third = 0 } = this.#secret;
    const hash = Math.imul(first, host >>> 16) + Math.imul(second, host & 0xffff) + Math.imul(third, port);
    return (hash >>> 0) >>> (Math.clz32(this.#counts.length) + 1);
  }

  /** Frees a slot, and moves the entries behind it that a search would miss otherwise. */
  #free(slot: number): void {
    const mask = this.#counts.length - 1;
    let free = slot;
    for (let next = (slot + 1) & mask; this.#counts[next] !== 0; next = (next + 1) & mask) {
      const home = this.#home(this.#hosts[next] as number, this.#ports[next] as number);
      if (((next - home) & mask) < ((next - free) & mask)) continue;
      this.#hosts[free] = this.#hosts[next] as number;
      this.#ports[free] = this.#ports[next] as number;
      this.#counts[free] = this.#counts[next] as number;
      free = next;
    }
    this.#counts[free] = 0;
    this.#used--;
  }

  #resize(slots: number): void {
    const [hosts, ports, counts] = [this.#hosts, this.#ports, this.#counts];
    this.#hosts = new Int32Array(slots);
    this.#ports = new Uint16Array(slots);
    this.#counts = new Int32Array(slots);
    this.#used = 0;
    for (let i = 0; i < counts.length; i++) {
      if (counts[i] !== 0) this.#put(hosts[i] as number, ports[i] as number, counts[i] as number);
    }
  }
}
