/** The callbacks of one signal, and the single listener that calls them. */
interface Subscription {
  readonly listeners: Set<() => void>;
  readonly all: () => void;
}

const subscriptions = new WeakMap<AbortSignal, Subscription>();

/**
 * Calls `listener` when `signal` is aborted from here on. However many wait for a signal, it gets one listener: Node 20 takes more than ten for a
 * leak, and warns.
 *
 * @returns takes `listener` away again
 */
export function onAbort(signal: AbortSignal, listener: () => void): () => void {
  const subscription = subscriptions.get(signal) ?? subscribe(signal);
  // An object of its own, so that the same function may wait twice.
  const entry = (): void => listener();
  subscription.listeners.add(entry);
  return () => {
    if (!subscription.listeners.delete(entry) || subscription.listeners.size > 0) return;
    subscriptions.delete(signal);
    signal.removeEventListener("abort", subscription.all);
  };
}

function subscribe(signal: AbortSignal): Subscription {
  const listeners = new Set<() => void>();
  const all = (): void => {
    subscriptions.delete(signal);
    // One that is taken away by another is not called any more.
    for (const listener of listeners) {
      listeners.delete(listener);
      listener();
    }
  };
  const subscription = { listeners, all };
  subscriptions.set(signal, subscription);
  signal.addEventListener("abort", all, { once: true });
  return subscription;
}
