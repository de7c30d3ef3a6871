import { spawn, type ChildProcess } from "node:child_process";
import { createInterface } from "node:readline";
import { buildGoPeer } from "./go-toolchain.ts";
import { buildNodePeer } from "./node-toolchain.ts";
import {
  epochMs,
  toBase64,
  type CreatedNode,
  type PeerAnswer,
  type PeerCommandName,
  type PeerCommands,
  type PeerConfig,
  type PeerEvent,
  type PeerMember,
  type PeerNodeState,
  type SerfCommands,
} from "./peer-protocol.ts";
import { until } from "./until.ts";

export type PeerKind = "go" | "node";

export interface PeerOptions {
  /** The program and its arguments; default: the built Go peer, or the TypeScript peer under this process's own runtime. */
  readonly command?: readonly string[];
  /** Words before the command, such as `ip netns exec <name>`. Default: none. */
  readonly enter?: readonly string[];
  /** How long a command may take before it counts as failed, in ms. Default 30,000. */
  readonly commandTimeout?: number;
  /** In a process group of its own, so that a terminal's Ctrl-C does not reach it. Default false. */
  readonly detached?: boolean;
}

export interface WaitOptions {
  /** What is waited for, as the error says it. */
  readonly what: string;
  /** In ms. Default 10,000. */
  readonly timeout?: number;
  /** Only events from this index of {@link Peer.events} on. Default 0. */
  readonly from?: number;
}

interface Waiting {
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: Error) => void;
  readonly timer: NodeJS.Timeout;
}

const running = new Set<Peer>();
const killRunning = (): void => running.forEach((peer) => peer.kill());

/** A memberlist node in a process of its own, Go or TypeScript, driven over its stdin and stdout. */
export class Peer {
  readonly kind: PeerKind;
  /** All that the peer has reported, oldest first. */
  readonly events: PeerEvent[] = [];
  /** Resolves once the process has ended. */
  readonly ended: Promise<void>;
  readonly #child: ChildProcess;
  readonly #commandTimeout: number;
  readonly #waiting = new Map<number, Waiting>();
  readonly #listeners = new Set<(event: PeerEvent | undefined) => void>();
  readonly #stderr: string[] = [];
  #lastId = 0;
  #over = false;
  #node: CreatedNode | undefined;

