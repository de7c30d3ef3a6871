import type { StatusDocument } from "@memberlist/status";
import { formatDuration } from "@memberlist/status/internal";
import { agentFetch } from "../agent/agent-fetch.ts";
import { inParallel } from "../parallel.ts";
import type { Finding } from "./finding.ts";

/** The status of an agent at one time. */
interface AgentLook {
  readonly document: StatusDocument;
  /** The agent's clock minus ours, in ms, with an error of at most `uncertainty`. */
  readonly clockOffset: number;
  readonly uncertainty: number;
}

/** The status of an agent before and after the examination, or the error. */
export interface AgentCheck {
  readonly url: string;
  readonly looks?: readonly [AgentLook, AgentLook];
  readonly error?: string;
}

/** Clocks may differ by this, in ms. */
const clockTolerance = 1_000;
/** While two nodes share a name, an agent reports it again within this time, in ms: push/pulls are 30 s apart. */
const conflictInterval = 120_000;
/** Queues with fewer entries are not reported. */
const longQueue = 100;

/** Reads the status of each agent before and after `meanwhile`. */
export async function examineAgents<T>(
  urls: readonly string[],
  token: string | undefined,
  meanwhile: () => Promise<T>,
): Promise<readonly [readonly AgentCheck[], T]> {
  const look = (): Promise<readonly (AgentLook | Error)[]> => inParallel(urls, 16, (url) => lookAt(url, token));
  const before = await look();
  const result = await meanwhile();
  const after = await look();
  const checks = urls.map((url, i): AgentCheck => {
    const [first, second] = [before[i], after[i]];
    if (first === undefined || first instanceof Error) return { url, error: first?.message };
    if (second === undefined || second instanceof Error) return { url, error: second?.message };
    return { url, looks: [first, second] };
  });
  return [checks, result];
}

async function lookAt(url: string, token: string | undefined): Promise<AgentLook | Error> {
  try {
    const sentAt = Date.now();
    const response = await agentFetch(url, "", token, {
      headers: { accept: "application/json" },
      signal: AbortSignal.timeout(10_000),
    });
    const document = (await response.json()) as StatusDocument;
    const receivedAt = Date.now();
    return { document, clockOffset: document.at - (sentAt + receivedAt) / 2, uncertainty: (receivedAt - sentAt) / 2 };
  } catch (error) {
    return error as Error;
  }
}

/** Finds the problems that an agent reports about itself. */
export function diagnoseAgent({ url, looks, error }: AgentCheck): readonly Finding[] {
  if (looks === undefined) {
    const advice = "check the URL, and that the agent runs with --http; pass its token by --token-file";
    return [{ code: "agent_unreachable", severity: "warning", about: [url], message: error ?? `${url} does not answer`, advice }];
  }
  const [before, after] = looks;
  const { name } = after.document.node;
  const warn = (code: string, message: string, advice: string): Finding => ({
    code,
    severity: "warning",
    about: [name],
    message,
    advice,
  });
  return [
    ...clockFindings(after, name, warn),
    ...lagFindings(before, after, name, warn),
    ...queueFindings(before, after, name, warn),
    ...dropFindings(before, after, name, warn),
    ...conflictFindings(before, after, name),
  ];
}

type Warn = (code: string, message: string, advice: string) => Finding;

function clockFindings({ clockOffset, uncertainty }: AgentLook, name: string, warn: Warn): readonly Finding[] {
  if (Math.abs(clockOffset) <= clockTolerance + uncertainty) return [];
  const direction = clockOffset > 0 ? "ahead of" : "behind";
  const message = `the clock of ${name} is ${(Math.abs(clockOffset) / 1_000).toFixed(1)} s ${direction} this machine's`;
  return [
    warn("clock_differs", message, "synchronise the clocks by NTP: certificates and the order of log lines depend on them"),
  ];
}

function lagFindings(before: AgentLook, after: AgentLook, name: string, warn: Warn): readonly Finding[] {
  const count = countOf(after, "event_loop_blocked") - countOf(before, "event_loop_blocked");
  const { healthScore } = after.document.node;
  return [
    ...(count > 0
      ? [
          warn(
            "event_loop_blocked",
            `the event loop of ${name} was blocked ${count} times during the examination`,
            "find the code that blocks its event loop, or give it more CPU",
          ),
        ]
      : []),
    ...(healthScore > 0
      ? [
          warn(
            "health_score",
            `${name} has the health score ${healthScore}: its own probes are late or fail`,
            "check its CPU and its network: a healthy member has 0",
          ),
        ]
      : []),
  ];
}

function queueFindings(before: AgentLook, after: AgentLook, name: string, warn: Warn): readonly Finding[] {
  return (["membership", "user", "received"] as const).flatMap((queue) => {
    const [first, second] = [before.document.queues[queue], after.document.queues[queue]];
    if (second < longQueue || second <= first) return [];
    return [
      warn(
        "queue_grows",
        `the ${queue} queue of ${name} grew from ${first} to ${second}`,
        "broadcast less often, or find the member that sends so much",
      ),
    ];
  });
}

/** Finds messages that the agent dropped during the examination, such as for another key or label: their sender does not belong to this cluster. */
function dropFindings(before: AgentLook, after: AgentLook, name: string, warn: Warn): readonly Finding[] {
  const grown = Object.entries(after.document.counters)
    .filter(([counter]) => /^(?:stream_)?dropped\.(?!ping_for_other_node|name_conflict|channel_duplicate|event$)/.test(counter))
    .map(([counter, count]) => [counter, count - countOf(before, counter)] as const)
    .filter(([, count]) => count > 0);
  if (grown.length === 0) return [];
  const list = grown.map(([counter, count]) => `${counter} ${count}`).join(", ");
  return [
    warn(
      "messages_dropped",
      `${name} dropped messages during the examination: ${list}`,
      "docs/reference/codes.md explains each counter; the log of the member names the senders",
    ),
  ];
}

/** Reports a name conflict as an error only while it lasts: agents also remember conflicts that have ended. */
function conflictFindings(before: AgentLook, { document }: AgentLook, name: string): readonly Finding[] {
  const conflicts = document.events.filter((event) => event.type === "conflict");
  const last = conflicts.at(-1);
  if (last === undefined) return [];
  const age = document.at - last.at;
  const severity = last.at >= before.document.at ? "error" : age <= conflictInterval ? "warning" : "info";
  const when = `at ${new Date(last.at).toISOString()}${severity === "error" ? "" : `, ${formatDuration(age)} ago`}`;
  const message = `${name} saw two nodes with the name ${last.node.name} ${when}: ${last.node.address} and ${last.other.address}`;
  const advice =
    severity === "info"
      ? "do nothing if one of them was stopped or renamed: the conflict has not been seen since"
      : "give one of them another name: names must be unique in a cluster";
  return [{ code: "duplicate_name", severity, about: [last.node.name], message, advice }];
}

function countOf({ document }: AgentLook, counter: string): number {
  return document.counters[counter] ?? 0;
}
