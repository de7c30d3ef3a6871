import { readFile } from "node:fs/promises";
import { hostname } from "node:os";
import process from "node:process";
import { errorMessage, isIp, isLoopback, isObject } from "@memberlist/core/internal";
import { parseAddress } from "@memberlist/core/transport";
import type { Command, Option } from "commander";
import { clusterAccess, type ClusterAccess, type ClusterOptions } from "../cluster-options.ts";
import { UsageError } from "../exit-codes.ts";
import { parseEventHandler, type EventHandler } from "./event-handlers.ts";
import { httpToken } from "./http-token.ts";

/** The options of `memberlist agent`. */
export interface AgentFlags extends ClusterOptions {
  readonly config?: string;
  readonly seeds?: readonly string[];
  readonly name?: string;
  readonly bind: string;
  readonly advertise?: string;
  readonly preset: "lan" | "wan" | "local";
  readonly meta?: string;
  readonly delegateVersions?: string;
  readonly store?: string;
  readonly http?: string;
  readonly httpTokenFile?: string;
  readonly eventHandler?: readonly string[];
  readonly json?: true;
}

interface IpPort {
  readonly host: string;
  readonly port: number;
}

export interface DelegateVersions {
  readonly delegateProtocolMin: number;
  readonly delegateProtocolMax: number;
  readonly delegateProtocolVersion: number;
}

export interface AgentRequest extends ClusterAccess {
  readonly seeds: readonly string[];
  readonly name: string;
  readonly bind: IpPort;
  readonly advertise: IpPort | undefined;
  readonly preset: "lan" | "wan" | "local";
  readonly meta: Uint8Array;
  readonly delegateVersions: DelegateVersions | undefined;
  readonly store: string | undefined;
  readonly http: IpPort | undefined;
  readonly token: string | undefined;
  readonly handlers: readonly EventHandler[];
  readonly json: boolean;
}

/** The environment variables that override a field of the file, besides those that the options declare. */
const environment: Readonly<Record<string, string>> = {
  keyFile: "MEMBERLIST_KEY",
  label: "MEMBERLIST_LABEL",
  httpTokenFile: "MEMBERLIST_HTTP_TOKEN",
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
  return (process.env[environment[field] ?? ""] ?? "") !== "";
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
 * Checks the options, and reads the files that they name.
 *
 * @throws UsageError if an option is wrong, or does not go with another
 */
export async function agentRequest(seeds: readonly string[], flags: AgentFlags): Promise<AgentRequest> {
  const { name = hostname(), advertise, preset, meta = "", delegateVersions, store, json = false } = flags;
  const token = await httpToken(flags.httpTokenFile);
  const http = flags.http === undefined ? undefined : ipPort("--http", flags.http, 7980);
  if (http !== undefined && token === undefined && !isLoopback(http.host)) {
    throw new UsageError("--http beyond loopback needs a token: pass --http-token-file, or set MEMBERLIST_HTTP_TOKEN");
  }
  return {
    ...(await clusterAccess(flags)),
    seeds,
    name,
    bind: ipPort("--bind", flags.bind, 7946),
    advertise: advertise === undefined ? undefined : ipPort("--advertise", advertise, 0),
    preset,
    meta: new TextEncoder().encode(meta),
    delegateVersions: delegateVersions === undefined ? undefined : parseDelegateVersions(delegateVersions),
    store,
    http,
    token,
    handlers: (flags.eventHandler ?? []).map(parseEventHandler),
    json,
  };
}

function ipPort(option: string, text: string, defaultPort: number): IpPort {
  try {
    // Port 0 means a free port. parseAddress refuses it, because a member's address cannot have it.
    const free = isIp(text) ? null : /^(.*):0$/.exec(text);
    const { host, port } = parseAddress(free?.[1] ?? text, defaultPort);
    if (isIp(host)) return { host, port: free === null ? port : 0 };
  } catch (error) {
    throw new UsageError(`${option}: ${errorMessage(error)}`);
  }
  throw new UsageError(`${option}: the host must be a literal IP`);
}

function parseDelegateVersions(text: string): DelegateVersions {
  const found = /^(\d{1,3}),(\d{1,3}),(\d{1,3})$/.exec(text);
  if (found === null) throw new UsageError("--delegate-versions: pass three numbers, such as 2,5,5");
  const [min = 0, max = 0, current = 0] = found.slice(1).map(Number);
  return { delegateProtocolMin: min, delegateProtocolMax: max, delegateProtocolVersion: current };
}
