/**
 * Measures the cost of metrics and diagnostics channels: the size of bundles, the CPU time of a message (sent, received, delivered) and of an idle
 * member's second, in virtual time.
 *
 * `node scripts/run.mjs packages/bench/src/observability-program.ts [checkout]`. The folder of an older commit, with its dependencies installed, is
 * measured as `before`. `--sizes` prints the sizes alone.
 */
import { execFile } from "node:child_process";
import * as channels from "node:diagnostics_channel";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { parseArgs, promisify } from "node:util";
import { build, type BuildOptions } from "esbuild";
import { lanConfig, createMemberlist, type Config, type Memberlist, type Metrics } from "@memberlist/core";
import { createInstrumented } from "@memberlist/core/internal";
import * as testing from "@memberlist/core/testing";
import { openTelemetryMetrics } from "@memberlist/opentelemetry";
import { prometheusMetrics } from "@memberlist/prometheus";

type Core = typeof testing & { readonly createMemberlist: typeof createMemberlist };

interface Figures {
  /** Microseconds of CPU time. */
  readonly message: number;
  readonly idleSecond: number;
}

const workspace = fileURLToPath(new URL("../../../", import.meta.url));
const rounds = 15;
const messages = 60_000;
const idleMembers = 5;
const idleSeconds = 1_200;
const operations = ["join", "pushPull", "probe", "ping", "sendReliable", "delegate"];
const events = ["sendBestEffort", "packetSent", "packetReceived", "drop"];

const ignoreMetrics: Metrics = { increment: ignore, gauge: ignore, sample: ignore };
const variants: Readonly<Record<string, () => Partial<Config>>> = {
  off: () => ({}),
  "own collector": () => ({ metrics: ignoreMetrics }),
  prometheus: () => ({ metrics: prometheusMetrics() }),
  "prometheus, histograms": () => ({ metrics: prometheusMetrics({ samples: "histogram" }) }),
  "OpenTelemetry without an SDK": () => ({ metrics: openTelemetryMetrics() }),
  "all channels": () => {
    for (const name of operations) {
      channels
        .tracingChannel(`memberlist:${name}`)
        .subscribe({ start: ignore, end: ignore, asyncStart: ignore, asyncEnd: ignore, error: ignore });
    }
    for (const name of events) channels.subscribe(`memberlist:${name}`, ignore);
    return {};
  },
};

function ignore(): void {
  // The cheapest collector.
}

async function measure(core: Core, config: Partial<Config>, start: (config: Config) => Promise<Memberlist>): Promise<Figures> {
  const clock = new core.VirtualClock();
  const random = new core.SeededRandom(1);
  const network = new core.MemoryNetwork({ clock, random });
  let received = 0;
  const delegate = { notifyMsg: () => void received++ };
  const nodes: Memberlist[] = [];
  for (let i = 0; i < idleMembers; i++) {
    const base = { ...lanConfig(), name: `node-${i}`, transport: network.transport(), clock, random: random.fork(), delegate };
    nodes.push(await start({ ...base, coalesceMessages: false, enableCompression: false, ...config }));
  }
  const [a, b] = nodes as [Memberlist, Memberlist];
  const { addr, port } = a.localNode();
  for (const node of nodes.slice(1)) await clock.settle(node.join([`${addr}:${port}`]), { limit: 60_000 });
  await clock.advance(5_000);
  const message = new Uint8Array(100);
  const send = async (count: number): Promise<void> => {
    for (let i = 0; i < count; i += 100) {
      for (let j = 0; j < 100; j++) a.sendBestEffort(b.localNode(), message);
      await clock.advance(5);
    }
  };
  await send(messages / 4);
  received = 0;
  let begun = process.cpuUsage();
  await send(messages);
  const perMessage = spent(begun) / messages;
  if (received !== messages) throw new Error(`${received} of ${messages} messages arrived`);
  await clock.advance(60_000);
  begun = process.cpuUsage();
  await clock.advance(idleSeconds * 1_000);
  const perSecond = spent(begun) / idleSeconds / idleMembers;
  for (const node of nodes) await node.shutdown();
  return { message: perMessage, idleSecond: perSecond };
}

