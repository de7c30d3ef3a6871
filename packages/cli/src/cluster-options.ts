import { readFile } from "node:fs/promises";
import process from "node:process";
import type { Keyring } from "@memberlist/core";
import { errorMessage, parseKeys } from "@memberlist/core/internal";
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
      "file with the cluster's keys in base64, one per line; the first key encrypts (or set MEMBERLIST_KEY_FILE or MEMBERLIST_KEY)",
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
  const { MEMBERLIST_KEY = "", MEMBERLIST_KEY_FILE = "", MEMBERLIST_LABEL = "" } = process.env;
  const isGiven = key !== undefined || keyFile !== undefined;
  return {
    keyring: await (isGiven
      ? readKeyring({ key, keyFile }, "--key", "--key-file")
      : readKeyring({ key: MEMBERLIST_KEY, keyFile: MEMBERLIST_KEY_FILE }, "MEMBERLIST_KEY", "MEMBERLIST_KEY_FILE")),
    label: label ?? MEMBERLIST_LABEL,
  };
}

/** @throws UsageError that names the source of the key and shows no part of it */
async function readKeyring(
  { key = "", keyFile = "" }: Pick<ClusterOptions, "key" | "keyFile">,
  keyName: string,
  fileName: string,
): Promise<Keyring | undefined> {
  if (key !== "" && keyFile !== "") throw new UsageError(`${keyName} and ${fileName} exclude each other: pass one of them`);
  if (key !== "") return readKeys(key, keyName);
  if (keyFile === "") return undefined;
  let content: string;
  try {
    content = await readFile(keyFile, "utf8");
  } catch (error) {
    throw new UsageError(`${fileName}: ${errorMessage(error)}`);
  }
  return readKeys(content, `${fileName} ${keyFile}`);
}

/** @throws UsageError that names the source */
function readKeys(content: string, source: string): Keyring {
  try {
    return parseKeys(content);
  } catch (error) {
    throw new UsageError(`${source}: ${errorMessage(error)}`);
  }
}
