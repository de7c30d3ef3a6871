import process from "node:process";
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

/** Commands that run a member. */
export function defineAgent(root: Command, runtime: Runtime, io: Io): void {
  const command = root
    .command("agent [seeds...]")
    .description("run a member, and print what happens in the cluster; Ctrl-C leaves it")
    .addOption(
      new Option(
        "--config <path>",
        "JSON file with these options by their long names in camelCase; flags and the environment win",
      ),
    )
    .addOption(new Option("--name <name>", "unique in the cluster; default: the host's name").env("MEMBERLIST_NAME"))
    .addOption(new Option("--bind <address>", "IP, or IP:port, to listen on").env("MEMBERLIST_BIND").default("0.0.0.0:7946"))
    .addOption(new Option("--advertise <address>", "IP, or IP:port, that the others use").env("MEMBERLIST_ADVERTISE"))
    .addOption(new Option("--preset <preset>", "timing").choices(["lan", "wan", "local"]).default("lan").env("MEMBERLIST_PRESET"))
    .addOption(new Option("--meta <text>", "metadata, up to 512 bytes").env("MEMBERLIST_META"))
    .addOption(
      new Option(
        "--delegate-versions <min,max,current>",
        "of the application's protocol; default: those of the members that it joins",
      ),
    )
    .addOption(new Option("--store <path>", "file that keeps the member's state over restarts").env("MEMBERLIST_STORE"))
    .addOption(
      new Option("--http <address>", "serve the status page at IP:port; beyond loopback a token is needed").env(
        "MEMBERLIST_HTTP",
      ),
    )
    .option(
      "--http-token-file <path>",
      "file with the token of the status page, 16 characters or more (or set MEMBERLIST_HTTP_TOKEN)",
    )
    .addOption(
      new Option(
        "--event-handler <[events=]command>",
        "run a command on events, as Serf does: member-join,member-leave,member-failed,member-update,user; default: all; may be repeated",
      ).argParser(collect),
    )
    .option("--json", "one event a line as JSON");
  withClusterOptions(command)
    .addHelpText(
      "after",
      `
Examples:
  memberlist agent --name web-1 --bind 10.0.0.4 --key-file gossip.key 10.0.0.5 10.0.0.6
  memberlist agent 10.0.0.5 --http 127.0.0.1:7980             # status page: http://127.0.0.1:7980
  memberlist agent 10.0.0.5 --event-handler member-failed=./page-somebody.sh
  memberlist agent --config /etc/memberlist.json`,
    )
    .action(async (seeds: readonly string[], _flags: AgentFlags, self: Command) => {
      await applyConfigFile(self);
      const flags: AgentFlags = self.opts();
      const { runAgent } = await import("../agent/agent.ts");
      const request = await agentRequest(seeds.length > 0 ? seeds : (flags.seeds ?? []), flags);
      process.exitCode = await runAgent(request, runtime, io);
    });

  const monitor = root
    .command("monitor [seeds...]")
    .description("print what happens in a cluster, with causes: as an observer that joins it, or from a running agent over HTTP")
    .option("--agent <url>", "the status page of a running agent, instead of joining")
    .option("--logs", "with --agent: its log lines from level info on, too")
    .option("--name <name>", "of the observer; default: monitor-<host>-<pid>")
    .option("--json", "one event a line as JSON");
  withClusterOptions(withAgentAccess(monitor))
    .addHelpText(
      "after",
      "\nExamples:\n  memberlist monitor 10.0.0.5 --key-file gossip.key\n  memberlist monitor --agent http://127.0.0.1:7980",
    )
    .action(async (seeds: readonly string[], flags: MonitorFlags) => {
      const { agent, json = false, logs = false, name } = flags;
      if ((agent === undefined) === (seeds.length === 0)) throw new UsageError("pass either seeds or --agent");
      if (logs && agent === undefined) throw new UsageError("--logs needs --agent: an observer has only its own log");
      if (agent !== undefined) {
        const { monitorAgent } = await import("../agent/monitor-agent.ts");
        process.exitCode = await monitorAgent({ url: agent, token: await agentToken([agent], flags), json, logs }, io);
        return;
      }
      const { monitorCluster } = await import("../agent/agent.ts");
      process.exitCode = await monitorCluster({ ...(await clusterAccess(flags)), seeds, json, name }, runtime, io);
    });
}
