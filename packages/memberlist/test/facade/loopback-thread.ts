import { createInThread } from "../../src/thread/create-in-thread.ts";
import { serveMember } from "../../src/thread/serve-member.ts";
import type { MemberThread, ThreadPort } from "../../src/thread/thread-port.ts";
import { createInstrumented } from "../../src/memberlist.ts";
import type { Config, Memberlist } from "../../src/index.ts";

/** The fields that a thread has from its module. */
const moduleFields = ["alive", "merge", "selectNodes", "disableTcpPingsForNode", "transport", "clock", "random"] as const;

/**
 * Starts a member as in a thread of its own, but on this event loop: what crosses between the two is cloned, as between threads, and the
 * virtual clock is that of both.
 *
 * @param module further fields of the thread's module
 */
export function createOverLoopback(config: Config, module: Partial<Config> = {}): Promise<Memberlist> {
  const own: Partial<Config> = Object.fromEntries(moduleFields.map((field) => [field, config[field]]));
  const cloned: Config = { ...config };
  for (const field of moduleFields) delete cloned[field];
  const load = (): Promise<unknown> => Promise.resolve({ default: withoutUndefined({ ...own, ...module }) });
  return createInThread({
    config: cloned,
    own: {},
    thread: { module: new URL("test:module") },
    ...(config.clock === undefined ? {} : { clock: config.clock }),
    load,
    startThread: () => Promise.resolve(loopbackThread(load)),
    onEventLoop: () => Promise.reject(new Error("a loopback thread can always be had")),
    diagnostics: undefined,
  });
}

function withoutUndefined(fields: object): object {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}

function loopbackThread(load: () => Promise<unknown>): MemberThread {
  const [application, thread] = ports();
  serveMember({ port: thread, load, create: (config, instruments) => createInstrumented(config, instruments) });
  let end: (cause: unknown) => void = () => {};
  const ended = new Promise<unknown>((resolve) => (end = resolve));
  return {
    port: application,
    ended,
    terminate: () => {
      end(undefined);
      return Promise.resolve();
    },
  };
}

function ports(): [ThreadPort, ThreadPort] {
  const first = new LoopbackPort();
  const second = new LoopbackPort();
  first.peer = second;
  second.peer = first;
  return [first, second];
}

class LoopbackPort implements ThreadPort {
  peer: LoopbackPort | undefined;
  #listener: ((message: unknown) => void) | undefined;
  readonly #early: unknown[] = [];

  post(message: unknown, transfer: readonly ArrayBuffer[] = []): void {
    const cloned: unknown = structuredClone(message, { transfer: [...transfer] });
    queueMicrotask(() => this.peer?.deliver(cloned));
  }

  listen(onMessage: (message: unknown) => void): void {
    this.#listener = onMessage;
    for (const message of this.#early.splice(0)) onMessage(message);
  }

  deliver(message: unknown): void {
    if (this.#listener === undefined) this.#early.push(message);
    else this.#listener(message);
  }
}
