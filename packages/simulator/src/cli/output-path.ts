import { accessSync, closeSync, constants, existsSync, mkdirSync, openSync, statSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { InvalidArgumentError } from "commander";

/** An option's folder for what a command writes at its end: made at once, so that no work is done in vain. */
export function outputFolder(text: string): string {
  writable(() => makeFolder(text));
  return text;
}

/** An option's file to which a command appends: opened once, for the same reason. */
export function outputFile(text: string): string {
  writable(() => closeSync(openSync(text, "a")));
  return text;
}

/** Makes a folder, and those above it. */
export function makeFolder(folder: string): void {
  // Not `recursive`: where the system refuses with ENOENT, as in /proc, Node 20 tries for ever.
  const missing: string[] = [];
  for (let at = resolve(folder); !existsSync(at); at = dirname(at)) missing.push(at);
  for (const at of missing.toReversed()) mkdirSync(at);
  if (!statSync(folder).isDirectory()) throw new Error(`${folder} is a file`);
  accessSync(folder, constants.W_OK);
}

function writable(attempt: () => void): void {
  try {
    attempt();
  } catch (error) {
    throw new InvalidArgumentError(`nothing can be written there: ${(error as Error).message}`);
  }
}
