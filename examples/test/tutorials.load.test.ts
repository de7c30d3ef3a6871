import { spawn, spawnSync, type ChildProcessByStdio } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import type { Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import { expect, it, onTestFinished } from "vitest";
import { until } from "@memberlist/interop";
import { generateKey } from "@memberlist/transport-node";
import { bundle } from "../../scripts/bundle.mjs";

const limit = { timeout: 120_000 };

/** Bundles one of the programs of a page, changed by `edit`. Returns the file to run. */
async function programOf(page: string, edit = (code: string): string => code, index = 0): Promise<string> {
  const text = readFileSync(new URL(`../../docs/${page}.md`, import.meta.url), "utf8");
  const code = [...text.matchAll(/```ts\n([\s\S]*?)```/g)][index]?.[1] ?? "";
  const folder = new URL(`../bin/tutorials/${process.pid}/`, import.meta.url);
  mkdirSync(folder, { recursive: true });
  const name = page.replaceAll("/", "-");
  writeFileSync(new URL(`${name}.ts`, folder), edit(code));
  const program = new URL(`${name}.test.mjs`, folder);
  await bundle(new URL(`${name}.ts`, folder), program);
  return fileURLToPath(program);
}

/** A process of a tutorial's program. */
class Process {
  readonly #child: ChildProcessByStdio<null, Readable, Readable>;
  #output = "";

  constructor(program: string, name: string, seeds: readonly string[], env: NodeJS.ProcessEnv = {}) {
    this.#child = spawn(process.execPath, [program, name, "0", ...seeds], {
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, ...env },
    });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream.setEncoding("utf8").on("data", (text: string) => void (this.#output += text));
    }
    onTestFinished(() => void this.#child.kill("SIGKILL"));
  }

  /** How much the process has printed so far. */
  get printed(): number {
    return this.#output.length;
  }

  /** Waits until the output matches, without its first `from` characters. */
  async says(text: RegExp, from = 0): Promise<RegExpExecArray> {
    return until(() => text.exec(this.#output.slice(from)), { what: String(text), timeout: 30_000, details: () => this.#output });
  }

  kill(): void {
    this.#child.kill("SIGKILL");
  }

  /** Returns the exit code. */
  stop(): Promise<number | null> {
    this.#child.kill("SIGTERM");
    return new Promise((resolve) => this.#child.once("close", resolve));
  }
}

/** A process of the sharded cache. */
class Cache extends Process {
  /** Fetches a path, such as a key. */
  async fetch(path: string): Promise<Response> {
    const [, url = ""] = await this.says(/^(http:\S+) join with/m);
    return fetch(`${url}${path}`);
  }

  async get(key: string): Promise<string> {
    return (await (await this.fetch(key)).text()).trimEnd();
  }
}

it("reports joins, leaves and failures with the service of the first page", limit, async () => {
  const program = await programOf("guide/first-service", undefined, 1);
  const env = { GOSSIP_KEY: generateKey() };
  const first = new Process(program, "web-1", [], env);
  const [, seed = ""] = await first.says(/^listening on (\S+)/m);
  const second = new Process(program, "web-2", [seed], env);
  await second.says(/^new: web-1 \{ role: 'web', http: '8080' \}$/m);
  await first.says(/^new: web-2 /m);
  expect(await second.stop()).toBe(0);
  await first.says(/^gone: web-2 left$/m);

  const before = first.printed;
  const third = new Process(program, "web-2", [seed], env);
  await first.says(/^new: web-2 /m, before);
  third.kill();
  await first.says(/^gone: web-2 suspicion_timeout$/m, before);
  expect(await first.stop()).toBe(0);
});

function loaderIn(answer = ""): string {
  return /, loaded by (\S+)$/.exec(answer)?.[1] ?? "";
}

it("shares a cache among three processes, and gives the keys of one that fails to the others", limit, async () => {
  const program = await programOf("tutorials/sharded-cache");
  const first = new Cache(program, "cache-1", []);
  const [, seed = ""] = await first.says(/join with (\S+)/);
  const others = ["cache-2", "cache-3"].map((name) => new Cache(program, name, [seed]));
  const all = [first, ...others] as [Cache, Cache, Cache];
  for (const cache of all) await cache.says(/caches: cache-1 cache-2 cache-3;/);
  // Not a key; and the process goes on.
  expect((await first.fetch("%")).status).toBe(500);

  const keys = Array.from({ length: 30 }, (_, i) => `user-${i}`);
  const loaders = new Map<string, string>();
  for (const key of keys) {
    const answers = await Promise.all(all.map((cache) => cache.get(key)));
    expect(new Set(answers).size).toBe(1);
    loaders.set(key, loaderIn(answers[0]));
  }
  expect(new Set(loaders.values())).toEqual(new Set(["cache-1", "cache-2", "cache-3"]));

  const later = new Map<string, string>();
  const before = all.map(({ printed }) => printed);
  all[2].kill();
  for (const [i, cache] of all.slice(0, 2).entries()) await cache.says(/caches: cache-1 cache-2;/, before[i]);
  for (const key of keys) {
    const answers = await Promise.all(all.slice(0, 2).map((cache) => cache.get(key)));
    expect(new Set(answers).size).toBe(1);
    later.set(key, loaderIn(answers[0]));
  }
  // The other two keep their keys.
  expect(keys.filter((key) => loaders.get(key) !== "cache-3" && later.get(key) !== loaders.get(key))).toEqual([]);
  expect(new Set(later.values())).toEqual(new Set(["cache-1", "cache-2"]));
  expect(await all[1].stop()).toBe(0);
  await first.says(/caches: cache-1;/);
});

/** Runs a program under `node --test`. Returns the numbers of tests that passed and failed, and the output. */
function nodeTest(program: string): { passed: number; failed: number; output: string } {
  const { stdout, stderr } = spawnSync(process.execPath, ["--test", "--test-reporter=tap", program], {
    encoding: "utf8",
    timeout: 110_000,
  });
  const count = (kind: string): number => Number(new RegExp(`^# ${kind} (\\d+)`, "m").exec(stdout)?.[1] ?? Number.NaN);
  return { passed: count("pass"), failed: count("fail"), output: stdout + stderr };
}

it("agrees after a partition with all seeds of the tutorial", limit, async () => {
  const { passed, failed, output } = nodeTest(await programOf("tutorials/partitions"));
  expect({ passed, failures: failed === 0 ? "" : output }).toEqual({ passed: 10, failures: "" });
});

it("finds the mistake that the tutorial makes", limit, async () => {
  const edit = (code: string): string =>
    code
      .replace("a.version > b.version || (a.version === b.version && a.author > b.author)", "a.version > b.version")
      .replace("seed <= 10", "seed <= 2");
  const { passed, failed } = nodeTest(await programOf("tutorials/partitions", edit));
  expect({ passed, failed }).toEqual({ passed: 0, failed: 2 });
});
