import { isIp } from "../api/address.ts";
import { ConfigError, errnoOf, errorMessage, type ConfigIssue } from "../api/errors.ts";
import type { Seed } from "../api/seeds.ts";
import type { Config, PresetConfig } from "../config/config.ts";
import { configRules } from "../config/rules.ts";
import type { Keyring } from "../encryption/keyring.ts";
import type { Store } from "../ports/store.ts";
import { interfaceAddress, type HostInterfaces } from "../transport-kit/advertise.ts";
import { isWildcard } from "../transport-kit/bind-target.ts";
import { withLimits } from "../transport-kit/time-limit.ts";
import { parseIpPort, parseKeys, parseSeeds, parseTags, presetNames, presets, type PresetName } from "./parse-variables.ts";
import type { Tags } from "../util/tags.ts";
import { unknownVariables, variable, variableIssue, type Environment } from "./variables.ts";

/** What the runtime brings to read an environment. */
export interface EnvironmentHost {
  readonly interfaces: HostInterfaces;
  /** The host's name. */
  hostname(): string;
  readTextFile(path: string): Promise<string>;
  /** Runs a command in the system's shell with this environment, and returns its standard output. Rejects unless the exit code is 0. */
  runCommand(command: string, env: Environment, signal: AbortSignal): Promise<string>;
  fileStore(path: string): Store;
}

/** Options of `configFromEnv`. */
export interface EnvironmentOptions {
  /** The application's own variables that begin with `MEMBERLIST_`. Default none. */
  readonly ownVariables?: readonly string[];
}

/** The result of `configFromEnv`. */
export interface EnvironmentConfig {
  /** For `createMemberlist`. Add fields that no variable sets, such as delegates: `{ ...config, delegate }`. */
  readonly config: PresetConfig & Pick<Config, "name">;
  /** For `join`, or for `runUntilSignal`; empty without MEMBERLIST_SEEDS. */
  readonly seeds: readonly Seed[];
}

const commandPrefix = "command:";
const otherForms = `or ${commandPrefix} and a command that prints an IP`;
/** How long the command of MEMBERLIST_ADVERTISE may run, in ms. */
const commandTimeout = 5_000;
/** How often the command runs, in ms. The default for interfaces is shorter, because a command costs a process each time. */
const commandInterval = 30_000;

/**
 * Reads the variables that begin with `MEMBERLIST_`, and POD_NAME and POD_IP. docs/guide/deploying.md describes each.
 *
 * @throws ConfigError `invalid_config` with one issue for each variable that is wrong, missing or unknown. It names the variables and what to do, and
 *   shows no value
 */
export async function readEnvironment(
  env: Environment,
  host: EnvironmentHost,
  { ownVariables = [] }: EnvironmentOptions = {},
): Promise<EnvironmentConfig> {
  const reader = new EnvironmentReader(env, host);
  reader.issues.push(...unknownVariables(env, ownVariables));
  const read = await reader.read();
  if (reader.issues.length > 0) throw new ConfigError(reader.issues);
  return read;
}

interface Advertised {
  readonly advertiseAddr?: Config["advertiseAddr"];
  readonly advertisePort?: number;
  readonly addressCheckInterval?: number;
}

/** Reads one environment, and collects its problems. */
class EnvironmentReader {
  readonly issues: ConfigIssue[] = [];
  readonly #env: Environment;
  readonly #host: EnvironmentHost;

  constructor(env: Environment, host: EnvironmentHost) {
    this.#env = env;
    this.#host = host;
  }

