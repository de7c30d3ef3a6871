import {
  Keyring,
  lanConfig,
  localConfig,
  TransmitLimitedQueue,
  wanConfig,
  type Config,
  type Delegate,
  type Logger,
  type LogLevel,
  type Memberlist,
  type MemberEvent,
  type Node,
  type Store,
} from "@memberlist/core";
import { errorMessage } from "@memberlist/core/internal";
import { parseAddress } from "@memberlist/core/transport";
import { ChurnWork } from "./churn/work.ts";
import {
  describeNode,
  epochMs,
  fromBase64,
  seededBytes,
  toBase64,
  type CreatedNode,
  type LogEvent,
  type PayloadArgs,
  type PeerCommandName,
  type PeerCommands,
  type PeerConfig,
  type PeerEvent,
  type PeerMember,
  type PeerNodeState,
  type PeerPayload,
} from "./peer-protocol.ts";
import { policyOf, type PeerRules } from "./peer-policy.ts";

/** How large a payload may be to be reported whole. */
const wholePayload = 4096;
/** How many messages a rebroadcasting peer remembers. */
const seenMax = 100_000;

const presets = { lan: lanConfig, wan: wanConfig, local: localConfig };

/** What a runtime brings: how to make a member, the hash of a payload, and where the lines go. */
export interface PeerRuntime {
  readonly createMemberlist: (config: Config) => Promise<Memberlist>;
  /** In a thread, with these rules. Absent: on the event loop. */
  readonly createInThread?: (config: Config, rules: PeerRules) => Promise<Memberlist>;
  /** Hex. */
  readonly sha256: (bytes: Uint8Array) => string;
  readonly fileStore: (path: string) => Store;
  readonly write: (line: string) => void;
}

type Commands = {
  readonly [Name in Exclude<PeerCommandName, "exit" | "publish">]: (
    args: PeerCommands[Name]["args"],
  ) => PeerCommands[Name]["result"] | Promise<PeerCommands[Name]["result"]>;
};

/** One node of ours, driven as peer-protocol.ts says. The Go peer's twin. */
export class TsPeer {
  readonly #runtime: PeerRuntime;
  /** Members that died or left; the library lists only the others. */
  readonly #gone = new Map<string, Node>();
  readonly #seen = new Set<string>();
  #members: Memberlist | undefined;
  #keyring: Keyring | undefined;
  #queue: TransmitLimitedQueue | undefined;
  #work: ChurnWork | undefined;
  #meta: Uint8Array = new Uint8Array();
  #userState: Uint8Array = new Uint8Array();
  #rebroadcast = false;

  constructor(runtime: PeerRuntime) {
    this.#runtime = runtime;
  }

  /** Takes one line. Resolves when the next one may be taken; true when the process should end. */
  async line(text: string): Promise<boolean> {
    if (text.trim() === "") return false;
    let request: { id?: unknown; cmd?: unknown };
    try {
      request = JSON.parse(text) as typeof request;
      if (request === null || typeof request !== "object") throw new Error("not an object");
    } catch (error) {
      this.#answer(null, { error: `malformed command: ${errorMessage(error)}` });
      return false;
    }
    const { id = null, cmd } = request;
    if (cmd === "exit") {
      await this.close();
      this.#answer(id, { result: {} });
      return true;
    }
    if (typeof cmd !== "string" || !Object.hasOwn(this.#commands, cmd)) {
      this.#answer(id, { error: `unknown command ${JSON.stringify(cmd)}` });
      return false;
    }
    const done = this.#run(id, cmd as keyof Commands, request);
    // What follows a create may count on the node; everything else may wait for the network and runs apart.
    if (cmd === "create") await done;
    return false;
  }

  event(event: PeerEvent): void {
    this.#runtime.write(JSON.stringify(event));
  }

  async close(): Promise<void> {
    const members = this.#members;
    this.#members = undefined;
    await members?.shutdown();
  }

  async #run(id: unknown, cmd: keyof Commands, args: object): Promise<void> {
    try {
      const command = this.#commands[cmd] as (given: object) => unknown;
      this.#answer(id, { result: (await command(args)) ?? {} });
    } catch (error) {
      this.#answer(id, { error: errorMessage(error) });
    }
  }

