/** A task that sends at intervals. */
export type Sender = "probe" | "gossip" | "pushPull";

/** Points at which an experiment changes the protocol: packages/simulator compares Lifeguard with less. A real member has the defaults. */
export interface EngineHooks {
  /** Calls `send`, now or later as an input of its own: a probe, a round of gossip or a push/pull is about to send. */
  onSend(sender: Sender, send: () => void): void;
  /** How many confirmations bring a suspicion down to its minimum; 0: it always has the minimum. */
  confirmations(suspicionMult: number): number;
  /** Whether helpers are asked for nacks. */
  readonly nacks: boolean;
  /** Whether a ping to a suspect carries the suspicion: Lifeguard's Buddy System. */
  readonly buddySystem: boolean;
}

export const defaultHooks: EngineHooks = Object.freeze({
  onSend: (_sender: Sender, send: () => void) => send(),
  confirmations: (suspicionMult: number) => suspicionMult - 2,
  nacks: true,
  buddySystem: true,
});
