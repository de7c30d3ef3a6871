import process from "node:process";
import { Option, type Command } from "commander";
import { clusterAccess, withClusterOptions, type ClusterOptions } from "../cluster-options.ts";
import { parseFilters } from "../filter.ts";
import type { Runtime } from "../runtime.ts";
import type { Io } from "../terminal/io.ts";
import { collect, seconds, watchSeconds } from "./values.ts";

interface MembersFlags extends ClusterOptions {
  readonly watch?: number | true;
  readonly json?: true;
  readonly filter?: readonly string[];
  readonly timeout: number;
}

export function defineMembers(root: Command, runtime: Runtime, io: Io): void {
  const command = root
    .command("members <seed>")
    .description("list the members that one member knows, without joining")
    .option("--watch [seconds]", "fetch the list again every 2 seconds, or after the given seconds, until Ctrl-C", watchSeconds)
    .option(
      "--filter <expression>",
      "show only members that match: web-*, state=alive, address=10.0.*, role=db (a tag), state!=left; may be repeated",
      collect,
    )
    .option("--json", "print JSON; with --watch, one changed member per line")
    .addOption(new Option("--timeout <seconds>", "time limit of a fetch").argParser(seconds).default(10_000, "10"));
  withClusterOptions(command)
    .addHelpText(
      "after",
      `
Examples:
  memberlist members 10.0.0.5                      # port 7946
  memberlist members web-1.internal:8301 --label shop --key-file gossip.key
  memberlist members 10.0.0.5 --watch --filter state!=left
  memberlist members 10.0.0.5 --json | jq -r '.members[] | select(.state == "alive") | .address'`,
    )
    .action(async (seed: string, flags: MembersFlags) => {
      const { showMembers } = await import("../commands/members.ts");
      const { watch, timeout, json = false } = flags;
      const filter = parseFilters(flags.filter ?? []);
      const access = await clusterAccess(flags);
      const request = { ...access, seed, filter, json, timeout, watch: watch === true ? 2_000 : watch };
      process.exitCode = await showMembers(request, runtime, io);
    });
}
