import { formatAddress, lanConfig, type Config, type EventStream, type Memberlist, type Node } from "@memberlist/core";
import { parseOptions, usage, type Options } from "./options.ts";
import type { Runtime } from "./runtime.ts";

/** A started member, and what an example does with it. */
export interface Member {
  readonly members: Memberlist;
  /** All changes since before the join; ends when the program is asked to end. */
  readonly events: EventStream;
  readonly options: Options;
}

/**
 * The life of every example: starts a member, joins, hands it to `use`, and leaves when that is over.
 *
 * @param config what the example adds to the config, out of the command line
 */
export async function runMember(
  runtime: Runtime,
  config: (options: Options) => Partial<Config>,
  use: (member: Member) => Promise<void>,
): Promise<void> {
  const options = parseOptions(runtime.args);
  if (options.help) {
    print(usage);
    return;
  }
  const { name, bindAddr, bindPort, seeds } = options;
  const members = await runtime.createMemberlist({ ...lanConfig(), name, bindAddr, bindPort, ...config(options) });
  try {
    const events = members.events({ signal: runtime.stop });
    print(`${name} is there; others join it with --join ${addressOf(members.localNode())}`);
    if (seeds.length > 0) await members.join(seeds, { signal: runtime.stop });
    await use({ members, events, options });
    // Without this the others would find out by probing, and take it for a failure.
    await members.leave();
  } finally {
    await members.shutdown();
  }
}

export function addressOf({ addr, port }: Node): string {
  return formatAddress({ host: addr, port });
}

/** A line on stdout. Names and texts come from others: no control character of theirs reaches the terminal. */
export function print(line: string): void {
  for (const part of line.split("\n")) console.log(part.replaceAll(/\p{Cc}/gu, "?"));
}
