import { exec } from "node:child_process";
import { readFile } from "node:fs/promises";
import { hostname } from "node:os";
import process from "node:process";
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

/** The longest output of the command of MEMBERLIST_ADVERTISE, in bytes. */
const outputMax = 4_096;
const stopSignals: readonly StopSignal[] = ["SIGINT", "SIGTERM"];

const nodeEnvironment: EnvironmentHost = {
  interfaces: thisMachine,
  hostname,
  readTextFile: (path) => readFile(path, "utf8"),
  runCommand: (command, env, signal) =>
    new Promise((resolve, reject) => {
      exec(command, { env, signal, killSignal: "SIGKILL", maxBuffer: outputMax, windowsHide: true }, (error, stdout) => {
        if (error === null) resolve(stdout);
        else reject(error);
      });
    }),
  fileStore,
};

const nodeSignals: SignalHost = {
  onSignal(listener) {
    const heard = (name: NodeJS.Signals): void => listener(name as StopSignal);
    for (const name of stopSignals) process.on(name, heard);
    return () => {
      for (const name of stopSignals) process.off(name, heard);
    };
  },
  exit: (code) => process.exit(code),
};

/**
 * A config and seeds from environment variables: MEMBERLIST_NAME, MEMBERLIST_SEEDS, MEMBERLIST_KEY_FILE and others.
 * docs/guide/deploying.md describes each variable. No other function reads the environment.
 *
 * @param env default: `process.env`
 * @throws ConfigError `invalid_config` with one issue for each variable that is wrong, missing, or begins with `MEMBERLIST_` and is unknown. It
 *   names the variables and what to do, and shows no value
 *
 * @example
 * const { config, seeds } = await configFromEnv();
 * const members = await createMemberlist(config);
 * await runUntilSignal(members, { seeds });
 */
export function configFromEnv(env: Environment = process.env, options: EnvironmentOptions = {}): Promise<EnvironmentConfig> {
  return readEnvironment(env, nodeEnvironment, options);
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
  return runUntilStopped(members, options, nodeSignals);
}
