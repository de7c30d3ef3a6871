import process from "node:process";
import { Option, type Command } from "commander";
import { generateKey } from "@memberlist/core";
import { agentToken, withAgentAccess, type AgentAccessFlags } from "../agent/agent-access.ts";
import type { KeysCommandRequest } from "../commands/keys.ts";
import { collect } from "./values.ts";
import type { Io } from "../terminal/io.ts";

interface KeysFlags extends AgentAccessFlags {
  readonly agent: readonly string[];
}

interface RotateFlags extends KeysFlags {
  readonly newKeyFile: string;
  readonly partial?: true;
  readonly yes?: true;
}

/** Defines the commands for keys. */
export function defineKeys(root: Command, io: Io): void {
  root
    .command("keygen")
    .description("make a key for a cluster")
    .addOption(new Option("--bytes <size>", "16 (AES-128), 24 or 32 (AES-256)").choices(["16", "24", "32"]).default("32"))
    .addHelpText("after", "\nExample:\n  (umask 077; memberlist keygen > gossip.key)")
    .action(({ bytes }: { readonly bytes: string }) => io.line(generateKey(Number(bytes) as 16 | 24 | 32)));
  const keys = root.command("keys").description("list and rotate the keys of running agents over HTTP");
  const withAgents = (command: Command): Command =>
    withAgentAccess(command.requiredOption("--agent <url>", "URL of an agent (agent --http); repeat it for each agent", collect));
  withAgents(keys.command("list").description("list the fingerprints of each agent's keys")).action(async (flags: KeysFlags) => {
    const { listKeys } = await import("../commands/keys.ts");
    process.exitCode = await listKeys(await request(flags), io);
  });
  withAgents(
    keys.command("rotate").description("replace the key of a running cluster step by step; after a failure, run it again"),
  )
    .requiredOption("--new-key-file <path>", "file with the new key; created if it does not exist")
    .option("--partial", "continue although some members have no --agent")
    .option("--yes", "do not ask between the steps")
    .addHelpText(
      "after",
      `
Example:
  memberlist keys rotate --agent http://127.0.0.1:7980 --agent http://127.0.0.1:7981 --token-file token --new-key-file new.key`,
    )
    .action(async (flags: RotateFlags) => {
      const { rotateKeys } = await import("../commands/keys.ts");
      const { newKeyFile, partial = false, yes = false } = flags;
      process.exitCode = await rotateKeys({ ...(await request(flags)), newKeyFile, partial, yes }, io);
    });
}

async function request(flags: KeysFlags): Promise<KeysCommandRequest> {
  return { agents: flags.agent, token: await agentToken(flags.agent, flags) };
}
