import process from "node:process";
import { Option, type Command } from "commander";
import { agentToken, withAgentAccess, type AgentAccessFlags } from "../agent/agent-access.ts";
import { clusterAccess, withClusterOptions, type ClusterOptions } from "../cluster-options.ts";
import type { Runtime } from "../runtime.ts";
import type { Io } from "../terminal/io.ts";
import { collect, count, seconds } from "./values.ts";

interface DoctorFlags extends ClusterOptions, AgentAccessFlags {
  readonly json?: true;
  readonly duration: number;
  readonly timeout: number;
  readonly maxMembers: number;
  readonly agent?: readonly string[];
}

export function defineDoctor(root: Command, runtime: Runtime, io: Io): void {
  const command = root
    .command("doctor <seeds...>")
    .description("find problems of a cluster without joining: network, keys, labels, names, addresses, versions")
    .option("--json", "print JSON")
    .addOption(new Option("--duration <seconds>", "how long to ping each member").argParser(seconds).default(4_000, "4"))
    .addOption(new Option("--timeout <seconds>", "time limit of an exchange over TCP").argParser(seconds).default(5_000, "5"))
    .addOption(new Option("--max-members <count>", "examine at most this many members").argParser(count).default(200))
    .option(
      "--agent <url>",
      "also check clock, event loop, queues and drops of this agent (the URL of agent --http); may be repeated",
      collect,
    );
  withClusterOptions(withAgentAccess(command))
    .addHelpText(
      "after",
      `
Examples:
  memberlist doctor 10.0.0.5
  memberlist doctor 10.0.0.5 10.0.0.9 --key-file gossip.key   # also examine a member that the others do not list
  memberlist doctor 10.0.0.5 --json | jq '.findings[] | select(.severity == "error")'

Exit codes: 0 no problems, 5 warnings, 6 errors.`,
    )
    .action(async (seeds: readonly string[], flags: DoctorFlags) => {
      const { runDoctor } = await import("../commands/doctor.ts");
      const { duration, timeout, maxMembers, json = false, agent: agents = [] } = flags;
      const access = await clusterAccess(flags);
      const token = await agentToken(agents, flags);
      process.exitCode = await runDoctor({ ...access, seeds, duration, timeout, maxMembers, json, agents, token }, runtime, io);
    });
}
