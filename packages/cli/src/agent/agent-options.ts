import { readFile } from "node:fs/promises";
import process from "node:process";
import { ConfigError } from "@memberlist/core";
import {
  errorMessage,
  isLoopback,
  isObject,
  parseIpPort,
  type Environment,
  type EnvironmentConfig,
  type IpPort,
  type PresetName,
} from "@memberlist/core/internal";
import type { Command, Option } from "commander";
import { clusterAccess, type ClusterAccess, type ClusterOptions } from "../cluster-options.ts";
import { UsageError } from "../exit-codes.ts";
import type { Runtime } from "../runtime.ts";
import { parseEventHandler, type EventHandler } from "./event-handlers.ts";
import { httpToken } from "./http-token.ts";

/** The options of `memberlist agent`. */
export interface AgentFlags extends ClusterOptions {
  readonly config?: string;
  readonly seeds?: readonly string[];
  readonly name?: string;
  readonly bind: string;
  readonly advertise?: string;
  readonly preset: PresetName;
  readonly meta?: string;
  readonly tags?: string;
  readonly delegateVersions?: string;
  readonly store?: string;
  readonly http?: string;
  readonly httpTokenFile?: string;
  readonly thread?: boolean;
  readonly eventHandler?: readonly string[];
  readonly json?: true;
}

export interface DelegateVersions {
  readonly delegateProtocolMin: number;
  readonly delegateProtocolMax: number;
  readonly delegateProtocolVersion: number;
}

export interface AgentRequest extends ClusterAccess, EnvironmentConfig {
  readonly delegateVersions: DelegateVersions | undefined;
  readonly http: IpPort | undefined;
  readonly token: string | undefined;
  readonly thread: boolean;
  readonly handlers: readonly EventHandler[];
  readonly json: boolean;
}

/** The environment variables that override a field of the file, besides those that the options declare. */
const environment: Readonly<Record<string, readonly string[]>> = {
  keyFile: ["MEMBERLIST_KEY", "MEMBERLIST_KEY_FILE"],
  label: ["MEMBERLIST_LABEL"],
  seeds: ["MEMBERLIST_SEEDS"],
  httpTokenFile: ["MEMBERLIST_HTTP_TOKEN"],
};

/** The flags that replace a variable. */
const flagOf: Readonly<Record<string, string>> = {
  MEMBERLIST_NAME: "--name",
  MEMBERLIST_BIND: "--bind",
  MEMBERLIST_ADVERTISE: "--advertise",
  MEMBERLIST_PRESET: "--preset",
  MEMBERLIST_META: "--meta",
  MEMBERLIST_TAGS: "--tags",
  MEMBERLIST_STORE: "--store",
  MEMBERLIST_LABEL: "--label",
  MEMBERLIST_SEEDS: "the seeds",
};

/**
 * Sets the options that the file of `--config` has, except those that a flag or the environment has set.
 *
 * @throws UsageError if the file cannot be read, or has unknown or wrong fields
 */
export async function applyConfigFile(command: Command): Promise<void> {
  const path: unknown = command.getOptionValue("config");
  if (typeof path !== "string") return;
  const fields = await readConfig(path);
  for (const [field, value] of Object.entries(fields)) {
    const option = command.options.find((one) => one.attributeName() === field);
    if ((option === undefined && field !== "seeds") || field === "config" || field === "key") {
      throw new UsageError(`${path}: ${field} is not a field of this file${field === "key" ? ": use keyFile" : ""}`);
    }
    const expected = expectedInstead(value, field, option);
    if (expected !== undefined) throw new UsageError(`${path}: ${field} must be ${expected}`);
    if (!isSet(command, field)) command.setOptionValueWithSource(field, value, "config");
  }
}

/** Returns whether a flag or the environment has set the option. */
function isSet(command: Command, field: string): boolean {
  const source = command.getOptionValueSource(field);
  if (source !== undefined && source !== "default") return true;
  if (field === "keyFile" && command.getOptionValueSource("key") !== undefined) return true;
  return (environment[field] ?? []).some((name) => (process.env[name] ?? "") !== "");
}