  async read(): Promise<EnvironmentConfig> {
    const preset = this.#preset();
    const bind = this.#bind();
    const advertised = await this.#advertised(bind.bindAddr, preset === "kubernetes");
    const keyring = await this.#keyring();
    const meta = this.#get("MEMBERLIST_META");
    const tags = this.#tags(meta !== undefined);
    const store = this.#get("MEMBERLIST_STORE");
    const config = {
      ...presets[preset](),
      name: this.#name(),
      label: this.#label(preset === "kubernetes"),
      ...bind,
      ...advertised,
      ...(keyring === undefined ? {} : { keyring }),
      ...(meta === undefined ? {} : { meta: this.#checked("MEMBERLIST_META", "meta", new TextEncoder().encode(meta)) }),
      ...(tags === undefined ? {} : { tags }),
      ...(store === undefined ? {} : { store: this.#host.fileStore(store) }),
    };
    const seeds = this.#try("MEMBERLIST_SEEDS", parseSeeds) ?? [];
    return { config, seeds };
  }

  #get(name: string): string | undefined {
    return variable(this.#env, name);
  }

  #problem(name: string, problem: string): void {
    this.issues.push(variableIssue(name, problem));
  }

  /** The parsed value; undefined if the variable is absent or wrong. */
  #try<T>(name: string, parse: (value: string) => T): T | undefined {
    const value = this.#get(name);
    if (value === undefined) return undefined;
    try {
      return parse(value);
    } catch (error) {
      this.#problem(name, errorMessage(error));
      return undefined;
    }
  }

  /** A value for a field of the config, by the field's own rule. */
  #checked<Field extends keyof Config>(name: string, field: Field, value: Config[Field]): Config[Field] {
    const rule = configRules[field];
    if (!rule.accepts(value)) this.#problem(name, `it must be ${rule.expected}`);
    return value;
  }

  #preset(): PresetName {
    const given = this.#get("MEMBERLIST_PRESET") ?? "lan";
    const preset = presetNames.find((name) => name === given);
    if (preset === undefined) this.#problem("MEMBERLIST_PRESET", `it must be one of ${presetNames.join(", ")}`);
    return preset ?? "lan";
  }