/** In microseconds. */
function spent(since: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(since);
  return user + system;
}

async function runVariant(name: string, bundle: string): Promise<void> {
  if (name === "before") {
    const core = (await import(pathToFileURL(bundle).href)) as Core;
    process.stdout.write(JSON.stringify(await measure(core, {}, core.createMemberlist)));
    return;
  }
  const core = { ...testing, createMemberlist };
  const config = variants[name]?.() ?? {};
  const started = (own: Config): Promise<Memberlist> => createInstrumented(own, { diagnostics: channels });
  process.stdout.write(JSON.stringify(await measure(core, config, started)));
}

const bundling = {
  bundle: true,
  format: "esm",
  platform: "node",
  conditions: ["@memberlist/source"],
  logLevel: "error",
} satisfies BuildOptions;

/** Prints the bytes of minified bundles with all their dependencies. Piscina stays outside: it is loaded for long messages alone. */
async function printSizes(name: string, checkout: string): Promise<void> {
  for (const entry of ["memberlist/src/index.ts", "transport-node/src/index.ts"]) {
    const entryPoints = [join(checkout, "packages", entry)];
    const { outputFiles } = await build({ ...bundling, entryPoints, minify: true, write: false, external: ["piscina"] });
    process.stdout.write(`${name}: ${entry}: ${outputFiles[0]?.contents.length} bytes\n`);
  }
}

/** The core of a checkout and its testing tools, in one file. */
async function bundleCore(checkout: string, outfile: string): Promise<void> {
  const contents = 'export * from "./index.ts"; export * from "./testing/index.ts";';
  await build({ ...bundling, stdin: { contents, resolveDir: join(checkout, "packages/memberlist/src") }, outfile });
}

/**
 * Runs each variant in a process of its own, in turns, so that a busy machine disturbs all variants alike. The smallest figure is the one that it disturbed least.
 */
async function printCosts(names: readonly string[], bundle: string): Promise<void> {
  const found = new Map<string, Figures[]>(names.map((name) => [name, []]));
  const self = fileURLToPath(import.meta.url);
  for (let round = 0; round < rounds; round++) {
    for (const name of names) {
      const { stdout } = await promisify(execFile)(process.execPath, [self, "--variant", name, bundle]);
      found.get(name)?.push(JSON.parse(stdout) as Figures);
    }
  }
  const base = names[0] ?? "";
  for (const key of ["message", "idleSecond"] as const) {
    process.stdout.write(`${key}: CPU time in us, the least of ${rounds}, and its ratio to ${base}\n`);
    const least = (name: string): number => Math.min(...(found.get(name) ?? []).map((figures) => figures[key]));
    for (const name of names) {
      const ratio = least(name) / least(base);
      process.stdout.write(`  ${name.padEnd(30)} ${least(name).toFixed(2).padStart(8)} ${ratio.toFixed(3).padStart(7)}\n`);
    }
  }
}

async function compare(checkout: string | undefined, sizesOnly: boolean): Promise<void> {
  const before = checkout === undefined ? undefined : resolve(checkout);
  if (before !== undefined) await printSizes("before", before);
  await printSizes("now", workspace);
  if (sizesOnly) return;
  const folder = await mkdtemp(join(tmpdir(), "memberlist-observability-"));
  try {
    const bundle = join(folder, "before.mjs");
    if (before !== undefined) await bundleCore(before, bundle);
    await printCosts([...(before === undefined ? [] : ["before"]), ...Object.keys(variants)], bundle);
  } finally {
    await rm(folder, { recursive: true });
  }
}

const { values, positionals } = parseArgs({
  options: { variant: { type: "string" }, sizes: { type: "boolean", default: false } },
  allowPositionals: true,
});
if (values.variant === undefined) await compare(positionals[0], values.sizes);
else await runVariant(values.variant, positionals[0] ?? "");
