import { createInThread } from "../../src/thread/create-in-thread.ts";
import { serveMember, type ServeMemberOptions } from "../../src/thread/serve-member.ts";
import type { MemberThread, ThreadPort } from "../../src/thread/thread-port.ts";
import { createInstrumented } from "../../src/memberlist.ts";
import type { Config, Memberlist } from "../../src/index.ts";

/** The fields that a thread gets from its module. */
const moduleFields = ["alive", "merge", "selectNodes", "disableTcpPingsForNode", "transport", "clock", "random"] as const;

export interface LoopbackOptions {
  /** The default export of the module, for each thread. Default: the fields of the config that only a module may have, and `module`. */
  readonly exported?: () => Promise<object>;
  readonly applicationTimeout?: number;
  readonly onThread?: (thread: LoopbackThread) => void;
}

export interface LoopbackThread extends MemberThread {
  /** Ends the thread as an error of its module does. */
  readonly fail: (cause: unknown) => void;
}

/**
 * Starts a member as in a thread of its own, but on this event loop. It clones all messages between the two, as threads do, and both use the
 * same virtual clock.
 *
 * @param module further fields of the thread's module
 */
export function createOverLoopback(
  config: Config,
  module: Partial<Config> = {},
  options: LoopbackOptions = {},
): Promise<Memberlist> {
  const own: Partial<Config> = Object.fromEntries(moduleFields.map((field) => [field, config[field]]));
  const cloned: Config = { ...config };
  for (const field of moduleFields) delete cloned[field];
  const { applicationTimeout, exported = () => Promise.resolve(withoutUndefined({ ...own, ...module })), onThread } = options;
  const load = async (): Promise<unknown> => ({ default: await exported() });
  return createInThread({
    config: cloned,
    own: {},
    thread: { module: new URL("test:module"), ...(applicationTimeout === undefined ? {} : { applicationTimeout }) },
    ...(config.clock === undefined ? {} : { clock: config.clock }),
    load,
    startThread: () => {
      const thread = loopbackThread(load);
      onThread?.(thread);
      return Promise.resolve(thread);
    },
    onEventLoop: () => Promise.reject(new Error("a loopback thread always starts")),
    diagnostics: undefined,
  });
}

function withoutUndefined(fields: object): object {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}

function loopbackThread(load: () => Promise<unknown>): LoopbackThread {
  const [application, thread] = ports();
  let member: Memberlist | undefined;
  const create: ServeMemberOptions["create"] = async (config, instruments) => {
    member = await createInstrumented(config, instruments);
  };
  serveMember({ port: thread, load, create });
  let end: (cause: unknown) => void = () => {};
  const ended = new Promise<unknown>((resolve) => (end = resolve));
  return {
    port: application,
    ended,
    terminate: () => {
      end(undefined);
      return Promise.resolve();
    },
    fail: (cause) => {
      application.peer = undefined;
      thread.peer = undefined;
      member?.shutdown().catch(() => undefined);
      end(cause);
    },
  };
}

function ports(): [LoopbackPort, LoopbackPort] {
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