  #name(): string {
    for (const source of ["MEMBERLIST_NAME", "POD_NAME"]) {
      const given = this.#get(source);
      if (given !== undefined) return this.#checked(source, "name", given);
    }
    const advice = "set it to a name that is unique in the cluster";
    try {
      const name = this.#host.hostname();
      if (configRules.name.accepts(name)) return name;
      this.#problem("MEMBERLIST_NAME", `${advice}: the host's name is not ${configRules.name.expected}`);
    } catch (error) {
      this.#problem("MEMBERLIST_NAME", `${advice}: the host's name is unknown (${errorMessage(error)})`);
    }
    return "";
  }

  #label(isRequired: boolean): string {
    const label = this.#get("MEMBERLIST_LABEL") ?? "";
    if (label === "" && isRequired) {
      const reason = "Kubernetes gives addresses of deleted pods to other pods, and the label keeps their clusters apart";
      this.#problem("MEMBERLIST_LABEL", `set it to the cluster's name, such as shop-production: ${reason}`);
    }
    return this.#checked("MEMBERLIST_LABEL", "label", label) ?? "";
  }

  #tags(hasMeta: boolean): Tags | undefined {
    const tags = this.#try("MEMBERLIST_TAGS", parseTags);
    if (tags === undefined) return undefined;
    if (hasMeta) this.#problem("MEMBERLIST_TAGS", "it excludes MEMBERLIST_META: set one of the two");
    return tags;
  }

  #bind(): { readonly bindAddr: string; readonly bindPort: number } {
    const bound = this.#try("MEMBERLIST_BIND", (value) => parseIpPort(value, 7946));
    if (bound !== undefined) return { bindAddr: bound.host, bindPort: bound.port };
    // The cluster has IPv6 alone.
    const isIpv6 = this.#get("MEMBERLIST_ADVERTISE") === undefined && (this.#get("POD_IP") ?? "").includes(":");
    return { bindAddr: isIpv6 ? "::" : "0.0.0.0", bindPort: 7946 };
  }

  async #advertised(bindAddr: string, isPod: boolean): Promise<Advertised> {
    const given = this.#get("MEMBERLIST_ADVERTISE");
    if (given === undefined) return this.#podAddress(isPod && isWildcard(bindAddr));
    if (given.startsWith(commandPrefix)) return this.#byCommand(given.slice(commandPrefix.length).trim());
    try {
      const { host, port } = parseIpPort(given, 0);
      return { advertiseAddr: this.#checked("MEMBERLIST_ADVERTISE", "advertiseAddr", host), advertisePort: port };
    } catch (error) {
      if (!given.includes(":")) return this.#byInterface(given, bindAddr);
      this.#problem("MEMBERLIST_ADVERTISE", `${errorMessage(error)}, ${otherForms}`);
      return {};
    }
  }

  #podAddress(isRequired: boolean): Advertised {
    const address = this.#get("POD_IP");
    if (address !== undefined) {
      if (isIp(address)) return { advertiseAddr: this.#checked("POD_IP", "advertiseAddr", address) };
      this.#problem("POD_IP", "it must be the pod's literal IP: take it from the field status.podIP");
    } else if (isRequired) {
      this.#problem("POD_IP", "set it from the field status.podIP in the pod's template, or set MEMBERLIST_ADVERTISE");
    }
    return {};
  }

  #byInterface(name: string, bindAddr: string): Advertised {
    const advertiseAddr = (): string => interfaceAddress(this.#host.interfaces, name, bindAddr);
    try {
      advertiseAddr();
    } catch (error) {
      this.#problem("MEMBERLIST_ADVERTISE", `${errorMessage(error)}. It may be an interface, an IP or IP:port, ${otherForms}`);
    }
    return { advertiseAddr };
  }

  async #byCommand(command: string): Promise<Advertised> {
    const advertiseAddr = (): Promise<string> => this.#run(command);
    try {
      await advertiseAddr();
    } catch (error) {
      this.#problem("MEMBERLIST_ADVERTISE", errorMessage(error));
    }
    return { advertiseAddr, addressCheckInterval: commandInterval };
  }

  /** @throws Error that shows neither the command nor its output, because each may contain a secret */
  async #run(command: string): Promise<string> {
    const { MEMBERLIST_KEY: _key, MEMBERLIST_HTTP_TOKEN: _token, ...env } = this.#env;
    const limits = { timeout: commandTimeout, stop: new AbortController().signal };
    let failure = "";
    const output = await withLimits(limits, (signal) => this.#host.runCommand(command, env, signal)).then(
      (text) => text.trim(),
      (error: unknown) => {
        failure = errnoOf(error) === "timeout" ? `it took longer than ${commandTimeout} ms` : "it failed";
        return "";
      },
    );
    if (failure !== "") {
      const advice = "Run it in the same environment to see the cause";
      throw new Error(`its command must print a literal IP and exit with code 0: ${failure}. ${advice}`);
    }
    if (isIp(output) && configRules.advertiseAddr.accepts(output)) return output;
    throw new Error("its command must print one literal IP that others can reach (not 0.0.0.0 or ::, no zone), and nothing else");
  }

  async #keyring(): Promise<Keyring | undefined> {
    const path = this.#get("MEMBERLIST_KEY_FILE");
    const key = this.#get("MEMBERLIST_KEY");
    if (path === undefined) return this.#try("MEMBERLIST_KEY", parseKeys);
    if (key !== undefined) {
      this.#problem("MEMBERLIST_KEY", "it excludes MEMBERLIST_KEY_FILE: set one of the two");
      return undefined;
    }
    let content: string;
    try {
      content = await this.#host.readTextFile(path);
    } catch (error) {
      // The message does not show the path, because the variable may contain the key itself.
      const reason = errnoOf(error) ?? "unknown error";
      this.#problem(
        "MEMBERLIST_KEY_FILE",
        `the file cannot be read (${reason}): it must be the path of a file that this user may read`,
      );
      return undefined;
    }
    return this.#try("MEMBERLIST_KEY_FILE", () => parseKeys(content));
  }
}
