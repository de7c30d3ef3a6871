import { readFile } from "node:fs/promises";
import process from "node:process";
import { decodeKey, Keyring } from "@memberlist/core";
import { errorMessage } from "@memberlist/core/internal";
import type { Command } from "commander";
import { UsageError } from "./exit-codes.ts";

/** Options for the key and the label of a cluster. */
export interface ClusterOptions {
  readonly key?: string;
  readonly keyFile?: string;
  readonly label?: string;
}

/** The keyring and the label of a cluster, as the core takes them. */
export interface ClusterAccess {
  readonly keyring: Keyring | undefined;
  readonly label: string;
}

/** Adds these options to a command. */
export function withClusterOptions(command: Command): Command {
  return command
    .option(
      "--key-file <path>",
      "file with the cluster's keys in base64, one per line; the first key encrypts (or set MEMBERLIST_KEY)",
    )
    .option("--key <base64>", "the key itself; other users of this machine can see it in the process list")
    .option("--label <label>", "the cluster's label (or set MEMBERLIST_LABEL)");
}

/**
 * Reads the key and the label from the options, else from the environment.
 *
 * @throws UsageError if a key cannot be read; the message shows no part of it
 */
export async function clusterAccess({ key, keyFile, label }: ClusterOptions): Promise<ClusterAccess> {
  const { MEMBERLIST_KEY = "", MEMBERLIST_LABEL = "" } = process.env;
  if (key !== undefined && keyFile !== undefined)
    throw new UsageError("--key and --key-file exclude each other: pass one of them");
  const lines = keyFile === undefined ? [key ?? MEMBERLIST_KEY].filter((text) => text !== "") : await readKeyFile(keyFile);
  const source = keyFile ?? (key === undefined ? "MEMBERLIST_KEY" : "--key");
  const keys = lines.map((text) => parseKey(text, source));
  const [primary, ...others] = keys;
  return { keyring: primary === undefined ? undefined : new Keyring(others, primary), label: label ?? MEMBERLIST_LABEL };
}

/** Reads the keys of a file. It skips empty lines and comments. */
async function readKeyFile(path: string): Promise<readonly string[]> {
  let content: string;
  try {
    content = await readFile(path, "utf8");
  } catch (error) {
    throw new UsageError(`--key-file: ${errorMessage(error)}`);
  }
  const lines = content.split("\n").map((line) => line.trim());
  const keys = lines.filter((line) => line !== "" && !line.startsWith("#"));
  if (keys.length === 0) throw new UsageError(`--key-file: ${path} contains no key`);
  return keys;
}

/** @throws UsageError that names the source of the key and shows no part of it */
function parseKey(text: string, source: string): Uint8Array {
  try {
    return decodeKey(text);
  } catch (error) {
    throw new UsageError(`${source}: ${errorMessage(error)}`);
  }
}
