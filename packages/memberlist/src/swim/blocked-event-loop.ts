import type { Node } from "../api/node.ts";
import { applyAwareness, type EngineContext } from "./context.ts";

/** A part of the engine that waits for answers, and must not count time that the process could not use. */
export interface TimedWork {
  /** Extends all running waits for an answer by `late` ms. */
  eventLoopBlocked(late: number): void;
}

/**
 * Timers were found to be `late` ms late, before they fire: running probes and suspicions get the time back, and the health score
 * worsens by 1 for each `probeTimeout`, about as Lifeguard does for a probe without an answer. From `probeTimeout` on it is reported.
 */
export function reactToBlockedEventLoop(
  late: number,
  context: EngineContext,
  localNode: Node,
  timed: readonly TimedWork[],
): void {
  const { config, log, outputs, stats } = context;
  for (const work of timed) work.eventLoopBlocked(late);
  const missed = Math.floor(late / config.probeTimeout);
  if (missed === 0) return;
  stats.count("event_loop_blocked");
  log.warn("event_loop_blocked", `the event loop was blocked, or the process paused, for ${Math.round(late)} ms`, { late });
  outputs.events.push({ type: "event_loop_blocked", node: localNode, late });
  applyAwareness(context, missed);
}
