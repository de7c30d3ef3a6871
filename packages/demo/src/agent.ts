import {
  epochMs,
  fromBase64,
  Peer,
  type PeerConfig,
  type PeerEvent,
  type PeerKind,
  type PeerNodeState,
} from "@memberlist/interop";
import type { AgentEvent, Report } from "./demo-event.ts";

export interface AgentPlan {
  readonly kind: PeerKind;
  /** The program and its arguments. */
  readonly command: readonly string[];
  readonly config: PeerConfig;
}

/** How an agent sees a node now. */
export interface Seen {
  readonly state: PeerNodeState;
  /** Since when, in ms since the Unix epoch. */
  readonly at: number;
}

interface Change extends Seen {
  readonly node: string;
}

/** How many changes and complaints of an agent are remembered. */
const changesMax = 1_000;
const complaintsMax = 5;

/** One agent of the cluster: its process, and what it has reported about the others. A restart keeps the agent, not what it knew. */
export class Agent {
  readonly name: string;
  readonly plan: AgentPlan;
  /** Those that this agent knows, by name. */
  readonly seen: Map<string, Seen> = new Map();
  /** The metadata that it knows, by node. */
  readonly metas: Map<string, { readonly text: string; readonly at: number }> = new Map();
  /** The user messages that it got: when each came first. */
  readonly messages: Map<string, number> = new Map();
  readonly #report: Report;
  readonly #changes: Change[] = [];
  readonly #complaints: string[] = [];
  #peer: Peer | undefined;
  #runtime = "";
  #status: AgentEvent["status"] = "stopped";
  #address = "";

  constructor(plan: AgentPlan, report: Report) {
    this.name = plan.config.name;
    this.plan = plan;
    this.#report = report;
  }

  get status(): AgentEvent["status"] {
    return this.#status;
  }

  get isRunning(): boolean {
    return this.#status === "running";
  }

  /** "ip:port", from its first start on. */
  get address(): string {
    return this.#address;
  }

  get peer(): Peer {
    if (this.#peer === undefined) throw new Error(`${this.name} was not started`);
    return this.#peer;
  }

  /** The stderr of its process, and its latest warnings. */
  get complaints(): string {
    return [...this.#complaints, ...(this.#peer?.describe(1).split("its stderr:\n").slice(1) ?? [])].join("\n");
  }

  /** Starts its process, after a crash at the address that it had. */
  async start(): Promise<void> {
    for (const memory of [this.seen, this.metas, this.messages]) memory.clear();
    // Detached: after a Ctrl-C it is ours to end it, and it may first leave.
    const peer = await Peer.spawn(this.plan.kind, { command: this.plan.command, detached: true });
    this.#peer = peer;
    const bindPort = this.#address === "" ? 0 : Number(this.#address.slice(this.#address.lastIndexOf(":") + 1));
    try {
      await peer.create({ ...this.plan.config, bindPort });
    } catch (error) {
      await peer.stop();
      throw error;
    }
    this.#address = peer.address;
    // Its events name the runtime, and come before the rest.
    this.drain();
    this.#become("running");
  }

  /** Ends the process as a crash would. @returns when, in ms since the Unix epoch */
  async kill(): Promise<number> {
    this.#become("killed");
    return this.peer.killAndWait();
  }

  /** Broadcasts a user message. @returns when, in ms since the Unix epoch */
  async broadcast(text: string): Promise<number> {
    const at = epochMs();
    // Its own messages return to it: nothing new.
    this.messages.set(text, at);
    await this.peer.broadcast(text);
    return at;
  }

  /** Announces that it leaves. @returns when it began to, in ms since the Unix epoch */
  async leave(): Promise<number> {
    const at = epochMs();
    await this.peer.leave();
    return at;
  }

  /** Ends the process, however far it has come. */
  async stop(why: "left" | "stopped" = "stopped"): Promise<void> {
    if (this.isRunning) this.#become(why);
    await this.#peer?.stop();
  }

  /** Its process has ended unexpectedly. */
  lost(): void {
    this.#become("killed");
  }

  /** Takes what the agent has reported since the last time. The peer's own record is emptied, so that a kept cluster may run for days. */
  drain(): void {
    for (const event of this.#peer?.events.splice(0) ?? []) this.#take(event);
  }

  /** When it first saw a node in a state, `since` then or later. */
  firstSaw(node: string, state: PeerNodeState, since: number): number | undefined {
    return this.#changes.find((change) => change.node === node && change.state === state && change.at >= since)?.at;
  }

  #take(event: PeerEvent): void {
    const observer = this.name;
    switch (event.event) {
      case "ready":
        this.#runtime = event.memberlist.startsWith("@") ? event.runtime : `${event.runtime}, memberlist ${event.memberlist}`;
        break;
      case "state":
        this.#takeState(event.name, event.state, event.at);
        break;
      case "join":
      case "update": {
        const { name: node, addr, port } = event.node;
        const text = new TextDecoder().decode(fromBase64(event.node.meta));
        this.metas.set(node, { text, at: event.at });
        const address = addr.includes(":") ? `[${addr}]:${port}` : `${addr}:${port}`;
        this.#report({ event: "meta", at: event.at, observer, node, address, meta: text });
        break;
      }
      case "message": {
        const text = new TextDecoder().decode(fromBase64(event.payload ?? ""));
        if (this.messages.has(text)) break;
        this.messages.set(text, event.at);
        this.#report({ event: "message", at: event.at, observer, text });
        break;
      }
      case "log":
        if (event.level === "warn" || event.level === "error") this.#complaints.push(event.line);
        if (this.#complaints.length > complaintsMax) this.#complaints.shift();
        break;
      default:
        break;
    }
  }

  #takeState(node: string, state: PeerNodeState | "forgotten", at: number): void {
    // A new incarnation in the same state changes nothing here.
    if (this.seen.get(node)?.state === state) return;
    if (state === "forgotten") this.seen.delete(node);
    else {
      this.seen.set(node, { state, at });
      this.#changes.push({ node, state, at });
      if (this.#changes.length > changesMax) this.#changes.shift();
    }
    this.#report({ event: "state", at, observer: this.name, node, state });
  }

  #become(status: AgentEvent["status"]): void {
    this.#status = status;
    const { kind } = this.plan;
    const { pid } = this.peer;
    this.#report({
      event: "agent",
      at: epochMs(),
      agent: this.name,
      status,
      kind,
      runtime: this.#runtime,
      address: this.#address,
      pid,
    });
  }
}
