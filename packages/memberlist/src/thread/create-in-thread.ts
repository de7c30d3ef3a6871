import { checkConfigPart } from "../api/check-arguments.ts";
import { configError, errorMessage, MemberlistError } from "../api/errors.ts";
import type { Config } from "../config/config.ts";
import { resolveConfig } from "../config/resolve.ts";
import { memberlistOf, type Memberlist } from "../memberlist.ts";
import type { Clock } from "../ports/clock.ts";
import type { DiagnosticsChannels } from "../ports/diagnostics.ts";
import { createLog } from "../ports/log.ts";
import { isObject } from "../util/value-rules.ts";
import { clonedConfig, loadModule, threadRules, type ThreadConfig, type ThreadOptions } from "./thread-config.ts";
import { MemberProxy } from "./member-proxy.ts";
import type { StartThread } from "./thread-port.ts";

/** The default of `applicationTimeout`, in ms. */
const defaultApplicationTimeout = 30_000;

export interface CreateInThreadOptions {
  /** The core's part of the config. */
  readonly config: Config;
  /** The transport package's part. */
  readonly own: Readonly<Record<string, unknown>>;
  readonly thread: Exclude<ThreadConfig, false>;
  /** The application's clock. Default: that of the config. */
  readonly clock?: Clock;
  /** Starts the program of the transport package. */
  readonly startThread: (entry: URL | undefined) => ReturnType<StartThread>;
  /** For `prefer`: starts the member on the event loop. */
  readonly onEventLoop: (module: Partial<Config>) => Promise<Memberlist>;
  /** Imports a module. */
  readonly load: (url: string) => Promise<unknown>;
  readonly diagnostics: DiagnosticsChannels | undefined;
}

/**
 * Starts a member in a thread of its own.
 *
 * @throws ConfigError `invalid_config`; MemberlistError `thread_unavailable`, `thread_failed`, or what the start on the event loop throws
 */
export async function createInThread(options: CreateInThreadOptions): Promise<Memberlist> {
  const { config, own, startThread, diagnostics, clock } = options;
  const thread = threadOptions(options.thread);
  const cloned = clonedConfig({ ...config, ...own });
  const resolved = resolveConfig(clock === undefined ? config : { ...config, clock }, [...Object.keys(own), "thread"]);
  const { applicationTimeout = defaultApplicationTimeout, entry, module } = thread;
  try {
    const member = await MemberProxy.start({
      config: resolved,
      cloned,
      given: namesOf({ ...config, ...own }),
      module: module?.href,
      applicationTimeout,
      startThread: () => startThread(entry),
      diagnostics,
    });
    return memberlistOf(member);
  } catch (error) {
    if (thread.prefer !== true || !(error instanceof MemberlistError) || error.code !== "thread_unavailable") throw error;
    createLog(resolved).info("thread_unavailable", `the member runs on the event loop: ${errorMessage(error)}`, { error });
    return options.onEventLoop(module === undefined ? {} : await loadModule(module.href, namesOf(config), options.load));
  }
}

function namesOf(config: object): string[] {
  return Object.entries(config).flatMap(([field, value]) => (value === undefined ? [] : [field]));
}

/** @throws ConfigError `invalid_config` */
function threadOptions(thread: Exclude<ThreadConfig, false>): ThreadOptions {
  if (thread === true) return {};
  if (thread === "prefer") return { prefer: true };
  if (!isObject(thread)) throw configError("thread", 'must be true, false, "prefer", or an object');
  checkConfigPart("thread", thread, threadRules);
  return thread;
}
