import { errorMessage, MemberlistError } from "../api/errors.ts";
import type { Node } from "../api/node.ts";
import { randomOffset } from "../ports/random.ts";
import type { NodeSource } from "../wire/messages/push-pull.ts";
import type { PushNodeState } from "../wire/messages/types.ts";
import { addressOf, applyPort, type EngineContext } from "./context.ts";
import type { Membership } from "./membership.ts";
import { makeNode } from "./node-record.ts";
import { Periodic } from "./timers.ts";
import { pushPullScale } from "./scaling.ts";
import { nodeStateName, protocolChecks } from "./versions.ts";

/** Nodes that are made for the merge delegate in one go: at most some 3 ms. */
const shownInOneGo = 2_000;

/** Schedules push/pulls, encodes the local state, and merges a peer's. Source: PROTOCOL.md section 5. */
export class PushPull {
  readonly #context: EngineContext;
  readonly #membership: Membership;
  #ticks: Periodic | undefined;

  constructor(context: EngineContext, membership: Membership) {
    this.#context = context;
    this.#membership = membership;
  }

  /** Starts the periodic push/pulls. Nodes that are started together do not stay in step. */
  start(): void {
    const { config, random } = this.#context;
    const { pushPullInterval: interval } = config;
    if (interval > 0) this.#tickAfter(randomOffset(random, interval) + interval);
  }

  /** Starts anew, at a random time within an interval of a cluster of this size. */
  restart(): void {
    const { config, random, table } = this.#context;
    this.#ticks?.stop();
    const interval = pushPullScale(config.pushPullInterval, table.size);
    if (interval > 0) this.#tickAfter(randomOffset(random, interval));
  }

  /** This node's view of all members, as a push/pull carries it. */
  localState(): PushNodeState[] {
    return this.#context.table.records().map((record) => record.pushState());
  }

  /** As {@link localState}, of each node as it is when it is asked for. */
  localNodes(): NodeSource {
    const records = this.#context.table.records();
    return { length: records.length, at: (index) => records[index]?.pushState() };
  }

  /**
   * Whether an alive node of a peer's state that is the same as in our own can be skipped: neither {@link check} nor {@link merge} does
   * anything for it.
   */
  get dropsDuplicates(): boolean {
    return this.#membership.dropsDuplicates;
  }

  /**
   * Checks whether the nodes of a peer's state may be merged at all. Yields between parts of the work.
   *
   * @throws MemberlistError `incompatible_versions`, or `merge_refused` by the merge delegate; nothing has changed then
   */
  *check(remote: readonly PushNodeState[], join: boolean): Generator<undefined, void> {
    const { delegates, table } = this.#context;
    yield* protocolChecks(remote, table.records());
    if (!join || !delegates.hasMergeDelegate) return;
    const peers: Node[] = [];
    for (const node of remote) {
      if (peers.length % shownInOneGo === shownInOneGo - 1) yield;
      const port = applyPort(this.#context, node.port);
      peers.push(makeNode({ ...node, port }, node.vsn, nodeStateName(node.state) ?? "dead"));
    }
    const refusal = delegates.refusesMerge(peers);
    if (refusal === undefined) return;
    throw new MemberlistError("merge_refused", `the merge delegate refused: ${errorMessage(refusal)}`, { cause: refusal });
  }

  /** Merges some or all nodes that {@link check} has passed: each is a message of its own, and other inputs may come in between. */
  merge(remote: readonly PushNodeState[]): void {
    for (const node of remote) this.#mergeOne(node);
  }

  /** Exchanges states with a random alive member, at once. */
  exchange(): void {
    const { config, outputs, selector } = this.#context;
    const [target] = selector.choose("pushPull", 1, (record) => record.name !== config.name && record.state === "alive");
    if (target !== undefined) outputs.actions.push({ type: "pushPull", to: addressOf(target) });
  }

  #mergeOne(remote: PushNodeState): void {
    const { incarnation, name, addr, isMapped, meta, vsn } = remote;
    const port = applyPort(this.#context, remote.port);
    const state = nodeStateName(remote.state);
    switch (state) {
      case "alive":
        this.#membership.alive({ incarnation, node: name, addr, isMapped, port, meta, vsn });
        break;
      case "left":
        this.#membership.dead({ incarnation, node: name, from: name });
        break;
      case "suspect":
      // Never dead at once: the node gets its chance to refute.
      case "dead":
        this.#membership.suspect({ incarnation, node: name, from: this.#context.config.name }, { code: "push_pull", state });
        break;
      case undefined:
        break;
    }
  }

  #tickAfter(delay: number): void {
    const { config, hooks, table } = this.#context;
    this.#ticks = new Periodic({
      context: this.#context,
      delay,
      interval: () => pushPullScale(config.pushPullInterval, table.size),
      tick: () => hooks.onSend("pushPull", () => this.exchange()),
    });
  }
}
