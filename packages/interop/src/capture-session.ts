import { describePacket, describeStream, hex, type Secrets, type WireDescription } from "./describe-wire.ts";
import { FakePeer, type FakePeerOptions } from "./fake-peer.ts";
import { Peer } from "./peer.ts";
import type { PeerConfig } from "./peer-protocol.ts";
import { until } from "./until.ts";

/** A packet or the bytes of a stream that a Go peer has sent, and what they mean. */
export interface Vector extends WireDescription {
  readonly name: string;
  readonly kind: "packet" | "stream";
  readonly hex: string;
  readonly label?: string;
  /** Hex. */
  readonly key?: string;
}

type Match = (description: WireDescription) => boolean;

/** All that was kept, in the order of the sessions. */
export const vectors: Vector[] = [];
/** Nothing happens but what is asked for. */
export const quiet: Partial<PeerConfig> = { gossipInterval: 50, probeInterval: 60_000, probeTimeout: 100, pushPullInterval: 0 };

/** One Go peer, some peers played by hand, and the names under which what it sends is kept. */
export class Session {
  readonly go: Peer;
  readonly fakes: FakePeer[] = [];
  readonly #secrets: Secrets;
  readonly #prefix: string;

  private constructor(go: Peer, prefix: string, secrets: Secrets) {
    this.go = go;
    this.#prefix = prefix;
    this.#secrets = secrets;
  }

  static async run(prefix: string, config: Partial<PeerConfig>, body: (session: Session) => Promise<void>): Promise<void> {
    const secrets = { label: config.label ?? "", ...(config.secretKey && { key: Buffer.from(config.secretKey, "base64") }) };
    const full = { name: "goagent", bindAddr: "127.0.0.2", enableCompression: false, ...quiet, ...config };
    const session = new Session(await Peer.start("go", full), prefix, secrets);
    try {
      await body(session);
    } catch (error) {
      process.stderr.write(`${session.go.describe(40)}\n`);
      throw error;
    } finally {
      await Promise.all([session.go.stop(), ...session.fakes.map((fake) => fake.close())]);
    }
  }

  /** A peer played by hand; not yet known to the Go peer. */
  async fake(name: string, options: Partial<FakePeerOptions> = {}): Promise<FakePeer> {
    const fake = await FakePeer.open({ host: `127.0.0.${10 + this.fakes.length}`, name, ...options });
    this.fakes.push(fake);
    return fake;
  }

  /** Makes a peer known by its alive message. */
  async preload(fake: FakePeer): Promise<void> {
    fake.send(fake.alive(), this.go.node);
    await this.go.waitForState(fake.name, "alive");
  }

  /** Waits until the Go peer has no broadcasts left, which would ride along on what comes next. */
  async settle(fake: FakePeer): Promise<void> {
    let seen = -1;
    await until(() => seen === (seen = fake.packets.length), { what: "an end of the gossip", interval: 200 });
  }

  async packet(name: string, fake: FakePeer, match: Match): Promise<void> {
    const found = await until(
      () => fake.packets.map(({ bytes }) => ({ bytes, is: this.#describe(bytes) })).find(({ is }) => is && match(is)),
      { what: `the packet ${this.#prefix}${name}`, interval: 5, details: () => this.#got(fake) },
    );
    this.#keep(name, "packet", found.bytes, found.is as WireDescription);
  }

  /** Keeps what the Go peer has written on a stream that it has opened to `fake`. */
  async dialled(name: string, fake: FakePeer, match: Match): Promise<void> {
    const found = await until(
      () => fake.streams.map(({ bytes }) => ({ bytes, is: this.#describeStream(bytes) })).find(({ is }) => is && match(is)),
      { what: `the stream ${this.#prefix}${name}`, interval: 5 },
    );
    this.#keep(name, "stream", found.bytes, found.is as WireDescription);
  }

  /** Keeps what the Go peer answers to `bytes` on a stream. */
  async answered(name: string, fake: FakePeer, bytes: Uint8Array): Promise<void> {
    const answer = await fake.exchange(bytes, this.go.node);
    this.#keep(name, "stream", answer, describeStream(answer, this.#secrets));
  }

  #describe(bytes: Uint8Array): WireDescription | undefined {
    try {
      return describePacket(bytes, this.#secrets);
    } catch {
      return undefined;
    }
  }

  #describeStream(bytes: Uint8Array): WireDescription | undefined {
    try {
      return describeStream(bytes, this.#secrets);
    } catch {
      return undefined; // The rest has not arrived yet.
    }
  }

  #got(fake: FakePeer): string {
    return fake.packets.map(({ bytes }) => JSON.stringify(this.#describe(bytes) ?? hex(bytes))).join("\n");
  }

  #keep(name: string, kind: Vector["kind"], bytes: Uint8Array, is: WireDescription): void {
    const { label, key } = this.#secrets;
    const secrets = { ...(label !== "" && { label }), ...(key && { key: hex(key) }) };
    vectors.push({ name: this.#prefix + name, kind, ...secrets, layers: is.layers, messages: is.messages, hex: hex(bytes) });
    process.stdout.write(`${this.#prefix}${name}: ${kind}, ${bytes.length} bytes\n`);
  }
}

/** A single message of this type, under exactly these layers. */
export function single(
  type: string,
  layers: string,
  more: (meaning: Readonly<Record<string, unknown>>) => boolean = () => true,
): Match {
  return (is) =>
    is.layers.join(" ") === layers && is.messages.length === 1 && is.messages[0]?.type === type && more(is.messages[0]);
}
