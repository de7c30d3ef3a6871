import process from "node:process";
import { errorMessage } from "@memberlist/core/internal";
import { Command, CommanderError, InvalidArgumentError, Option } from "commander";
import { clusterAccess, withClusterOptions, type ClusterOptions } from "./cluster-options.ts";
import { exitCodeOf, exitCodes } from "./exit-codes.ts";
import { parseFilters } from "./filter.ts";
import type { Runtime } from "./runtime.ts";
import { Io } from "./terminal/io.ts";

const exitCodeHelp = `
Exit codes: 0 success, 1 failed, 2 wrong use, 3 nobody answers, 4 refused (key, label or another protocol),
5 and 6 doctor has warnings or errors, 130 interrupted.`;

/** Parses the arguments, runs the command, and sets the process's exit code. Never throws. */
export async function runCli(args: readonly string[], runtime: Runtime): Promise<void> {
  const io = new Io();
  try {
    await program(runtime, io).parseAsync([...args], { from: "user" });
  } catch (error) {
    if (error instanceof CommanderError) {
      // Commander has printed what is wrong, or the help.
      process.exitCode = error.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
      return;
    }
    io.error(errorMessage(error));
    process.exitCode = exitCodeOf(error);
  }
}

function program(runtime: Runtime, io: Io): Command {
  const root = new Command("memberlist")
    .description("See and operate memberlist clusters: members in Go (Serf and Consul included) and TypeScript.")
    .exitOverride()
    .showHelpAfterError("(--help shows the options and examples)")
    .configureHelp({ helpWidth: Math.min(io.columns, 100) })
    .addHelpText("after", exitCodeHelp);
  membersCommand(root, runtime, io);
  doctorCommand(root, runtime, io);
  return root;
}

interface MembersFlags extends ClusterOptions {
  readonly watch?: number | true;
  readonly json?: true;
  readonly filter?: readonly string[];
  readonly timeout: number;
}

function membersCommand(root: Command, runtime: Runtime, io: Io): void {
  const command = root
    .command("members <seed>")
    .description("list the members that one member knows, without joining")
    .option("--watch [seconds]", "fetch again every 2 seconds, or as often as given, until Ctrl-C", seconds)
    .option("--filter <expression...>", "only members that fit: web-*, state=alive, address=10.0.*, role=db (a tag), state!=left")
    .option("--json", "machine-readable; with --watch one changed member a line")
    .addOption(new Option("--timeout <seconds>", "give up after so long").argParser(seconds).default(10_000, "10"));
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
      const { showMembers } = await import("./commands/members.ts");
      const { watch, timeout, json = false } = flags;
      const filter = parseFilters(flags.filter ?? []);
      const access = await clusterAccess(flags);
      const request = { ...access, seed, filter, json, timeout, watch: watch === true ? 2_000 : watch };
      process.exitCode = await showMembers(request, runtime, io);
    });
}

interface DoctorFlags extends ClusterOptions {
  readonly json?: true;
  readonly duration: number;
  readonly timeout: number;
  readonly maxMembers: number;
}

function doctorCommand(root: Command, runtime: Runtime, io: Io): void {
  const command = root
    .command("doctor <seeds...>")
    .description("find out what is wrong with a cluster, without joining: network, keys, labels, names, addresses, versions")
    .option("--json", "machine-readable")
    .addOption(new Option("--duration <seconds>", "ping each member for so long").argParser(seconds).default(4_000, "4"))
    .addOption(new Option("--timeout <seconds>", "of an exchange by TCP").argParser(seconds).default(5_000, "5"))
    .addOption(new Option("--max-members <count>", "examine at most so many members").argParser(count).default(200));
  withClusterOptions(command)
    .addHelpText(
      "after",
      `
Examples:
  memberlist doctor 10.0.0.5
  memberlist doctor 10.0.0.5 10.0.0.9 --key-file gossip.key   # a second seed: a member that the others do not list
  memberlist doctor 10.0.0.5 --json | jq '.findings[] | select(.severity == "error")'

Exit codes: 0 nothing is wrong, 5 warnings, 6 errors.`,
    )
    .action(async (seeds: readonly string[], flags: DoctorFlags) => {
      const { runDoctor } = await import("./commands/doctor.ts");
      const { duration, timeout, maxMembers, json = false } = flags;
      const access = await clusterAccess(flags);
      process.exitCode = await runDoctor({ ...access, seeds, duration, timeout, maxMembers, json }, runtime, io);
    });
}

function count(text: string): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value > 0) return value;
  throw new InvalidArgumentError("it must be a whole number above 0.");
}

/** A duration of the command line, in ms. */
function seconds(text: string): number {
  const value = Number(text);
  if (text.trim() !== "" && value > 0 && value <= 86_400) return value * 1_000;
  throw new InvalidArgumentError("it must be a number of seconds above 0.");
}
