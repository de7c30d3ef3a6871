import { parseArgs } from "node:util";

/** What the command line says. */
export interface DemoOptions {
  readonly help: boolean;
  readonly json: boolean;
  readonly keep: boolean;
  readonly agents: number;
  readonly noGo: boolean;
  /** The members of the Node agents run in threads. */
  readonly thread: boolean;
  /** Instead of a run: the addresses that one more agent joins. */
  readonly join: readonly string[];
  /** The name of that one more agent. */
  readonly name: string | undefined;
  /** All deadlines are multiplied by this. */
  readonly deadlineScale: number;
  /** The programs of the agents, as `start` or a test has built them. */
  readonly nodeProgram: string | undefined;
  readonly goProgram: string | undefined;
  /** The reason if the run has no Go peer. */
  readonly withoutGo: string | undefined;
}

/** At most 80 columns. */
export const usage: string = `npx -y pnpm@12 start [options]

Runs five memberlist agents on this machine, one of them the Go library where
Go is installed. They join, gossip, notice that one was killed, take it back,
and see one leave. Exits with 0, or with 1 and the step that failed.

  --keep              run the cluster until Ctrl-C, and print how to join it
  --json              one event a line on stdout
  --agents N          how many agents, 5 to 15 (default 5)
  --no-go             Node agents only
  --thread            run the members of the Node agents in worker threads
  --deadline-scale X  all deadlines times X, for a slow machine (default 1)
  --join ADDRESS      instead: one more agent for a kept cluster, until Ctrl-C
  --name NAME         the name of that one (default guest-<pid>)
  --help              this text

On a terminal it shows a live table, elsewhere lines. NO_COLOR=1: no colours.
`;

/** @throws TypeError or RangeError with what is wrong with the command line */
export function parseOptions(args: readonly string[]): DemoOptions {
  // `pnpm start -- --keep` hands the "--" on.
  const given = args[0] === "--" ? args.slice(1) : args;
  const { values } = parseArgs({
    args: [...given],
    strict: true,
    allowPositionals: false,
    options: {
      help: { type: "boolean", short: "h", default: false },
      json: { type: "boolean", default: false },
      keep: { type: "boolean", default: false },
      agents: { type: "string", default: "5" },
      "no-go": { type: "boolean", default: false },
      thread: { type: "boolean", default: false },
      join: { type: "string", multiple: true, default: [] },
      name: { type: "string" },
      "deadline-scale": { type: "string", default: "1" },
      "node-program": { type: "string" },
      "go-program": { type: "string" },
      "without-go": { type: "string" },
    },
  });
  const agents = Number(values.agents);
  if (!Number.isInteger(agents) || agents < 5 || agents > 15) throw new RangeError("--agents takes a number from 5 to 15");
  const deadlineScale = Number(values["deadline-scale"]);
  if (!(deadlineScale > 0 && deadlineScale <= 100)) throw new RangeError("--deadline-scale takes a number above 0, at most 100");
  return {
    help: values.help,
    json: values.json,
    keep: values.keep,
    agents,
    noGo: values["no-go"],
    thread: values.thread,
    join: values.join.flatMap((addresses) => addresses.split(",")).filter((address) => address !== ""),
    name: values.name,
    deadlineScale,
    nodeProgram: values["node-program"],
    goProgram: values["go-program"],
    withoutGo: values["without-go"],
  };
}

/** Returns the options; undefined for a wrong command line, after it has printed the mistake. */
export function optionsOf(args: readonly string[]): DemoOptions | undefined {
  try {
    return parseOptions(args);
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n--help lists the options\n`);
    return undefined;
  }
}
