import process from "node:process";
import { Option, type Command } from "commander";
import { clusterAccess, withClusterOptions, type ClusterOptions } from "../cluster-options.ts";
import type { Runtime } from "../runtime.ts";
import type { Io } from "../terminal/io.ts";
import { count, messageBytes, pingSeconds, seconds } from "./values.ts";

interface PingFlags extends ClusterOptions {
  readonly count: number;
  readonly interval: number;
  readonly json?: true;
}

interface SendFlags extends ClusterOptions {
  readonly bestEffort?: true;
  readonly timeout: number;
}

/** Defines the commands that send pings without joining. */
export function defineNetwork(root: Command, runtime: Runtime, io: Io): void {
  const pingOptions = (command: Command, times: number, interval: number): Command =>
    withClusterOptions(
      command
        .addOption(new Option("--count <count>", "number of pings").argParser(count).default(times))
        .addOption(
          new Option("--interval <seconds>", "time between two pings")
            .argParser(pingSeconds)
            .default(interval, String(interval / 1_000)),
        )
        .option("--json", "print JSON"),
    );
  pingOptions(root.command("ping <address>").description("ping one member over UDP, without joining"), 4, 1_000)
    .addHelpText(
      "after",
      "\nExamples:\n  memberlist ping 10.0.0.5\n  memberlist ping web-1/10.0.0.5:7946   # only a node of this name answers",
    )
    .action(async (address: string, flags: PingFlags) => {
      const { pingOne } = await import("../commands/ping.ts");
      const { interval, json = false } = flags;
      process.exitCode = await pingOne(
        { ...(await clusterAccess(flags)), address, count: flags.count, interval, json },
        runtime,
        io,
      );
    });
  pingOptions(
    root.command("rtt <seed>").description("measure the round-trip times to all members over UDP, without joining"),
    5,
    200,
  )
    .addHelpText("after", "\nExample:\n  memberlist rtt 10.0.0.5 --count 20")
    .action(async (seed: string, flags: PingFlags) => {
      const { pingAll } = await import("../commands/ping.ts");
      const { interval, json = false } = flags;
      process.exitCode = await pingAll(
        { ...(await clusterAccess(flags)), address: seed, count: flags.count, interval, json },
        runtime,
        io,
      );
    });
  const reachability = root
    .command("reachability <seed>")
    .description("find out which members reach which over UDP, without joining")
    .option("--json", "print JSON");
  withClusterOptions(reachability)
    .addHelpText("after", "\nExample:\n  memberlist reachability 10.0.0.5")
    .action(async (seed: string, flags: ClusterOptions & { readonly json?: true }) => {
      const { showReachability } = await import("../commands/reachability.ts");
      process.exitCode = await showReachability(
        { ...(await clusterAccess(flags)), seed, json: flags.json ?? false },
        runtime,
        io,
      );
    });
}

/** Defines the commands that send messages without joining. */
export function defineMessages(root: Command, runtime: Runtime, io: Io): void {
  const sendOptions = (command: Command): Command =>
    withClusterOptions(
      command
        .option("--best-effort", "send one UDP packet instead of a TCP stream; it may be lost")
        .addOption(new Option("--timeout <seconds>", "time limit of each send").argParser(seconds).default(10_000, "10")),
    );
  const send = async (seed: string, member: string | undefined, text: string | undefined, flags: SendFlags): Promise<void> => {
    const { sendMessage } = await import("../commands/send.ts");
    const { timeout, bestEffort = false } = flags;
    const access = await clusterAccess(flags);
    const message = await messageBytes(text);
    process.exitCode = await sendMessage({ ...access, seed, member, message, timeout, bestEffort }, runtime, io);
  };
  sendOptions(
    root
      .command("send <seed> <member> [message]")
      .description("send a user message to one member without joining; without [message] it reads standard input"),
  )
    .addHelpText(
      "after",
      '\nExamples:\n  memberlist send 10.0.0.5 web-1 "reload"\n  cat dump.bin | memberlist send 10.0.0.5 web-1',
    )
    .action(send);
  sendOptions(
    root.command("broadcast <seed> [message]").description("send a user message directly to every alive member, without joining"),
  )
    .addHelpText("after", '\nExample:\n  memberlist broadcast 10.0.0.5 "flush caches"')
    .action((seed: string, message: string | undefined, flags: SendFlags) => send(seed, undefined, message, flags));
}
