import process from "node:process";
import { errorMessage, maxUserMsgBytes } from "@memberlist/core/internal";
import { InvalidArgumentError } from "commander";
import { UsageError } from "../exit-codes.ts";

/** Makes a parser of seconds that returns ms. */
function secondsFrom(least: number, advice: string = ""): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() !== "" && value >= least && value <= 86_400) return value * 1_000;
    throw new InvalidArgumentError(`it must be a number of seconds from ${least} to 86400.${advice}`);
  };
}

/** Parses a time limit. */
export const seconds: (text: string) => number = secondsFrom(0.001);
/** Parses the interval between two pings. Shorter intervals would flood the member. */
export const pingSeconds: (text: string) => number = secondsFrom(0.01);
/** Parses the interval between two fetches of the whole member list. Commander takes a seed after `--watch` as its value. */
export const watchSeconds: (text: string) => number = secondsFrom(0.1, " Put the seed before --watch, or pass --watch=2.");

/** Collects the values of an option that may be repeated. A variadic option would also take the arguments after it. */
export function collect(text: string, before: readonly string[] = []): readonly string[] {
  return [...before, text];
}

export function count(text: string): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value > 0) return value;
  throw new InvalidArgumentError("it must be a whole number above 0.");
}

/**
 * Returns the message of the command line; without one, all of standard input.
 *
 * @throws UsageError if standard input cannot be read, or exceeds the longest message
 */
export async function messageBytes(text: string | undefined): Promise<Uint8Array> {
  if (text !== undefined) return new TextEncoder().encode(text);
  const chunks: Uint8Array[] = [];
  let size = 0;
  try {
    for await (const chunk of process.stdin as AsyncIterable<Uint8Array>) {
      chunks.push(chunk);
      size += chunk.length;
      if (size > maxUserMsgBytes) break;
    }
  } catch (error) {
    throw new UsageError(`cannot read the message from standard input: ${errorMessage(error)}`);
  }
  if (size > maxUserMsgBytes)
    throw new UsageError(`standard input has more than the ${maxUserMsgBytes} bytes of the longest message`);
  return Buffer.concat(chunks);
}
