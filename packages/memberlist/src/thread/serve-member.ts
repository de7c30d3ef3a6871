import { MemberlistError } from "../api/errors.ts";
import type { GossipVerify } from "../api/call-options.ts";
import type { Seed } from "../api/seeds.ts";
import type { Config } from "../config/config.ts";
import type { Instruments } from "../create.ts";
import { Keyring } from "../encryption/keyring.ts";
import { systemClock } from "../ports/clock.ts";
import type { LocalMember } from "../runtime/local-member.ts";
import { ApplicationBridge } from "./application-bridge.ts";
import { ApplicationWatch } from "./application-watch.ts";
import { MemberFeed } from "./member-feed.ts";
import { MessageBlockReader, type MessageBlock, type TakeEncoded } from "./message-block.ts";
import { unpack } from "./packed-values.ts";
import { loadModule } from "./thread-config.ts";
import { shared, type ApplicationMessage, type Call, type PackedSeed, type StartMessage } from "./thread-messages.ts";
import type { ThreadPort } from "./thread-port.ts";

export interface ServeMemberOptions {
  /** The channel to the application. */
  readonly port: ThreadPort;
  /** Creates the member on a transport of the runtime, as `createMemberlist` of a transport package does. */
  readonly create: (config: Config, instruments: Instruments) => Promise<unknown>;
  /** Imports the module of `thread.module`. */
  readonly load: (url: string) => Promise<unknown>;
}

/** Runs the member of an application in this thread. The program of a thread calls it. */
export function serveMember(options: ServeMemberOptions): void {
  const server = new MemberServer(options);
  options.port.listen((message) => server.receive(message as ApplicationMessage));
}

class MemberServer {
  readonly #options: ServeMemberOptions;
  readonly #feed: MemberFeed;
  readonly #bridge: ApplicationBridge;
  readonly #calls: Map<number, AbortController> = new Map();
  #member: LocalMember | undefined;
  #keyring: Keyring | undefined;
  /** Changes that came while the member was being started. */
  #gossipVerify: GossipVerify = {};
  #memory: Int32Array | undefined;
  #watch: ApplicationWatch | undefined;

  constructor(options: ServeMemberOptions) {
    this.#options = options;
    this.#feed = new MemberFeed(options.port);
    this.#bridge = new ApplicationBridge(options.port, this.#feed);
  }

