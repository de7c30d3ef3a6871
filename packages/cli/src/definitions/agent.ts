import process from "node:process";
import { presetNames } from "@memberlist/core/internal";
import { Option, type Command } from "commander";
import { agentRequest, applyConfigFile, type AgentFlags } from "../agent/agent-options.ts";
import { agentToken, withAgentAccess, type AgentAccessFlags } from "../agent/agent-access.ts";
import { clusterAccess, withClusterOptions, type ClusterOptions } from "../cluster-options.ts";
import type { Runtime } from "../runtime.ts";
import type { Io } from "../terminal/io.ts";
import { UsageError } from "../exit-codes.ts";
import { collect } from "./values.ts";

interface MonitorFlags extends ClusterOptions, AgentAccessFlags {
  readonly agent?: string;
  readonly json?: true;
  readonly logs?: true;
  readonly name?: string;
}

/** Defines the command that runs a member. */
export function defineAgent(root: Command, runtime: Runtime, io: Io): void {
  const command = root
    .command("agent [seeds...]")
    .description("run a member and print the events of the cluster; Ctrl-C leaves the cluster")
    .addOption(
      new Option(
        "--config <path>",
        "JSON file with these options (long names in camelCase); flags and environment variables override it",
      ),
    )
    .addOption(
      new Option("--name <name>", "name of the member, unique in the cluster; default: POD_NAME, or the host name").env(
        "MEMBERLIST_NAME",
      ),
    )
    .addOption(new Option("--bind <address>", "IP or IP:port to listen on").env("MEMBERLIST_BIND").default("0.0.0.0:7946"))
    .addOption(
      new Option("--advertise <address>", "IP, IP:port, interface, or command:<command>, that other members use").env(
        "MEMBERLIST_ADVERTISE",
      ),
    )
    .addOption(
      new Option("--preset <preset>", "timeouts and intervals for this kind of network")
        .choices(presetNames)
        .default("lan")
        .env("MEMBERLIST_PRESET"),
    )
    .addOption(new Option("--meta <text>", "metadata, up to 512 bytes").env("MEMBERLIST_META"))
    .addOption(new Option("--tags <tags>", "tags as metadata, in the format of Serf: role=web,zone=eu-1").env("MEMBERLIST_TAGS"))
    .addOption(
      new Option(
        "--delegate-versions <min,max,current>",
        "versions of the delegate protocol; default: versions that the joined members accept",
      ),
    )
    .addOption(new Option("--store <path>", "file that keeps the state of the member across restarts").env("MEMBERLIST_STORE"))
    .option("--thread", "run the member in a thread, which answers other members while this program is busy")
    .addOption(
      new Option("--http <address>", "serve the status page at IP:port; an address beyond loopback needs a token").env(
        "MEMBERLIST_HTTP",
      ),
    )
    .option(
      "--http-token-file <path>",
      "file with the token of the status page, at least 16 characters (or set MEMBERLIST_HTTP_TOKEN)",
    )
    .addOption(
      new Option(
        "--event-handler <[events=]command>",
        "run a command on events, as Serf does: member-join,member-leave,member-failed,member-update,user; default: all; may be repeated",
      ).argParser(collect),
    )
    .option("--json", "print one JSON event per line");
  withClusterOptions(command)
    .addHelpText(
      "after",
      `
Examples:
  memberlist agent --name web-1 --bind 10.0.0.4 --key-file gossip.key 10.0.0.5 10.0.0.6
  memberlist agent 10.0.0.5 --http 127.0.0.1:7980             # status page: http://127.0.0.1:7980
  memberlist agent 10.0.0.5 --event-handler member-failed=./notify.sh
  memberlist agent --config /etc/memberlist.json`,
    )
    .action(async (seeds: readonly string[], _flags: AgentFlags, self: Command) => {
      await applyConfigFile(self);
      const flags: AgentFlags = self.opts();
      const { runAgent } = await import("../agent/agent.ts");
      const request = await agentRequest(seeds, flags, runtime);
      process.exitCode = await runAgent(request, runtime, io);
    });
}

/** Defines the command that prints the events of a cluster. */
export function defineMonitor(root: Command, runtime: Runtime, io: Io): void {
  const monitor = root
    .command("monitor [seeds...]")
    .description("print the events of a cluster with their causes, as an observer that joins, or from a running agent")
    .option("--agent <url>", "do not join: read the events of this agent (the URL of agent --http)")
    .option("--logs", "with --agent: print log lines of level info and above, too")
    .option("--name <name>", "name of the observer; default: monitor-<host>-<pid>")
    .option("--json", "print one JSON event per line");
  withClusterOptions(withAgentAccess(monitor))
    .addHelpText(
      "after",
      "\nExamples:\n  memberlist monitor 10.0.0.5 --key-file gossip.key\n  memberlist monitor --agent http://127.0.0.1:7980",
    )
    .action(async (seeds: readonly string[], flags: MonitorFlags) => {
      const { agent, json = false, logs = false, name } = flags;
      if ((agent === undefined) === (seeds.length === 0)) throw new UsageError("pass either seeds or --agent");
      if (logs && agent === undefined) throw new UsageError("--logs needs --agent: an observer could print only its own log");
      if (agent !== undefined) {
        const { monitorAgent } = await import("../agent/monitor-agent.ts");
        process.exitCode = await monitorAgent({ url: agent, token: await agentToken([agent], flags), json, logs }, io);
        return;
      }
      const { monitorCluster } = await import("../agent/agent.ts");
      process.exitCode = await monitorCluster({ ...(await clusterAccess(flags)), seeds, json, name }, runtime, io);
    });
}
