import { readFileSync } from "node:fs";
import { errorMessage } from "@memberlist/core/internal";
import { InvalidArgumentError } from "commander";
import { UsageError } from "../exit-codes.ts";

/** A duration of the command line, in ms. */
export function seconds(text: string): number {
  const value = Number(text);
  if (text.trim() !== "" && value > 0 && value <= 86_400) return value * 1_000;
  throw new InvalidArgumentError("it must be a number of seconds above 0.");
}

/** For an option that may be given several times: a variadic one would take the arguments that follow it, too. */
export function collect(text: string, before: readonly string[] = []): readonly string[] {
  return [...before, text];
}

export function count(text: string): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value > 0) return value;
  throw new InvalidArgumentError("it must be a whole number above 0.");
}

/** A message of the command line; from standard input if there is none. */
export function messageBytes(text: string | undefined): Uint8Array {
  if (text !== undefined) return new TextEncoder().encode(text);
  try {
    return new Uint8Array(readFileSync(0));
  } catch (error) {
    throw new UsageError(`no message was given, and standard input cannot be read: ${errorMessage(error)}`);
  }
}
