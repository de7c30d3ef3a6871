import type { Memberlist } from "@memberlist/core";
import {
  readEnvironment,
  runUntilStopped,
  type Environment,
  type EnvironmentConfig,
  type EnvironmentHost,
  type EnvironmentOptions,
  type RunOptions,
  type SignalHost,
  type StopSignal,
} from "@memberlist/core/internal";
import { fileStore } from "./file-store.ts";
import { thisMachine } from "./this-machine.ts";

/** Deno has no SIGTERM on Windows. */
const stopSignals: readonly StopSignal[] = Deno.build.os === "windows" ? ["SIGINT"] : ["SIGINT", "SIGTERM"];

const denoEnvironment: EnvironmentHost = {
  interfaces: thisMachine,
  hostname: () => Deno.hostname(),
  readTextFile: (path) => Deno.readTextFile(path),
  async runCommand(command, env, signal) {
    const given = Object.entries(env).filter((entry): entry is [string, string] => entry[1] !== undefined);
    const options = { args: ["-c", command], clearEnv: true, env: Object.fromEntries(given), signal };
    const { success, stdout } = await new Deno.Command("sh", { ...options, stdin: "null", stderr: "null" }).output();
    if (!success) throw new Error("the command failed");
    return new TextDecoder().decode(stdout);
  },
  fileStore,
};

const denoSignals: SignalHost = {
  onSignal(listener) {
    const listeners = stopSignals.map((name) => ({ name, heard: () => listener(name) }));
    for (const { name, heard } of listeners) Deno.addSignalListener(name, heard);
    return () => {
      for (const { name, heard } of listeners) Deno.removeSignalListener(name, heard);
    };
  },
  exit: (code) => Deno.exit(code),
};

/**
 * A config and seeds from environment variables: MEMBERLIST_NAME, MEMBERLIST_SEEDS, MEMBERLIST_KEY_FILE and others.
 * docs/guide/deploying.md describes each variable. No other function reads the environment.
 *
 * Permissions: `--allow-env`; `--allow-sys=hostname` without MEMBERLIST_NAME and POD_NAME; `--allow-read` for MEMBERLIST_KEY_FILE;
 * `--allow-sys=networkInterfaces` for an interface, and `--allow-run=sh` for a command, in MEMBERLIST_ADVERTISE.
 *
 * @param env default: the process's
 * @throws ConfigError `invalid_config` with one issue for each variable that is wrong, missing, or begins with `MEMBERLIST_` and is unknown. It
 *   names the variables and what to do, and shows no value
 *
 * @example
 * const { config, seeds } = await configFromEnv();
 * const members = await createMemberlist(config);
 * await runUntilSignal(members, { seeds });
 */
export async function configFromEnv(
  env: Environment = Deno.env.toObject(),
  options: EnvironmentOptions = {},
): Promise<EnvironmentConfig> {
  return readEnvironment(env, denoEnvironment, options);
}

/**
 * Runs a member until SIGTERM or SIGINT (Ctrl-C), then leaves and shuts down: within 10 s, unless the options say otherwise. A second signal
 * (half a second or more after the first) ends the process at once. With `seeds` it joins, and tries again while none of them answers.
 *
 * @returns the signal; undefined if `options.signal`, or a shutdown by other code, ended the run
 * @throws JoinError if seeds refuse this member, such as for another key (after the leave and the shutdown)
 * @throws MemberlistError `invalid_argument`; `timeout` if the shutdown takes too long
 */
export function runUntilSignal(members: Memberlist, options: RunOptions = {}): Promise<StopSignal | undefined> {
  return runUntilStopped(members, options, denoSignals);
}
