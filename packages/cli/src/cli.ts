import process from "node:process";
import { MemberlistError } from "@memberlist/core";
import { errorMessage } from "@memberlist/core/internal";
import { Command, CommanderError } from "commander";
import { defineAgent, defineMonitor } from "./definitions/agent.ts";
import { defineCompletions } from "./definitions/completions.ts";
import { defineDoctor } from "./definitions/doctor.ts";
import { defineKeys } from "./definitions/keys.ts";
import { defineMembers } from "./definitions/members.ts";
import { defineMessages, defineNetwork } from "./definitions/network.ts";
import { exitCodeOf, exitCodes } from "./exit-codes.ts";
import manifest from "../package.json" with { type: "json" };
import type { Runtime } from "./runtime.ts";
import { Io } from "./terminal/io.ts";

const exitCodeHelp = `
Exit codes: 0 success, 1 another failure, 2 wrong usage, 3 no answer, 4 refused (key, label, token or protocol),
5 doctor found warnings, 6 doctor found errors, 130 interrupted.`;

/** Parses the arguments, runs the command, and sets the process's exit code. Never throws. */
export async function runCli(args: readonly string[], runtime: Runtime): Promise<void> {
  const io = new Io();
  try {
    await program(runtime, io).parseAsync([...args], { from: "user" });
  } catch (error) {
    if (error instanceof CommanderError) {
      // Commander has already printed the error or the help.
      process.exitCode = error.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
      return;
    }
    const isUnresolved = error instanceof MemberlistError && error.code === "resolve_failed";
    io.error(`${errorMessage(error)}${isUnresolved ? ". Check the name, or pass an IP address" : ""}`);
    process.exitCode = exitCodeOf(error);
  }
}

function program(runtime: Runtime, io: Io): Command {
  const root = new Command("memberlist")
    .description("Inspect and operate memberlist clusters with members in Go (Serf and Consul included) and TypeScript.")
    .version(manifest.version, "--version", "print the version")
    .exitOverride()
    .showHelpAfterError("(--help shows the options and examples)")
    .configureHelp({ helpWidth: Math.min(io.columns, 100) })
    .addHelpText("after", exitCodeHelp);
  defineMembers(root, runtime, io);
  defineDoctor(root, runtime, io);
  defineNetwork(root, runtime, io);
  defineMessages(root, runtime, io);
  defineAgent(root, runtime, io);
  defineMonitor(root, runtime, io);
  defineKeys(root, io);
  defineCompletions(root, io);
  return root;
}
