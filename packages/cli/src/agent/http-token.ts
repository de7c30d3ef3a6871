import { readFile } from "node:fs/promises";
import process from "node:process";
import { errorMessage } from "@memberlist/core/internal";
import { UsageError } from "../exit-codes.ts";

/** The token of agents' status pages: of the file, else of the environment; undefined without either. */
export async function httpToken(path: string | undefined): Promise<string | undefined> {
  if (path === undefined) return process.env["MEMBERLIST_HTTP_TOKEN"] || undefined;
  try {
    return (await readFile(path, "utf8")).trim();
  } catch (error) {
    throw new UsageError(`the file with the token: ${errorMessage(error)}`);
  }
}
