import { readFile } from "node:fs/promises";
import process from "node:process";
import { errorMessage } from "@memberlist/core/internal";
import { UsageError } from "../exit-codes.ts";

/**
 * Reads the token of agents from the file, else from the environment.
 *
 * @returns undefined if neither has a token
 * @throws UsageError if the file cannot be read
 */
export async function httpToken(path: string | undefined): Promise<string | undefined> {
  if (path === undefined) return process.env["MEMBERLIST_HTTP_TOKEN"] || undefined;
  try {
    return (await readFile(path, "utf8")).trim();
  } catch (error) {
    throw new UsageError(`cannot read the token file: ${errorMessage(error)}`);
  }
}
