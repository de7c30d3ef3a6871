import { canonicalIp, hostPort, type Address } from "../api/address.ts";
import { MemberlistError } from "../api/errors.ts";
import type { PacketLink } from "./packet-link.ts";

/** In ms: a dial of this age makes room for another one. In a network where everybody is near, it would have succeeded. */
const dialGrace = 100;

export interface LinkTableOptions {
  /** Of links whose peer has acknowledged something. A quarter of it, besides, for those that have not got that far. */
  readonly maxLinks: number;
  readonly now: () => number;
  readonly create: (to: Address, events: { readonly onReached: () => void; readonly onGone: () => void }) => PacketLink;
}

/**
 * The links by address. A peer can make us send to any address, by a ping that names it. So links to peers that were never reached are counted
 * apart, and never take the place of one that was.
 */
export class LinkTable {
  readonly #options: LinkTableOptions;
  readonly #maxUnreached: number;
  /** The one used longest ago comes first. */
  readonly #links: Map<string, PacketLink> = new Map();

  constructor(options: LinkTableOptions) {
    this.#options = options;
    this.#maxUnreached = Math.max(1, options.maxLinks >> 2);
  }

  get size(): number {
    return this.#links.size;
  }

  values(): Iterable<PacketLink> {
    return this.#links.values();
  }

  clear(): void {
    this.#links.clear();
  }

  /** The link to this peer; undefined when there is none, and no room for another one. */
  get(to: Address): PacketLink | undefined {
    const key = hostPort(canonicalIp(to.host) ?? to.host, to.port);
    const link = this.#links.get(key) ?? this.#create(key, to);
    if (link === undefined) return undefined;
    this.#links.delete(key);
    this.#links.set(key, link);
    return link;
  }

  #create(key: string, to: Address): PacketLink | undefined {
    if (!this.#makeRoomToDial()) return undefined;
    const link: PacketLink = this.#options.create(to, {
      onReached: () => this.#bound(),
      onGone: () => {
        if (this.#links.get(key) === link) this.#links.delete(key);
      },
    });
    return link;
  }

  #makeRoomToDial(): boolean {
    let unreached = 0;
    let oldest: [string, PacketLink] | undefined;
    for (const entry of this.#links) {
      const [, link] = entry;
      if (link.isReached) continue;
      unreached++;
      if (oldest === undefined || link.since < oldest[1].since) oldest = entry;
    }
    if (unreached < this.#maxUnreached || oldest === undefined) return true;
    if (this.#options.now() - oldest[1].since < dialGrace) return false;
    this.#give(...oldest);
    return true;
  }

  /** One more was reached: the host with the most links gives one up, an idle one first, and of those the one used longest ago. */
  #bound(): void {
    const byHost = new Map<string, [string, PacketLink][]>();
    let reached = 0;
    for (const entry of this.#links) {
      if (!entry[1].isReached) continue;
      reached++;
      const ofHost = byHost.get(entry[1].to.host);
      if (ofHost === undefined) byHost.set(entry[1].to.host, [entry]);
      else ofHost.push(entry);
    }
    if (reached <= this.#options.maxLinks) return;
    let most: [string, PacketLink][] = [];
    for (const ofHost of byHost.values()) if (ofHost.length > most.length) most = ofHost;
    // Where each host has one link, it is the one used longest ago.
    const candidates = most.length > 1 ? most : [...byHost.values()].flat();
    const victim = candidates.find(([, link]) => link.isIdle) ?? candidates[0];
    if (victim !== undefined) this.#give(...victim);
  }

  #give(key: string, link: PacketLink): void {
    this.#links.delete(key);
    link.close(new MemberlistError("limit_exceeded", "the connection had to make room for another one"));
  }
}
