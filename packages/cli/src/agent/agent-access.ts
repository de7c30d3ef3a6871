import { isIp, isLoopback } from "@memberlist/core/internal";
import type { Command } from "commander";
import { UsageError } from "../exit-codes.ts";
import { httpToken } from "./http-token.ts";

/** Options of the commands that send requests to agents. */
export interface AgentAccessFlags {
  readonly tokenFile?: string;
  readonly allowPlainHttp?: true;
}

/** Adds these options to a command. */
export function withAgentAccess(command: Command): Command {
  return command
    .option("--token-file <path>", "file with the agents' token (or set MEMBERLIST_HTTP_TOKEN)")
    .option("--allow-plain-http", "send the token over plain HTTP to other machines");
}

/**
 * Checks the URLs of agents, and reads their token.
 *
 * @returns undefined if no token is given
 * @throws UsageError if a URL is wrong, if the file cannot be read, or if the token would travel over plain HTTP to another machine
 */
export async function agentToken(urls: readonly string[], flags: AgentAccessFlags): Promise<string | undefined> {
  const agents = urls.map(parseAgentUrl);
  const token = await httpToken(flags.tokenFile);
  const exposed = agents.find(({ protocol, hostname }) => protocol !== "https:" && !isThisMachine(hostname));
  if (token === undefined || exposed === undefined || flags.allowPlainHttp === true) return token;
  throw new UsageError(
    `--agent ${exposed.origin}: plain HTTP would show the token (and keys) to the network. Use https, an SSH tunnel to the agent's loopback address, or --allow-plain-http on a trusted network`,
  );
}

function parseAgentUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol === "http:" || url?.protocol === "https:") return url;
  const meant = `http://${text}`;
  const example = !text.includes("://") && URL.canParse(meant) ? meant : "such as http://127.0.0.1:7980";
  throw new UsageError(`--agent: ${text} is not a URL: pass ${example}`);
}

/** @param hostname of a URL: IPv6 is in brackets */
function isThisMachine(hostname: string): boolean {
  const host = hostname.replace(/^\[(.*)\]$/, "$1");
  return host === "localhost" || (isIp(host) && isLoopback(host));
}
