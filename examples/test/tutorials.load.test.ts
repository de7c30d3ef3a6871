import { execFile, spawn, type ChildProcessByStdio } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import { describe, expect, it, onTestFinished } from "vitest";
import { until } from "@memberlist/interop";
import { generateKey } from "@memberlist/transport-node";
import { bundle } from "../../scripts/bundle.mjs";
import { codeBlocks, type CodeBlock } from "../../scripts/markdown.mjs";

const limit = { timeout: 120_000 };

/** The text of a page, and its programs. A program that others of the page import has a name. */
function readPage(page: string): { text: string; programs: CodeBlock[] } {
  const text = readFileSync(new URL(`../../docs/${page}.md`, import.meta.url), "utf8");
  return { text, programs: codeBlocks(text) };
}

function newFolder(name: string): URL {
  const folder = new URL(`../bin/tutorials/${process.pid}/${name}/`, import.meta.url);
  mkdirSync(folder, { recursive: true });
  return folder;
}

/** Bundles one of the programs of a page, changed by `edit`. Returns the file to run. */
async function programOf(page: string, edit = (code: string): string => code, index = 0): Promise<string> {
  const code = readPage(page).programs[index]?.code ?? "";
  const name = page.replaceAll("/", "-");
  const folder = newFolder(name);
  writeFileSync(new URL(`${name}.ts`, folder), edit(code));
  const program = new URL(`${name}.test.mjs`, folder);
  await bundle(new URL(`${name}.ts`, folder), program);
  return fileURLToPath(program);
}

/** A process of a tutorial's program. */
class Process {
  readonly #child: ChildProcessByStdio<null, Readable, Readable>;
  #output = "";

  constructor(program: string, args: readonly string[], { env, cwd }: { env?: NodeJS.ProcessEnv; cwd?: string } = {}) {
    this.#child = spawn(process.execPath, [program, ...args], {
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, ...env },
      cwd,
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
  const first = new Process(program, ["web-1", "0"], { env });
  const [, seed = ""] = await first.says(/^listening on (\S+)/m);
  const second = new Process(program, ["web-2", "0", seed], { env });
  await second.says(/^new: web-1 \{ role: 'web', http: '8080' \}$/m);
  await first.says(/^new: web-2 /m);
  expect(await second.stop()).toBe(0);
  await first.says(/^gone: web-2 left$/m);

  const before = first.printed;
  const third = new Process(program, ["web-2", "0", seed], { env });
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
  const first = new Cache(program, ["cache-1", "0"]);
  const [, seed = ""] = await first.says(/join with (\S+)/);
  const others = ["cache-2", "cache-3"].map((name) => new Cache(program, [name, "0", seed]));
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
async function nodeTest(program: string): Promise<{ passed: number; failed: number; output: string }> {
  const args = ["--test", "--test-reporter=tap", program];
  const output = await new Promise<string>((resolve) => {
    // The exit code is 1 if a test failed.
    execFile(process.execPath, args, { timeout: 110_000 }, (_, stdout, stderr) => resolve(stdout + stderr));
  });
  const count = (kind: string): number => Number(new RegExp(`^# ${kind} (\\d+)`, "m").exec(output)?.[1] ?? Number.NaN);
  return { passed: count("pass"), failed: count("fail"), output };
}

it("agrees after a partition with all seeds of the tutorial", limit, async () => {
  const { passed, failed, output } = await nodeTest(await programOf("tutorials/partitions"));
  expect({ passed, failures: failed === 0 ? "" : output }).toEqual({ passed: 10, failures: "" });
});

it("finds the mistake that the tutorial makes", limit, async () => {
  const edit = (code: string): string =>
    code
      .replace("a.version > b.version || (a.version === b.version && a.author > b.author)", "a.version > b.version")
      .replace("seed <= 10", "seed <= 2");
  const { passed, failed } = await nodeTest(await programOf("tutorials/partitions", edit));
  expect({ passed, failed }).toEqual({ passed: 0, failed: 2 });
});

/** Writes the programs of the page about transports to a folder of their own, some of them replaced, and bundles one. */
async function transportProgram(folder: string, file: string, replaced: Readonly<Record<string, string>> = {}): Promise<string> {
  const to = newFolder(folder);
  for (const { name, code } of readPage("tutorials/transport").programs) {
    if (name !== undefined) writeFileSync(new URL(name, to), replaced[name] ?? code);
  }
  const program = new URL(`${file}.mjs`, to);
  await bundle(new URL(`${file}.ts`, to), program);
  return fileURLToPath(program);
}

describe.runIf(process.platform !== "win32")("the tutorial about transports", () => {
  it("passes the conformance suite, and fails it before and after as the page shows", limit, async () => {
    const { text, programs } = readPage("tutorials/transport");
    const suite = async (folder: string, replaced?: Readonly<Record<string, string>>): ReturnType<typeof nodeTest> =>
      nodeTest(await transportProgram(folder, "unix-transport.test", replaced));
    const codeOf = (file?: string): string => programs.find(({ name }) => name === file)?.code ?? "";
    const withoutPause = codeOf("unix-stream.ts").replace("    socket.pause();\n", "");
    const [empty, whole, broken] = await Promise.all([
      suite("empty", { "unix-transport.ts": codeOf() }),
      suite("whole"),
      suite("broken", { "unix-stream.ts": withoutPause }),
    ]);
    expect({ passed: whole.passed, failures: whole.failed === 0 ? "" : whole.output }).toEqual({
      passed: Number(/^# tests (\d+)$/m.exec(text)?.[1]),
      failures: "",
    });
    expect(text).toContain(`${empty.passed} of ${empty.passed + empty.failed} cases pass`);
    expect(broken.failed).toBe(3);
    const shown = [...text.matchAll(/^not ok .*$|^  error: .*$/gm)].map(([line]) => line);
    expect(shown).toHaveLength(4);
    for (const line of shown) expect(empty.output + broken.output).toContain(line);
  });

  it("runs two members, which report each other", limit, async () => {
    const program = await transportProgram("member", "member");
    const cwd = dirname(program);
    const one = new Process(program, ["one", "7001"], { cwd });
    await until(() => existsSync(join(cwd, "sockets/7001.sock")), { what: "the first listens", timeout: 30_000 });
    const two = new Process(program, ["two", "7002", "127.0.0.1:7001"], { cwd });
    await two.says(/^join one$/m);
    await one.says(/^join two$/m);
    expect(await two.stop()).toBe(0);
    await one.says(/^leave two$/m);
    expect(await one.stop()).toBe(0);
  });
});
