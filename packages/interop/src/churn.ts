/** `pnpm churn`: topics and requests on real sockets, while processes are killed, restarted, and leave (churn/churn-run.ts). */
import { parseArgs } from "node:util";
import { ChurnRun, type ChurnResult } from "./churn/churn-run.ts";
import { churnKinds } from "./churn/kinds.ts";
import { arrivesWithin, sendsWithin, listedCodes } from "./churn/ledger.ts";

const usage = `usage: pnpm churn [--minutes 5] [--processes 20] [--rate 0.4] [--requests 1]

Runs members in a process each: Go, Node, Deno and Bun, some in threads, all encrypted and labelled. Each publishes in four topics and subscribes to three.
Those of this library also send and answer requests. The command kills and restarts one process after another, or makes its member leave. At the end each
live member must have:

  - received each message of its topics, including those from before its start, because the retention is longer than the run. The only exceptions
    are messages that no live member has, and whose publisher was killed or left within ${sendsWithin / 1_000} s after publishing them
  - received each message once, and those of one publisher and topic in order
  - the same retained value as all others, the same owners of keys in its ring, and the same leader

A killed process must have received each message before the newest one that it got, and each that was published ${arrivesWithin / 1_000} s or more before its end. A
request may fail only if one of the two members was killed or left meanwhile. Go programs publish and relay, but do not repair: for them only
duplicates count. The exit code is 1 if any of these rules is broken.

  --minutes <n>    duration (default: 5)
  --processes <n>  number of processes (default: 20)
  --rate <n>       messages of each process a second (default: 0.4)
  --requests <n>   requests of each process a second (default: 1)
  --interval <s>   seconds from one kill or leave to the next (default: 4)
  --help           this text
`;

const progress = (line: string): void => void process.stderr.write(`${line}\n`);

function numberOf(name: string, text: string, min: number, max: number): number {
  const number = Number(text);
  if (!(number >= min && number <= max)) throw new RangeError(`--${name} must be a number from ${min} to ${max}`);
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
    kinds: await churnKinds(progress),
    processes: numberOf("processes", values.processes, 4, 100),
    duration: 60_000 * numberOf("minutes", values.minutes, 0.1, 600),
    publishInterval: 1_000 / numberOf("rate", values.rate, 0.01, 100),
    requestInterval: 1_000 / numberOf("requests", values.requests, 0.01, 100),
    interval: 1_000 * numberOf("interval", values.interval, 0.1, 600),
    progress,
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
    `${published} messages were published, ${lostWithPublisher} of them lost with their publishers; ${delivered} deliveries at members of this library, ${deliveredAtGo} at Go programs`,
    `from publish to subscriber: median ${seconds(delays[0])} s, 99 % ${seconds(delays[1])} s, longest ${seconds(delays[2])} s`,
    `all members had all messages ${seconds(result.settledAfter)} s after the last one; those that ran at the end got ${result.repaired} by repair`,
    `${result.requests} requests, ${listedCodes(failedRequests)}`,
    ...violations.slice(0, 30).map((violation) => `VIOLATION: ${violation}`),
    violations.length === 0
      ? "ok: each message arrived once and in order; requests failed only if one of the two members was killed or left"
      : `FAILED: ${violations.length} violations`,
  ].join("\n");
}

try {
  await run();
} catch (error) {
  progress(error instanceof Error ? error.message : String(error));
  process.exitCode = 2;
}
