import { randomOffset, type Random } from "../ports/random.ts";
import type { NodeState } from "../api/node.ts";
import type { SelectPurpose } from "../api/delegates.ts";
import type { NodeRecord } from "./node-record.ts";
import type { NodeTable } from "./node-table.ts";
import type { EngineDelegates, EngineLog, EngineStats } from "./ports.ts";

/** The states of members that a round may have. */
const statesOf: Readonly<Record<SelectPurpose, readonly NodeState[]>> = {
  gossip: ["alive", "suspect", "dead"],
  indirectProbe: ["alive"],
  probe: ["alive", "suspect"],
  pushPull: ["alive"],
};

interface SelectorParts {
  readonly delegates: EngineDelegates;
  readonly log: EngineLog;
  readonly stats: EngineStats;
  readonly random: Random;
  readonly table: NodeTable;
}

/**
 * Random members for a round, as the application's `selectNodes` would have them. The last of them is always chosen from all, so that
 * a hook can favour some members without cutting others off.
 */
export class NodeSelector {
  readonly #parts: SelectorParts;

  constructor(parts: SelectorParts) {
    this.#parts = parts;
  }

  /** Up to k distinct members for which `isEligible` holds. */
  choose(purpose: SelectPurpose, k: number, isEligible: (record: NodeRecord) => boolean): NodeRecord[] {
    const { delegates, random, table } = this.#parts;
    if (!delegates.hasSelectNodes) return table.randomNodes(k, statesOf[purpose], isEligible);
    if (k < 1) return [];
    const candidates = table.records().filter(isEligible);
    const selected = [...this.#ask(purpose, candidates)];
    // A single target: drawn at random from the selected nodes or from all.
    const chosen = sample(random, selected, k > 1 ? k - 1 : randomOffset(random, 2));
    const rest = candidates.filter((record) => !chosen.includes(record));
    const others = sample(random, rest, k - chosen.length);
    return [...chosen, ...others];
  }

  /** As a filter for the probe list, which has an order of its own: the members that this round may have. */
  filter(purpose: SelectPurpose, isEligible: (record: NodeRecord) => boolean): (record: NodeRecord) => boolean {
    const { delegates, random, table } = this.#parts;
    if (!delegates.hasSelectNodes || randomOffset(random, 2) === 0) return isEligible;
    const selected = this.#ask(purpose, table.records().filter(isEligible));
    return (record) => selected.has(record);
  }

  /** The candidates that the hook takes; all where its answer is of no use. */
  #ask(purpose: SelectPurpose, candidates: readonly NodeRecord[]): ReadonlySet<NodeRecord> {
    const { delegates, log, stats, table } = this.#parts;
    if (candidates.length === 0) return new Set();
    const eligible = new Set(candidates);
    const answer = delegates.selectNodes(
      purpose,
      candidates.map((record) => record.view()),
    );
    const selected = new Set<NodeRecord>();
    for (const name of answer) {
      const record = table.get(name);
      if (record !== undefined && eligible.has(record)) selected.add(record);
    }
    if (selected.size > 0) return selected;
    stats.count("select_nodes_failed");
    log.warn("select_nodes_failed", "selectNodes returned none of the candidates: using all of them", { purpose });
    return eligible;
  }
}

/** Up to k of the items, at random; their order is lost. */
function sample<T>(random: Random, items: T[], k: number): T[] {
  const count = Math.min(k, items.length);
  for (let i = 0; i < count; i++) {
    const j = i + randomOffset(random, items.length - i);
    const item = items[i] as T;
    items[i] = items[j] as T;
    items[j] = item;
  }
  return items.slice(0, count);
}