  private constructor(kind: PeerKind, command: readonly string[], options: PeerOptions) {
    const [program, ...args] = command;
    if (program === undefined) throw new RangeError("an empty command");
    this.kind = kind;
    this.#commandTimeout = options.commandTimeout ?? 30_000;
    this.#child = spawn(program, args, { stdio: ["pipe", "pipe", "pipe"], detached: options.detached ?? false });
    this.ended = new Promise((resolve) => {
      const end = (reason: string): void => {
        if (this.#over) return;
        this.#end(reason);
        resolve();
      };
      this.#child.once("close", (code, signal) => end(`ended with ${signal ?? `code ${code}`}`));
      this.#child.once("error", (error) => end(`could not be run: ${error.message}`));
    });
    this.#child.stdin?.on("error", () => undefined); // The process is gone: "close" reports it.
    this.#child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.#stderr.push(text);
      if (this.#stderr.length > 200) this.#stderr.shift();
    });
    if (this.#child.stdout !== null) createInterface({ input: this.#child.stdout }).on("line", (line) => this.#read(line));
    if (running.size === 0) process.once("exit", killRunning);
    running.add(this);
  }

  /** Starts a process; it has no node yet. */
  static async spawn(kind: PeerKind, options: PeerOptions = {}): Promise<Peer> {
    const program = options.command ?? (kind === "go" ? [await buildGoPeer()] : [process.execPath, await buildNodePeer()]);
    const command = [...(options.enter ?? []), ...program];
    const peer = new Peer(kind, command, options);
    try {
      const timeout = Math.max(20_000, options.commandTimeout ?? 0);
      await peer.waitFor((event) => event.event === "ready", { what: "the peer's first line", timeout });
    } catch (error) {
      peer.kill();
      throw error;
    }
    return peer;
  }

  /** Starts a process with a node in it. */
  static async start(kind: PeerKind, config: PeerConfig, options: PeerOptions = {}): Promise<Peer> {
    const peer = await Peer.spawn(kind, options);
    try {
      await peer.create(config);
    } catch (error) {
      await peer.stop();
      throw error;
    }
    return peer;
  }

  get pid(): number {
    return this.#child.pid ?? -1;
  }

  /** What `create` answered. */
  get node(): CreatedNode {
    if (this.#node === undefined) throw new Error("the peer has no node");
    return this.#node;
  }

  get name(): string {
    return this.node.name;
  }

  /** Where the others reach the node: "ip:port". */
  get address(): string {
    return hostPort(this.node.addr, this.node.port);
  }

  /** Where the node's sockets are, which differs behind a proxy. */
  get bindAddress(): string {
    return hostPort(this.node.bindAddr, this.node.bindPort);
  }

  /** Gives a command and waits for its answer; an error answer rejects with the peer's text. */
  command<Name extends PeerCommandName>(name: Name, args: PeerCommands[Name]["args"]): Promise<PeerCommands[Name]["result"]> {
    return this.#command(name, args) as Promise<PeerCommands[Name]["result"]>;
  }

  /** The same for a Serf peer. */
  serf<Name extends keyof SerfCommands>(name: Name, args: SerfCommands[Name]["args"]): Promise<SerfCommands[Name]["result"]> {
    return this.#command(name, args) as Promise<SerfCommands[Name]["result"]>;
  }

  /** Sends a line as it is, well-formed or not. */
  sendLine(line: string): void {
    this.#child.stdin?.write(`${line}\n`);
  }

  async create(config: PeerConfig): Promise<CreatedNode> {
    this.#node = await this.command("create", { config });
    return this.#node;
  }

  /** @returns how many addresses were joined */
  async join(...targets: readonly (Peer | string)[]): Promise<number> {
    const addresses = targets.map((target) => (typeof target === "string" ? target : target.address));
    return (await this.command("join", { addresses })).joined;
  }

  async leave(timeout: number = 5_000): Promise<void> {
    await this.command("leave", { timeout });
  }

  /** All nodes that this one knows, whatever their state. */
  async members(): Promise<readonly PeerMember[]> {
    return (await this.command("members", {})).nodes;
  }

  async member(name: string): Promise<PeerMember | undefined> {
    return (await this.members()).find((node) => node.name === name);
  }

  async updateMeta(meta: Uint8Array | string, timeout: number = 5_000): Promise<void> {
    await this.command("updateMeta", { meta: toBase64(meta), timeout });
  }

  async broadcast(payload: Uint8Array | string): Promise<void> {
    await this.command("broadcast", { payload: toBase64(payload) });
  }

  async setUserState(state: Uint8Array | string): Promise<void> {
    await this.command("setUserState", { state: toBase64(state) });
  }

  /** @returns the round trip in ms */
  async ping(other: Peer): Promise<number> {
    return (await this.command("ping", { name: other.name, addr: other.address })).rttMs;
  }

  async health(): Promise<number> {
    return (await this.command("health", {})).score;
  }

  /** Calls a function for each event from now on. */
  listen(listener: (event: PeerEvent) => void): void {
    this.#listeners.add((event) => event && listener(event));
  }

  /** The first event, past or to come, that `match` accepts. Rejects after the deadline, or when the process ends. */
  waitFor<E extends PeerEvent>(match: (event: PeerEvent) => event is E, options: WaitOptions): Promise<E>;
  waitFor(match: (event: PeerEvent) => boolean, options: WaitOptions): Promise<PeerEvent>;
  waitFor(match: (event: PeerEvent) => boolean, options: WaitOptions): Promise<PeerEvent> {
    const { timeout = 10_000, from = 0 } = options;
    const past = this.events.slice(from).find((event) => match(event));
    if (past !== undefined) return Promise.resolve(past);
    return new Promise((resolve, reject) => {
      const settle = (finish: () => void): void => {
        clearTimeout(timer);
        this.#listeners.delete(listener);
        finish();
      };
      const fail = (why: string): void => settle(() => reject(new Error(`${why}: ${options.what}\n${this.describe()}`)));
      const listener = (event: PeerEvent | undefined): void => {
        if (event === undefined) fail("the peer ended before");
        else if (match(event)) settle(() => resolve(event));
      };
      const timer = setTimeout(() => fail(`waited ${timeout} ms in vain for`), timeout);
      this.#listeners.add(listener);
      if (this.#over) listener(undefined);
    });
  }

  /** Waits until this node sees another in a state (`undefined`: not at all). */
  async waitForState(name: string, state: PeerNodeState | undefined, timeout: number = 10_000): Promise<void> {
    await until(async () => (await this.member(name))?.state === state, {
      what: `${this.name} sees ${name} as ${state ?? "unknown"}`,
      timeout,
      details: () => this.describe(),
    });
  }

  /** Waits until this node sees exactly these names as alive. */
  async waitForAlive(names: readonly string[], timeout: number = 10_000): Promise<void> {
    const wanted = [...names].sort().join(" ");
    let seen = "";
    await until(
      async () => {
        const alive = (await this.members()).filter((node) => node.state === "alive");
        seen = alive
          .map((node) => node.name)
          .sort()
          .join(" ");
        return seen === wanted;
      },
      { what: `${this.name} sees [${wanted}] alive`, timeout, details: () => `it sees [${seen}]\n${this.describe()}` },
    );
  }

  /** Stops the process as a crash would: at once, without a word to others. */
  kill(): void {
    this.#child.kill("SIGKILL");
  }

  /** When the kill was sent, in ms since the epoch; resolves once the process is gone. */
  async killAndWait(): Promise<number> {
    const at = epochMs();
    this.kill();
    await this.ended;
    return at;
  }

  /** Ends the process; the node does not leave first. May be called twice. */
  async stop(): Promise<void> {
    if (this.#over) return;
    this.#child.stdin?.end();
    const timer = setTimeout(() => this.kill(), 3_000);
    await this.ended;
    clearTimeout(timer);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  /** The latest of what the peer has reported, for an error message. */
  describe(count: number = 25): string {
    const lines = this.events.slice(-count).map((event) => `  ${JSON.stringify(event)}`);
    const stderr = this.#stderr.join("").trim();
    const head = `latest events of ${this.#node?.name ?? "a peer without a node"} (${this.kind}, pid ${this.pid}):`;
    return [head, ...lines, ...(stderr === "" ? [] : ["its stderr:", stderr.slice(-4_000)])].join("\n");
  }

  #command(name: string, args: object): Promise<unknown> {
    const id = ++this.#lastId;
    return this.#request(id, name, JSON.stringify({ ...args, id, cmd: name }));
  }

  #request(id: number, what: string, line: string): Promise<unknown> {
    if (this.#over) return Promise.reject(new Error(`${what}: the peer has ended`));
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiting.delete(id);
        reject(new Error(`${what}: no answer in ${this.#commandTimeout} ms\n${this.describe()}`));
      }, this.#commandTimeout);
      const fail = (error: Error): void => reject(new Error(`${what}: ${error.message}`));
      this.#waiting.set(id, { resolve, reject: fail, timer });
      this.sendLine(line);
    });
  }

  #read(text: string): void {
    let line: PeerEvent | PeerAnswer;
    try {
      line = JSON.parse(text) as PeerEvent | PeerAnswer;
    } catch {
      this.#stderr.push(`not a line of JSON: ${text}\n`);
      return;
    }
    if ("event" in line) {
      this.events.push(line);
      for (const listener of this.#listeners) listener(line);
      return;
    }
    const waiting = line.id === null ? undefined : this.#waiting.get(line.id);
    if (line.id === null || waiting === undefined) {
      this.#stderr.push(`unasked for: ${text}\n`);
      return;
    }
    this.#waiting.delete(line.id);
    clearTimeout(waiting.timer);
    if ("error" in line) waiting.reject(new Error(line.error));
    else waiting.resolve(line.result);
  }

  #end(reason: string): void {
    this.#over = true;
    running.delete(this);
    if (running.size === 0) process.off("exit", killRunning);
    for (const waiting of this.#waiting.values()) {
      clearTimeout(waiting.timer);
      waiting.reject(new Error(`the peer ${reason}\n${this.describe()}`));
    }
    this.#waiting.clear();
    for (const listener of this.#listeners) listener(undefined);
  }
}

function hostPort(host: string, port: number): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}
