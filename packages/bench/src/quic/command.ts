import { writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import type { Command } from "commander";
import { createClusterCa, issueNodeCertificate } from "@memberlist/core/certificates";
import { fetchRuntime } from "@memberlist/interop";
import { wholeNumber } from "../../../simulator/src/cli/numbers.ts";
import { Progress } from "../../../simulator/src/cli/progress.ts";
import { figure, table } from "../../../simulator/src/cli/table.ts";
import { spread } from "../statistics.ts";
import { allCases, type Case, type Mode } from "../throughput/cases.ts";
import { findSetting } from "../throughput/measure.ts";
import { Pair, type Stretch } from "../throughput/pair.ts";
import type { Runtime } from "../throughput/runtimes.ts";
import type { Setting } from "../throughput/window-search.ts";

interface Contender {
  readonly title: string;
  readonly runtime: Runtime;
  readonly which: Case;
}

interface Row {
  readonly contender: Contender;
  readonly setting: Setting;
  readonly samples: Stretch[];
}

const durations = { warmup: 300, full: 700, eased: 0, attempt: 100 };

/** `pnpm bench quic`: Deno's members over QUIC beside those over UDP. */
export function addQuic(program: Command): void {
  program
    .command("quic")
    .description("members on Deno: QUIC beside UDP, plain and encrypted; medians of interleaved rounds")
    .option("--rounds <n>", "interleaved rounds", wholeNumber(1), 7)
    .action(async ({ rounds }: { rounds: number }) => {
      const contenders = await makeContenders();
      const progress = new Progress("bench quic", contenders.length * (rounds + 1));
      const rows: Row[] = [];
      for (const contender of contenders) {
        rows.push({ contender, setting: await findSetting(contender.runtime, contender.which, durations), samples: [] });
        progress.step();
      }
      for (let round = 0; round < rounds; round++) {
        for (const { contender, setting, samples } of rows) {
          samples.push(await sample(contender, setting));
          progress.step();
        }
      }
      process.stdout.write(`${report(rows)}\n`);
    });
}

async function makeContenders(): Promise<Contender[]> {
  const deno = await fetchRuntime("deno", (line) => process.stderr.write(`${line}\n`));
  const program = fileURLToPath(new URL("deno-program.mjs", import.meta.url));
  const credentials = await writeCredentials();
  const runtime = (...args: readonly string[]): Runtime => ({
    name: "deno",
    command: [deno, "run", "--no-config", "--allow-all", "--unstable-net", program, ...args],
    senders: [1],
  });
  const contender = (title: string, mode: Mode, made: Runtime): Contender => {
    const which = allCases().find((each) => each.size === 1400 && each.payload === "gossip" && each.mode === mode);
    if (which === undefined) throw new Error(`no case of mode ${mode}`);
    return { title, runtime: made, which };
  };
  return [
    contender("UDP", "plain", runtime()),
    contender("UDP, encrypted (AES-128-GCM)", "encrypted", runtime()),
    contender("QUIC", "plain", runtime(credentials)),
  ];
}

/** For the names that the two nodes have; next to their program. */
async function writeCredentials(): Promise<string> {
  const ca = await createClusterCa();
  const node = async (name: string): Promise<object> => ({ ca: ca.certificate, ...(await issueNodeCertificate(ca, { name })) });
  const file = fileURLToPath(new URL("quic-credentials.json", import.meta.url));
  await writeFile(file, JSON.stringify({ sender: await node("sender"), receiver: await node("receiver") }), { mode: 0o600 });
  return file;
}

async function sample({ runtime, which }: Contender, setting: Setting): Promise<Stretch> {
  const pair = await Pair.start(runtime, which);
  try {
    return await pair.send(setting, durations.full, durations.warmup);
  } finally {
    await pair.end();
  }
}

function report(rows: readonly Row[]): string {
  const rates = rows.map(({ samples }) => spread(samples.map(({ rate }) => rate)));
  const thousands = (value: number | undefined): string => Math.round(value ?? Number.NaN).toLocaleString("en");
  const total = (samples: readonly Stretch[], what: "sent" | "lost"): number =>
    samples.reduce((sum, each) => sum + each[what], 0);
  const lines = rows.map(({ contender, setting, samples }, index) => {
    const rate = rates[index];
    return [
      contender.title,
      `${thousands(rate?.median)} (${thousands(rate?.min)}-${thousands(rate?.max)})`,
      figure((rate?.median ?? Number.NaN) / (rates[0]?.median ?? Number.NaN), 2),
      figure(spread(samples.map(({ cpu }) => cpu)).median, 1),
      `${total(samples, "lost")} of ${total(samples, "sent").toLocaleString("en")}`,
      String(setting.window),
    ];
  });
  return table(["1,400-byte packets of gossip", "messages/s (range)", "x UDP", "µs CPU/packet", "lost", "window"], lines);
}