  receive(message: ApplicationMessage): void {
    switch (message.type) {
      case "start":
        this.#reply(0, this.#start(message));
        break;
      case "call":
        this.#call(message.id, unpack(message.call) as Call, message.isAborted);
        break;
      case "abort":
        this.#calls.get(message.id)?.abort();
        break;
      case "send":
        this.#send(message.blocks);
        break;
      case "keys":
        if (this.#keyring !== undefined) replaceKeys(this.#keyring, message.keys);
        break;
      case "gossipVerify":
        this.#setGossipVerify(message.change);
        break;
      case "channels":
        this.#bridge.channels.hasState = message.hasState;
        break;
      case "answer":
        this.#bridge.answer(message.id, message.value, message.error);
        break;
      case "handled":
        this.#feed.handled();
        break;
    }
  }

  async #start(start: StartMessage): Promise<void> {
    this.#memory = new Int32Array(start.shared);
    this.#feed.share(this.#memory);
    const keyring = start.keys === undefined ? undefined : keyringOf(start.keys);
    // Both are set before the first await, because the application may change its keys and channels meanwhile.
    this.#keyring = keyring;
    this.#bridge.channels.hasState = start.hasChannelState;
    const module = start.module === undefined ? {} : await loadModule(start.module, start.given, this.#options.load);
    const clock = module.clock ?? systemClock();
    const config = { ...this.#bridge.config(start, module, clock), ...(keyring === undefined ? {} : { keyring }) };
    const onMember = (member: LocalMember): void => {
      this.#member = member;
      member.runtime.delegates.channels = this.#bridge.channels;
      // A delegate of the module gets the messages itself.
      if (module.delegate === undefined) member.runtime.engine.outputs.takeUser = this.#bridge.takeUser(start.functions);
      if (keyring !== undefined) member.setGossipVerify(this.#gossipVerify);
      this.#feed.attach(member);
    };
    await this.#options.create(config, { onMember });
    this.#member?.remember(this.#seeds(start.seeds));
    this.#feed.started();
    const { applicationTimeout: timeout } = start;
    if (timeout > 0 && this.#member !== undefined) this.#watch = this.#watchApplication(this.#member, this.#memory, timeout);
  }

  #seeds(packed: readonly PackedSeed[]): Seed[] {
    return packed.map((seed) => (typeof seed === "string" ? seed : this.#bridge.seed(seed)));
  }

  #setGossipVerify(change: GossipVerify): void {
    if (this.#member === undefined) this.#gossipVerify = { ...this.#gossipVerify, ...change };
    else this.#member.setGossipVerify(change);
  }

  #watchApplication(member: LocalMember, memory: Int32Array, timeout: number): ApplicationWatch {
    const { clock } = member.config;
    const onChange = (isSilent: boolean): void => {
      if (isSilent) member.runtime.suspend(timeout);
      else member.runtime.resume();
    };
    return new ApplicationWatch({ clock, memory, timeout, onChange });
  }

  #call(id: number, call: Call, isAborted: boolean): void {
    const abort = new AbortController();
    if (isAborted) abort.abort();
    this.#calls.set(id, abort);
    this.#reply(id, call.method === "stop" ? this.#stop() : this.#run(call, abort.signal));
  }

  async #run(call: Exclude<Call, { readonly method: "stop" }>, signal: AbortSignal): Promise<unknown> {
    const member = this.#member;
    if (member === undefined) throw new MemberlistError("shutdown", "the member has not started");
    switch (call.method) {
      case "join":
        return member.join(this.#seeds(call.seeds), { ...call.options, signal });
      case "leave":
        return member.leave({ ...call.options, signal });
      case "update":
        return member.update({ ...call.options, signal });
      case "ping":
        return member.ping(call.to, { signal });
      case "sendReliable":
        return member.sendReliable(call.to, call.message, { ...call.options, signal });
      case "broadcast":
        return member.broadcast(call.message, { ...call.options, signal });
      case "resolveSrv":
        return this.#bridge.resolveSrv(call.question, call.service);
      default:
        return undefined;
    }
  }

  async #stop(): Promise<void> {
    this.#watch?.stop();
    await this.#member?.stop();
  }

  #reply(id: number, work: Promise<unknown>): void {
    const end = (value: unknown, error: unknown): void => {
      this.#calls.delete(id);
      this.#feed.reply(id, value, error);
      if (this.#member?.isStopped === true) this.#feed.end();
    };
    work.then(
      (value) => end(value, undefined),
      (error: unknown) => end(undefined, error ?? new Error("no reason given")),
    );
  }

  #send(blocks: readonly MessageBlock[]): void {
    const member = this.#member?.isStopped === true ? undefined : this.#member;
    const memory = this.#memory as Int32Array;
    let mayGoOn = true;
    const send: TakeEncoded = (bytes, start, end, to, crc) => {
      try {
        mayGoOn = member?.runtime.packets.sendUser(bytes, to, crc, start, end) !== false && mayGoOn;
      } catch (error) {
        // The application has checked the size, but a key that was added since makes the packet longer.
        member?.runtime.packets.failed(error);
      }
    };
    for (const block of blocks) for (const reader = new MessageBlockReader(block); !reader.isAtEnd;) reader.nextEncoded(send);
    if (!mayGoOn) this.#askForPause(memory);
    Atomics.add(memory, shared.sentPosts, 1);
  }

  /** Asks the application to pause until the next turn, as on the event loop. If the request stayed, each further block would have one message. */
  #askForPause(memory: Int32Array): void {
    Atomics.store(memory, shared.isCongested, 1);
    this.#member?.config.clock.defer(() => Atomics.store(memory, shared.isCongested, 0));
  }
}

function keyringOf(keys: readonly Uint8Array[]): Keyring {
  return new Keyring(keys.slice(1), keys[0]);
}

/** Replaces the keys of a keyring. The first one becomes the primary key. */
function replaceKeys(ring: Keyring, keys: readonly Uint8Array[]): void {
  for (const key of keys) ring.addKey(key);
  const [primary] = keys;
  if (primary !== undefined) ring.useKey(primary);
  const isKept = (key: Uint8Array): boolean =>
    keys.some((other) => other.length === key.length && other.every((byte, i) => byte === key[i]));
  for (const key of ring.getKeys()) if (!isKept(key)) ring.removeKey(key);
}
