import { createHash } from "node:crypto";
import { createServer } from "node:net";
import { afterEach, describe, type SuiteAPI } from "vitest";
import { FakePeer, type FakePeerOptions } from "../src/fake-peer.ts";
import { goVersion } from "../src/go-toolchain.ts";
import { Peer, type PeerKind } from "../src/peer.ts";
import {
  toBase64,
  type MessageEvent,
  type PeerConfig,
  type PeerEvent,
  type PeerNodeState,
  type StateEvent,
} from "../src/peer-protocol.ts";
import { UdpProxy } from "../src/udp-proxy.ts";
import type { Side } from "./linked-namespaces.ts";

/** The last port that {@link freePort} tried: below those that the system gives to connections. */
let lastPort = 20_000 + (process.pid % 12_000);

/** A TCP port that is free on all addresses. */
export async function freePort(): Promise<number> {
  const port = ++lastPort;
  const server = createServer();
  const isFree = await new Promise<boolean>((resolve) => {
    server.once("error", () => resolve(false)).listen(port, () => resolve(true));
  });
  if (!isFree) return freePort();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** A suite that is skipped without Go (build-peers.ts prints a line, and fails in CI). */
export const describeWithGo: SuiteAPI = (await goVersion()) !== undefined ? describe : (describe.skip as SuiteAPI);

/** Both ways round. INTEROP_CONTROL=1 adds Go with Go: what fails there is wrong with the test. */
export const pairs: readonly (readonly [PeerKind, PeerKind])[] = [
  ["go", "node"],
  ["node", "go"],
  ...(process.env["INTEROP_CONTROL"] ? ([["go", "go"]] as const) : []),
];

/** The kind that stands for ours; Go in a control run. */
export const ours: PeerKind = process.env["INTEROP_CONTROL"] === "only" ? "go" : "node";

/**
 * Fast enough for a test, slow enough for a busy machine. Gossip reaches everybody only in all likelihood; the preset's two
 * transmits of a message leave a small cluster too often with a node that has to wait for the next push/pull.
 */
export const fast: Partial<PeerConfig> = {
  preset: "local",
  probeInterval: 400,
  probeTimeout: 150,
  gossipInterval: 40,
  retransmitMult: 8,
  pushPullInterval: 1_000,
  tcpTimeout: 3_000,
};

/** Without probes: the wire carries only the messages of the test. */
export const quiet: Partial<PeerConfig> = { ...fast, probeInterval: 60_000, pushPullInterval: 0 };

let lastHost = 1;

/** An address on loopback that no other node of this run has (port 0 does the rest between files). */
export function nextHost(): string {
  lastHost = (lastHost % 250) + 1;
  return `127.${process.pid % 200}.${Math.floor(process.pid / 200) % 250}.${lastHost}`;
}

export interface ProxiedPeer {
  readonly peer: Peer;
  readonly proxy: UdpProxy;
}

/** What one test has started; all of it is stopped when the test ends. */
export class Cluster {
  readonly peers: Peer[] = [];
  readonly #others: AsyncDisposable[] = [];

  async start(kind: PeerKind, name: string, config: Partial<PeerConfig> = {}): Promise<Peer> {
    const peer = await Peer.start(kind, { bindAddr: nextHost(), ...fast, ...config, name });
    this.peers.push(peer);
    return peer;
  }

  /** A node in a network namespace, with these fields alone. */
  async startIn(side: Side, kind: PeerKind, config: PeerConfig): Promise<Peer> {
    const peer = await Peer.start(kind, config, { enter: side.enter });
    this.peers.push(peer);
    return peer;
  }

  /** A node that others reach only through a proxy. */
  async startProxied(kind: PeerKind, name: string, config: Partial<PeerConfig> = {}): Promise<ProxiedPeer> {
    const proxy = await UdpProxy.open(nextHost());
    this.#others.push(proxy);
    const peer = await this.start(kind, name, { ...config, advertiseAddr: proxy.host, advertisePort: proxy.port });
    proxy.forwardTo(peer.node.bindAddr, peer.node.bindPort);
    return { peer, proxy };
  }

  async fake(name: string, options: Partial<FakePeerOptions> = {}): Promise<FakePeer> {
    const fake = await FakePeer.open({ host: nextHost(), name, ...options });
    this.#others.push(fake);
    return fake;
  }

  /** Joins each to all before it, and waits until everybody sees everybody. */
  async form(...peers: readonly Peer[]): Promise<void> {
    for (const [i, peer] of peers.entries()) if (i > 0) await peer.join(...peers.slice(0, i));
    await converged(...peers);
  }

  async stop(): Promise<void> {
    const started = [...this.peers.splice(0), ...this.#others.splice(0)];
    await Promise.all(started.map((one) => one[Symbol.asyncDispose]()));
  }
}

/** A cluster for each test of the file. */
export function useCluster(): Cluster {
  const cluster = new Cluster();
  afterEach(() => cluster.stop());
  return cluster;
}

export async function converged(...peers: readonly Peer[]): Promise<void> {
  const names = peers.map((peer) => peer.name);
  await Promise.all(peers.map((peer) => peer.waitForAlive(names)));
}

export function stateEvents(peer: Peer, name: string): StateEvent[] {
  return peer.events.filter((event): event is StateEvent => event.event === "state" && event.name === name);
}

export function isState(name: string, state: PeerNodeState): (event: PeerEvent) => event is StateEvent {
  return (event): event is StateEvent => event.event === "state" && event.name === name && event.state === state;
}

/** The event that says that just these bytes have arrived. */
export function isMessage(bytes: Uint8Array): (event: PeerEvent) => event is MessageEvent {
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  return (event): event is MessageEvent =>
    event.event === "message" &&
    event.size === bytes.length &&
    (event.payload === undefined ? event.sha256 === sha256 : event.payload === toBase64(bytes));
}
