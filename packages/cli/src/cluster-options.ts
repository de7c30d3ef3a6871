import { readFile } from "node:fs/promises";
import process from "node:process";
import { decodeKey, Keyring } from "@memberlist/core";
import { errorMessage } from "@memberlist/core/internal";
import type { Command } from "commander";
import { UsageError } from "./exit-codes.ts";

/** The options that say which cluster is meant. */
export interface ClusterOptions {
  readonly key?: string;
  readonly keyFile?: string;
  readonly label?: string;
}

/** What the core needs of them. */
export interface ClusterAccess {
  readonly keyring: Keyring | undefined;
  readonly label: string;
}

/** Adds them to a command. */
export function withClusterOptions(command: Command): Command {
  return command
    .option("--key-file <path>", "file with the cluster's key in base64, one a line; the first encrypts (or set MEMBERLIST_KEY)")
    .option("--key <base64>", "the key itself: other users of this machine can see it in the list of processes")
    .option("--label <label>", "the cluster's label (or set MEMBERLIST_LABEL)");
}

/** @throws UsageError for a key that cannot be read; the message shows none of it */
export async function clusterAccess({ key, keyFile, label }: ClusterOptions): Promise<ClusterAccess> {
  const { MEMBERLIST_KEY = "", MEMBERLIST_LABEL = "" } = process.env;
  if (key !== undefined && keyFile !== undefined) throw new UsageError("--key and --key-file exclude each other");
  const lines = keyFile === undefined ? [key ?? MEMBERLIST_KEY].filter((text) => text !== "") : await readKeyFile(keyFile);
  const source = keyFile ?? (key === undefined ? "MEMBERLIST_KEY" : "--key");
  const keys = lines.map((text) => parseKey(text, source));
  const [primary, ...others] = keys;
  return { keyring: primary === undefined ? undefined : new Keyring(others, primary), label: label ?? MEMBERLIST_LABEL };
}

/** The lines of a key file, without empty ones and comments. */
async function readKeyFile(path: string): Promise<readonly string[]> {
  let content: string;
  try {
    content = await readFile(path, "utf8");
  } catch (error) {
    throw new UsageError(`--key-file: ${errorMessage(error)}`);
  }
  const lines = content.split("\n").map((line) => line.trim());
  const keys = lines.filter((line) => line !== "" && !line.startsWith("#"));
  if (keys.length === 0) throw new UsageError(`--key-file: ${path} has no key`);
  return keys;
}

/** @throws UsageError that names where the key is from, and shows none of it */
function parseKey(text: string, source: string): Uint8Array {
  try {
    return decodeKey(text);
  } catch (error) {
    throw new UsageError(`${source}: ${errorMessage(error)}`);
  }
}