/** Returns the expected type of a field; undefined if the value has it. */
function expectedInstead(value: unknown, field: string, option: Option | undefined): string | undefined {
  if (field === "seeds" || field === "eventHandler") {
    return Array.isArray(value) && value.every((item) => typeof item === "string") ? undefined : "a list of strings";
  }
  if (option?.isBoolean() === true) return typeof value === "boolean" ? undefined : "true or false";
  if (typeof value !== "string") return "a string";
  const choices = option?.argChoices;
  return choices === undefined || choices.includes(value) ? undefined : `one of ${choices.join(", ")}`;
}

async function readConfig(path: string): Promise<Readonly<Record<string, unknown>>> {
  try {
    const value: unknown = JSON.parse(await readFile(path, "utf8"));
    if (isObject(value)) return value;
  } catch (error) {
    throw new UsageError(`--config ${path}: ${errorMessage(error)}`);
  }
  throw new UsageError(`--config ${path}: the file must contain a JSON object`);
}

/**
 * Checks the options and the environment, and reads the files that they name.
 *
 * @param seeds of the command line
 * @throws UsageError if an option or a variable is wrong, or does not go with another
 */
export async function agentRequest(seeds: readonly string[], flags: AgentFlags, runtime: Runtime): Promise<AgentRequest> {
  const { delegateVersions, json = false, thread = false } = flags;
  const token = await httpToken(flags.httpTokenFile);
  const http = flags.http === undefined ? undefined : httpAddress(flags.http);
  if (http !== undefined && token === undefined && !isLoopback(http.host)) {
    throw new UsageError("--http beyond loopback needs a token: pass --http-token-file, or set MEMBERLIST_HTTP_TOKEN");
  }
  const access = await clusterAccess(flags);
  return {
    ...access,
    ...(await readMember(seeds, flags, access.label, runtime)),
    delegateVersions: delegateVersions === undefined ? undefined : parseDelegateVersions(delegateVersions),
    http,
    token,
    thread,
    handlers: (flags.eventHandler ?? []).map(parseEventHandler),
    json,
  };
}

/** Reads flags as the variables that they replace: an agent and a program with `configFromEnv` understand the same values. */
async function readMember(
  seeds: readonly string[],
  { name, bind, advertise, preset, meta, tags, store, seeds: ofFile = [] }: AgentFlags,
  label: string,
  runtime: Runtime,
): Promise<EnvironmentConfig> {
  const { MEMBERLIST_SEEDS: ofEnvironment = "" } = process.env;
  const env: Environment = {
    ...process.env,
    MEMBERLIST_NAME: name,
    MEMBERLIST_BIND: bind,
    MEMBERLIST_ADVERTISE: advertise,
    MEMBERLIST_PRESET: preset,
    MEMBERLIST_META: meta,
    MEMBERLIST_TAGS: tags,
    MEMBERLIST_STORE: store,
    MEMBERLIST_LABEL: label,
    MEMBERLIST_SEEDS: seeds.join(",") || ofEnvironment || ofFile.join(","),
    // clusterAccess has read them.
    MEMBERLIST_KEY: undefined,
    MEMBERLIST_KEY_FILE: undefined,
  };
  try {
    return await runtime.configFromEnv(env);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const lines = error.issues.map(({ field, message, expected }) => {
      const flag = flagOf[field];
      return flag === undefined ? message : `${flag} (or ${field}): ${expected}`;
    });
    throw new UsageError(lines.join("\n"));
  }
}

function httpAddress(text: string): IpPort {
  try {
    return parseIpPort(text, 7980);
  } catch (error) {
    throw new UsageError(`--http: ${errorMessage(error)}`);
  }
}

function parseDelegateVersions(text: string): DelegateVersions {
  const found = /^(\d{1,3}),(\d{1,3}),(\d{1,3})$/.exec(text);
  if (found === null) throw new UsageError("--delegate-versions: pass three numbers, such as 2,5,5");
  const [min = 0, max = 0, current = 0] = found.slice(1).map(Number);
  return { delegateProtocolMin: min, delegateProtocolMax: max, delegateProtocolVersion: current };
}
