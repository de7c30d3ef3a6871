import type { Node } from "../api/node.ts";
import { RateLimit } from "../util/rate-limit.ts";
import type { EngineContext } from "./context.ts";
import type { NodeRecord } from "./node-record.ts";

/** A known name at another address: the dead member's name is reclaimed, or two nodes use one name. Source: PROTOCOL.md section 5. */
export class NameConflicts {
  readonly #context: EngineContext;
  /** Conflicts about our own name have a limit of their own: a flood about other names does not hide them. */
  readonly #own: RateLimit;
  readonly #others: RateLimit;

  constructor(context: EngineContext) {
    this.#context = context;
    this.#own = new RateLimit(context.now);
    this.#others = new RateLimit(context.now);
  }

  /** Whether a node at another address may have the member's name: the member has left, or is dead for `deadNodeReclaimTime`. */
  mayReclaim(record: NodeRecord): boolean {
    if (record.state === "left") return true;
    const { deadNodeReclaimTime } = this.#context.config;
    const deadFor = this.#context.now - record.stateChangedAt;
    return record.state === "dead" && deadNodeReclaimTime > 0 && deadFor > deadNodeReclaimTime;
  }

  /** Counts and logs a conflict, and adds an event at a bounded rate. */
  report(record: NodeRecord, other: Node): void {
    const { config, log, outputs, stats, now } = this.#context;
    stats.count("dropped.name_conflict");
    log.warn("name_conflict", `two nodes use the name ${record.name}: names must be unique in a cluster`, {
      node: record.name,
      mine: `${record.addr}:${record.port}`,
      theirs: `${other.addr}:${other.port}`,
      state: record.state,
    });
    const limit = record.name === config.name ? this.#own : this.#others;
    const suppressed = limit.take(now);
    if (suppressed === undefined) return;
    outputs.events.push({ type: "conflict", node: record.view(), other, suppressed });
  }
}
