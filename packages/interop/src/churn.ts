/** `pnpm churn`: topics and requests on real sockets, while processes are killed, restarted, and leave (churn/churn-run.ts). */
import { parseArgs } from "node:util";
import { ChurnRun, type ChurnResult } from "./churn/churn-run.ts";
import { churnKinds } from "./churn/kinds.ts";
import { arrivesWithin, leavesWithin, listedCodes } from "./churn/ledger.ts";

const usage = `usage: pnpm churn [--minutes 5] [--processes 20] [--rate 0.4] [--requests 1]

Members in a process each: Go, Node, Deno and Bun, some in threads, encrypted and labelled. Each publishes in four topics and subscribes to three, and ours
send requests and answer them. One process after the other is killed and restarted, or leaves and rejoins. At the end each live member must have:

  - each message of its topics, also those from before its start: the retention is longer than the run. Excepted are those whose
    publisher was killed or left within ${leavesWithin / 1_000} s, if no live member has them
  - each once, and those of one publisher and topic in their order
  - the same retained value as all others, the same owners of keys in its ring, and the same leader

Killed processes must have each message before the newest one that they got, and those that were published ${arrivesWithin / 1_000} s before. A request may fail only if
one of the two members was killed or left meanwhile. Go programs relay and publish, but repair nothing: for them only duplicates count.
Exit code 1 if any of this does not hold.

  --minutes <n>    how long (default: 5)
  --processes <n>  how many (default: 20)
  --rate <n>       messages a second of each (default: 0.4)
  --requests <n>   requests a second of each (default: 1)
  --interval <s>   seconds from one kill or leave to the next (default: 4)
  --help           this text
`;

const say = (line: string): void => void process.stderr.write(`${line}\n`);

function numberOf(name: string, text: string, min: number, max: number): number {
  const number = Number(text);
  if (!(number >= min && number <= max)) throw new RangeError(`--${name} is a number from ${min} to ${max}`);
  return number;
}

async function run(): Promise<void> {
  const { values } = parseArgs({
    args: process.argv.slice(2).filter((arg) => arg !== "--"),
    options: {
      minutes: { type: "string", default: "5" },
      processes: { type: "string", default: "20" },
      rate: { type: "string", default: "0.4" },
      requests: { type: "string", default: "1" },
      interval: { type: "string", default: "4" },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) {
    process.stdout.write(usage);
    return;
  }
  const stop = new AbortController();
  const interrupted = (): void => stop.abort(new Error("interrupted: no verdict"));
  process.once("SIGINT", interrupted).once("SIGTERM", interrupted);
  const result = await ChurnRun.run({
    kinds: await churnKinds(say),
    processes: numberOf("processes", values.processes, 4, 100),
    duration: 60_000 * numberOf("minutes", values.minutes, 0.1, 600),
    publishInterval: 1_000 / numberOf("rate", values.rate, 0.01, 100),
    requestInterval: 1_000 / numberOf("requests", values.requests, 0.01, 100),
    interval: 1_000 * numberOf("interval", values.interval, 0.1, 600),
    progress: say,
    signal: stop.signal,
  });
  process.stdout.write(`${report(result)}\n`);
  process.exitCode = result.violations.length === 0 ? 0 : 1;
}

function report(result: ChurnResult): string {
  const { delays, delivered, deliveredAtGo, failedRequests, kills, leaves, lostWithPublisher, published, violations } = result;
  const seconds = (ms: number): string => (ms / 1_000).toFixed(2);
  return [
    "",
    `${kills} processes were killed, ${leaves} members left, ${result.starts} processes were started`,
    `${published} messages were published, ${lostWithPublisher} of them lost with their publishers; ${delivered} deliveries at our members, ${deliveredAtGo} at Go programs`,
    `from publish to subscriber: median ${seconds(delays[0])} s, 99 % ${seconds(delays[1])} s, longest ${seconds(delays[2])} s`,
    `all members had all messages ${seconds(result.settledAfter)} s after the last one; repair brought ${result.repaired} to those that ran at the end`,
    `${result.requests} requests, ${listedCodes(failedRequests)}`,
    ...violations.slice(0, 30).map((violation) => `VIOLATION: ${violation}`),
    violations.length === 0
      ? "ok: nothing missed, nothing twice; requests failed only to members that were killed or had left"
      : `FAILED: ${violations.length} violations`,
  ].join("\n");
}

try {
  await run();
} catch (error) {
  say(error instanceof Error ? error.message : String(error));
  process.exitCode = 2;
}