  #answer(id: unknown, outcome: { readonly result: unknown } | { readonly error: string }): void {
    this.#runtime.write(JSON.stringify({ id, ...outcome }));
  }

  readonly #commands: Commands = {
    create: ({ config }) => this.#create(config),
    join: async ({ addresses }) => ({ joined: (await this.#running().join(addresses)).reached }),
    leave: async ({ timeout }) => {
      await this.#running().leave({ timeout });
      return {};
    },
    members: () => {
      const members = this.#running();
      const listed = members.members();
      const gone = [...this.#gone.values()].filter((node) => !listed.some(({ name }) => name === node.name));
      return { nodes: [...listed, ...gone].map(describeMember), alive: members.numMembers() };
    },
    send: async (args) => {
      const members = this.#running();
      const bytes = payloadBytes(args);
      if (args.mode === "address") members.sendBestEffort({ ...parseAddress(args.addr, 0), name: args.node ?? "" }, bytes);
      else if (args.mode === "bestEffort") members.sendBestEffort(this.#find(args.node), bytes);
      else if (args.mode === "reliable") await members.sendReliable(this.#find(args.node), bytes);
      else throw new Error(`unknown mode ${JSON.stringify((args as { mode?: unknown }).mode)}`);
      return {};
    },
    broadcast: (args) => {
      const bytes = payloadBytes(args);
      this.#remember(toBase64(bytes));
      this.#running();
      this.#queue?.queueBroadcast({ message: bytes, unique: true });
      return {};
    },
    work: (order) => {
      this.#work = new ChurnWork(this.#running(), order, (event) => this.event(event));
      this.#work.start();
      return {};
    },
    endWork: () => {
      if (this.#work === undefined) throw new Error("endWork needs work before it");
      return this.#work.end();
    },
    updateMeta: async ({ meta, timeout }) => {
      this.#meta = fromBase64(meta);
      await this.#running().updateNode({ timeout });
      return {};
    },
    setUserState: ({ state }) => {
      this.#userState = fromBase64(state);
      return {};
    },
    ping: async ({ name, addr }) => ({ rttMs: await this.#running().ping({ ...parseAddress(addr, 0), name }) }),
    health: () => {
      const members = this.#running();
      return { score: members.healthScore(), protocolVersion: members.protocolVersion() };
    },
    addKey: ({ key }) => this.#withKeyring((keyring) => keyring.addKey(fromBase64(key))),
    useKey: ({ key }) => this.#withKeyring((keyring) => keyring.useKey(fromBase64(key))),
    removeKey: ({ key }) => this.#withKeyring((keyring) => keyring.removeKey(fromBase64(key))),
    listKeys: () => {
      this.#running();
      if (this.#keyring === undefined) throw new Error("the node has no keyring");
      return { keys: this.#keyring.getKeys().map(toBase64) };
    },
    setGossipVerify: ({ incoming, outgoing }) => {
      this.#running().setGossipVerify({ incoming, outgoing });
      return {};
    },
    shutdown: async () => {
      this.#running();
      await this.close();
      return {};
    },
  };

  #running(): Memberlist {
    if (this.#members === undefined) throw new Error("no node: create comes first");
    return this.#members;
  }

  #find(name: string): Node {
    const node =
      this.#running()
        .members()
        .find((candidate) => candidate.name === name) ?? this.#gone.get(name);
    if (node === undefined) throw new Error(`no node ${JSON.stringify(name)}`);
    return node;
  }

  #withKeyring(apply: (keyring: Keyring) => void): Readonly<Record<string, never>> {
    this.#running();
    if (this.#keyring === undefined) throw new Error("the node has no keyring");
    apply(this.#keyring);
    return {};
  }

  async #create(given: PeerConfig | undefined): Promise<CreatedNode> {
    if (this.#members !== undefined) throw new Error("the node exists: shut it down first");
    if (given === undefined || given === null) throw new Error("config: missing");
    const { disableTcpPingsForNode, refuseAlive, refuseMerge, zones, ...own } = given;
    const config = this.#config(own);
    this.#gone.clear();
    this.#seen.clear();
    this.#queue = new TransmitLimitedQueue({
      retransmitMult: config.retransmitMult ?? 4,
      numNodes: () => this.#members?.numMembers() ?? 1,
      maxPayload: () => this.#members?.maxPayload() ?? Infinity,
    });
    const members = await this.#createMember(config, {
      disableTcpPingsForNode,
      meta: given.meta,
      refuseAlive,
      refuseMerge,
      zones,
    });
    this.#members = members;
    this.#follow(members).catch((error: unknown) => this.#log("error", { code: "events" }, errorMessage(error)));
    const { name, addr, port } = members.localNode();
    const { bindAddr, bindPort } = members.config;
    return { name, addr, port, bindAddr, bindPort };
  }

  #createMember(config: Config, rules: PeerRules): Promise<Memberlist> {
    const { createInThread, createMemberlist } = this.#runtime;
    if (createInThread !== undefined) return createInThread(config, rules);
    return createMemberlist({ ...config, ...policyOf(rules, (event) => this.event(event)) });
  }

  /** Without what {@link policyOf} adds. */
  #config(given: Omit<PeerConfig, Exclude<keyof PeerRules, "meta">>): Config {
    const { preset = "local", meta, userState, ackPayload, rebroadcast, ...rest } = given;
    const { secretKey, keyring, followsAddress, storePath, ...fields } = rest;
    if (!Object.hasOwn(presets, preset)) throw new Error(`config: unknown preset ${JSON.stringify(preset)}`);
    this.#meta = fromBase64(meta ?? "");
    this.#userState = fromBase64(userState ?? "");
    this.#rebroadcast = rebroadcast ?? false;
    this.#keyring = keyring && new Keyring(keyring.keys.map(fromBase64), fromBase64(keyring.primary ?? ""));
    const ack = fromBase64(ackPayload ?? "");
    return {
      ...presets[preset](),
      bindAddr: "127.0.0.1",
      bindPort: 0,
      ...fields,
      ...(secretKey !== undefined && { secretKey: fromBase64(secretKey) }),
      ...(this.#keyring && { keyring: this.#keyring }),
      ...(followsAddress === true && { advertiseAddr: () => "" }),
      ...(storePath !== undefined && { store: this.#runtime.fileStore(storePath) }),
      logger: this.#logger(),
      delegate: this.#delegate(),
      events: {
        notifyJoin: (node) => this.#reportEvent("join", node),
        notifyLeave: (node) => this.#reportEvent("leave", node),
        notifyUpdate: (node) => this.#reportEvent("update", node),
      },
      conflict: {
        notifyConflict: (existing, other) =>
          this.event({ event: "conflict", at: epochMs(), existing: describeNode(existing), other: describeNode(other) }),
      },
      ping: {
        ackPayload: () => ack,
        notifyPingComplete: (node, rtt, payload) =>
          this.event({ event: "pingComplete", at: epochMs(), node: node.name, rttMs: rtt, payload: toBase64(payload) }),
      },
    };
  }

  #delegate(): Delegate {
    return {
      nodeMeta: () => this.#meta,
      notifyMsg: (message) => {
        this.event({ event: "message", at: epochMs(), ...this.#payload(message) });
        if (!this.#rebroadcast) return;
        const key = toBase64(message);
        if (this.#seen.has(key)) return;
        this.#remember(key);
        this.#queue?.queueBroadcast({ message, unique: true });
      },
      getBroadcasts: (overhead, limit) => this.#queue?.getBroadcasts(overhead, limit) ?? [],
      localState: () => this.#userState,
      mergeRemoteState: (state, join) => this.event({ event: "userStateMerged", at: epochMs(), join, ...this.#payload(state) }),
    };
  }

  #remember(key: string): void {
    if (this.#seen.size >= seenMax) this.#seen.clear();
    this.#seen.add(key);
  }

  #payload(bytes: Uint8Array): PeerPayload {
    const size = bytes.length;
    return size <= wholePayload ? { size, payload: toBase64(bytes) } : { size, sha256: this.#runtime.sha256(bytes) };
  }

  #reportEvent(event: "join" | "leave" | "update", node: Node): void {
    if (event === "leave") this.#gone.set(node.name, node);
    else this.#gone.delete(node.name);
    this.event({ event, at: epochMs(), node: describeNode(node) });
  }

  /** Reports the changes of state that no delegate sees. */
  async #follow(members: Memberlist): Promise<void> {
    const { name, incarnation } = members.localNode();
    this.event({ event: "state", at: epochMs(), name, state: "alive", incarnation });
    for await (const change of members.events()) this.#change(change);
  }

  #change(change: MemberEvent): void {
    if (!("node" in change)) return;
    const { at, node } = change;
    if (change.type === "refute") this.event({ event: "refute", at, from: change.from });
    else if (change.type !== "conflict") {
      const state: PeerNodeState = change.type === "suspect" || change.type === "leave" ? node.state : "alive";
      this.event({ event: "state", at, name: node.name, state, incarnation: node.incarnation });
    }
  }

  #logger(): Logger {
    const at =
      (level: LogLevel) =>
      (fields: { readonly code: string }, message: string): void =>
        this.#log(level, fields, message);
    return { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
  }

  #log(level: LogEvent["level"], fields: Readonly<Record<string, unknown>>, message: string): void {
    this.event({ event: "log", at: epochMs(), level, line: `[${level.toUpperCase()}] ${message} ${JSON.stringify(fields)}` });
  }
}

function payloadBytes(args: PayloadArgs): Uint8Array {
  if ("payload" in args) return fromBase64(args.payload);
  if (!Number.isInteger(args.size) || args.size < 0 || args.size > 64 * 1024 * 1024) {
    throw new Error(`size ${String(args.size)} is out of range`);
  }
  return seededBytes(args.size, args.seed ?? 0);
}

function describeMember(node: Node): PeerMember {
  return { ...describeNode(node), state: node.state, incarnation: node.incarnation };
}
