import { configError, ConfigError, errorMessage, type ConfigIssue } from "../api/errors.ts";
import type { Config, ResolvedConfig } from "../config/config.ts";
import { boolean, durationOr, isObject, type Rules } from "../util/value-rules.ts";
import { pack } from "./packed-values.ts";
import type { ApplicationFunction } from "./thread-messages.ts";

/** How a member runs in a thread of its own (`thread` of the config of a transport package). */
export interface ThreadOptions {
  /**
   * A module that the thread imports. Its default export is an object with fields of the config, or a function that returns such an object. Put
   * delegates into it that decide within the protocol (`alive`, `merge`, `selectNodes`, `disableTcpPingsForNode`), and objects that cannot be
   * cloned (`transport`). It may have other functions of the config, too; they then run in the thread. Default none.
   *
   * @example
   * thread: { module: new URL("./cluster-policy.js", import.meta.url) }
   */
  readonly module?: URL;
  /**
   * How long the application's event loop may be blocked, in ms, before the member counts the application as failed. The member then reports
   * `application_unresponsive` and stops answering, so that other members declare it dead, as they would without a thread. When the application
   * runs again, the member refutes its death. 0 for never. Default 30 s.
   */
  readonly applicationTimeout?: number;
  /** Runs the member on the event loop if the thread cannot be started, and logs `thread_unavailable`. Default false: the start fails. */
  readonly prefer?: boolean;
  /**
   * The file of the thread's program, for a bundled application: a bundle of `@memberlist/transport-node/thread` (or
   * `@memberlist/transport-deno/thread`). Default: the one of the transport package.
   */
  readonly entry?: URL;
}

/** `thread` of a config: true runs the member in a thread of its own, `"prefer"` does so if that is possible. */
export type ThreadConfig = boolean | "prefer" | ThreadOptions;

const url = {
  expected: 'a URL object, such as new URL("./file.js", import.meta.url)',
  accepts: (value: unknown) => value instanceof URL,
};
export const threadRules: Rules<ThreadOptions> = {
  module: url,
  applicationTimeout: durationOr("never"),
  prefer: boolean,
  entry: url,
};

const decides = "decides within the protocol, which cannot wait for the application's thread";
const cannotBeCloned = "cannot be sent to a thread";

const onlyInThread: ReadonlyMap<keyof Config, string> = new Map([
  ["alive", decides],
  ["merge", decides],
  ["selectNodes", decides],
  ["disableTcpPingsForNode", decides],
  ["transport", cannotBeCloned],
  ["clock", cannotBeCloned],
  ["random", cannotBeCloned],
]);

/** The fields that stay with the application. The thread reports to them, or asks them. */
const staysWithApplication: ReadonlySet<string> = new Set<keyof Config>([
  "delegate",
  "events",
  "conflict",
  "ping",
  "metrics",
  "store",
  "logger",
  "logOutput",
  "keyring",
  "secretKey",
  // The thread gets the metadata that they make.
  "tags",
]);

/**
 * The fields of a config that are cloned to the thread, packed.
 *
 * @throws ConfigError `invalid_config` for fields that cannot be cloned
 */
export function clonedConfig(config: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const given = Object.entries(config).filter(([, value]) => value !== undefined);
  const issues = given.flatMap(([field, value]) => threadIssues(field, value));
  if (issues.length > 0) throw new ConfigError(issues);
  const cloned = given.filter(([field, value]) => !staysWithApplication.has(field) && typeof value !== "function");
  return Object.fromEntries(cloned.map(([field, value]) => [field, pack(value)]));
}

function threadIssues(field: string, value: unknown): ConfigIssue[] {
  const reason = onlyInThread.get(field as keyof Config);
  if (reason !== undefined) return [threadIssue(field, field, reason)];
  if (staysWithApplication.has(field) || !isObject(value)) return [];
  // Functions are refused, not left out: one of them may be the function that refuses strangers.
  const functions = Object.entries(value).filter(([, inner]) => typeof inner === "function");
  return functions.map(([name]) => threadIssue(field, `${field}.${name}`, cannotBeCloned));
}

function threadIssue(exported: string, field: string, reason: string): ConfigIssue {
  const advice = `export ${exported} from a module, and pass thread: { module: new URL("./cluster-policy.js", import.meta.url) }`;
  const expected = `left out with thread, because it ${reason}: ${advice}`;
  return { field, value: "(not shown)", expected, message: `${field} must be ${expected}` };
}

/** The functions of a config that the thread calls. */
export function functionsOf({ advertiseAddr, delegate, ping }: ResolvedConfig): ApplicationFunction[] {
  const found: ApplicationFunction[] = [];
  if (typeof advertiseAddr === "function") found.push("advertiseAddr");
  if (delegate?.notifyMsg !== undefined) found.push("notifyMsg");
  if (delegate?.getBroadcasts !== undefined) found.push("getBroadcasts");
  if (delegate?.localState !== undefined) found.push("localState");
  if (delegate?.mergeRemoteState !== undefined) found.push("mergeRemoteState");
  if (ping?.ackPayload !== undefined) found.push("ackPayload");
  if (ping?.notifyPingComplete !== undefined) found.push("notifyPingComplete");
  return found;
}

/**
 * The fields of the config that a module exports: by its default export, or by the function that is its default export.
 *
 * @param given the fields that the application's config has
 * @throws ConfigError `invalid_config`
 */
export async function loadModule(
  url: string,
  given: readonly string[],
  load: (url: string) => Promise<unknown>,
): Promise<Partial<Config>> {
  const fields = await exportedFields(url, load);
  if (!isObject(fields)) {
    throw configError(
      "thread.module",
      `the default export of ${url} must be an object with config fields, or a function that returns one`,
    );
  }
  const { delegate, tags } = fields;
  if (tags !== undefined) throw configError("thread.module", `${url} must not have tags: put them into the config`);
  if (given.includes("tags") && isObject(delegate) && delegate["nodeMeta"] !== undefined) {
    throw configError("tags", `must be left out when the delegate of ${url} has nodeMeta, because both are the whole metadata`);
  }
  const twice = Object.keys(fields).filter((field) => given.includes(field));
  if (twice.length === 0) return fields;
  throw configError("thread.module", `both the config and ${url} have ${twice.join(" and ")}: leave it out of one of them`);
}

async function exportedFields(url: string, load: (url: string) => Promise<unknown>): Promise<unknown> {
  try {
    const { default: exported } = (await load(url)) as { readonly default?: unknown };
    return typeof exported === "function" ? await exported() : exported;
  } catch (cause) {
    throw configError("thread.module", `${url} cannot be loaded: ${errorMessage(cause)}`, cause);
  }
}
