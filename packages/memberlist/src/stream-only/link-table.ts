import { canonicalIp, hostPort, type Address } from "../api/address.ts";
import { MemberlistError } from "../api/errors.ts";
import type { PacketLink } from "./packet-link.ts";

/** In ms: a dial of this age makes room for another one, until peers have shown how long they take to answer. */
const dialGraceMin = 100;
/** The grace beside the time that peers needed to acknowledge something, and how much of it the latest peer decides. */
const graceFactor = 1.5;
const latestShare = 1 / 8;

export interface LinkTableOptions {
  /** The most links to peers that have acknowledged packets. New links have a quarter of that besides, and places that the others leave free. */
  readonly maxLinks: number;
  /** In ms: how long a dial may take. */
  readonly ackTimeout: number;
  readonly now: () => number;
  readonly create: (to: Address, events: { readonly onReached: () => void; readonly onGone: () => void }) => PacketLink;
}

/**
 * The links by address. A peer can make us send to any address, by a ping that names it. So links that were never reached do not take the place of one
 * that was, and links that a peer has made us begin do not take the place of one that we have begun ourselves.
 */
export class LinkTable {
  readonly #options: LinkTableOptions;
  /** Places that links which were never reached have for themselves. */
  readonly #spare: number;
  /** The one used longest ago comes first. */
  readonly #links: Map<string, PacketLink> = new Map();
  /** The links that a peer has made us begin, and that have not reached their peer. */
  readonly #forPeers: Set<PacketLink> = new Set();
  /** How long peers took to acknowledge something for the first time, in ms, smoothed. */
  #reachTime = 0;

  constructor(options: LinkTableOptions) {
    this.#options = options;
    this.#spare = Math.max(1, options.maxLinks >> 2);
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

  /**
   * The link to this peer. Makes one if it is missing; undefined without room for it.
   *
   * @param forPeer a peer's packet makes us send: the address may be made up
   */
  get(to: Address, forPeer: boolean): PacketLink | undefined {
    const key = hostPort(canonicalIp(to.host) ?? to.host, to.port);
    const link = this.#links.get(key) ?? this.#create(key, to, forPeer);
    if (link === undefined) return undefined;
    if (!forPeer) this.#forPeers.delete(link);
    this.#links.delete(key);
    this.#links.set(key, link);
    return link;
  }

  #create(key: string, to: Address, forPeer: boolean): PacketLink | undefined {
    if (!this.#makeRoomToDial(forPeer)) return undefined;
    const link: PacketLink = this.#options.create(to, {
      onReached: () => this.#reached(link),
      onGone: () => {
        if (this.#links.get(key) === link) this.#delete(key, link);
      },
    });
    if (forPeer) this.#forPeers.add(link);
    return link;
  }

  #makeRoomToDial(forPeer: boolean): boolean {
    if (this.#links.size < this.#options.maxLinks + this.#spare) return true;
    const { now } = this.#options;
    const due = now() - this.#dialGrace;
    let ofPeers: [string, PacketLink] | undefined;
    let own: [string, PacketLink] | undefined;
    for (const entry of this.#links) {
      const [, link] = entry;
      if (link.isReached) continue;
      if (this.#forPeers.has(link)) ofPeers = olderOf(ofPeers, entry);
      else own = olderOf(own, entry);
    }
    const isDue = (entry: [string, PacketLink] | undefined): boolean => entry !== undefined && entry[1].since <= due;
    let victim: [string, PacketLink] | undefined;
    if (ofPeers !== undefined && (!forPeer || isDue(ofPeers))) victim = ofPeers;
    else if (isDue(own) && (!forPeer || this.#forPeers.size < this.#spare)) victim = own;
    if (victim === undefined) return false;
    this.#give(...victim);
    return true;
  }

  /** In ms. */
  get #dialGrace(): number {
    const { ackTimeout } = this.#options;
    return Math.min(ackTimeout, Math.max(dialGraceMin, graceFactor * this.#reachTime));
  }

  #reached(link: PacketLink): void {
    // A peer that has made us dial it may be slow on purpose.
    if (!this.#forPeers.delete(link)) {
      const time = this.#options.now() - link.since;
      this.#reachTime = this.#reachTime === 0 ? time : this.#reachTime + (time - this.#reachTime) * latestShare;
    }
    this.#bound();
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
    // If each host has one link, the link used longest ago goes.
    const candidates = most.length > 1 ? most : [...byHost.values()].flat();
    const victim = candidates.find(([, link]) => link.isIdle) ?? candidates[0];
    if (victim !== undefined) this.#give(...victim);
  }

  #delete(key: string, link: PacketLink): void {
    this.#links.delete(key);
    this.#forPeers.delete(link);
  }

  #give(key: string, link: PacketLink): void {
    this.#delete(key, link);
    link.close(new MemberlistError("limit_exceeded", "the connection had to make room for another one"));
  }
}

function olderOf(one: [string, PacketLink] | undefined, other: [string, PacketLink]): [string, PacketLink] {
  return one !== undefined && one[1].since <= other[1].since ? one : other;
}
