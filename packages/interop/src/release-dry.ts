/**
 * `pnpm release:dry`: all steps of a release except the publication. Packs the packages, checks the tarballs, their licenses and their size, and uses
 * them in empty projects (../packed, and the first program of README.md). Ends with a table.
 */
import { cp, mkdir, mkdtemp, realpath, rm, stat, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runFirstProgram, type FirstProgram } from "./first-program.ts";
import { bundlers, checkBundles } from "./packed-bundles.ts";
import { checkLacks } from "./packed-lacks.ts";
import { contentProblems, packAll, say, sayAll, workspace, type Tarball } from "./packed-tarball.ts";
import { Figure, ReleaseChecks, type Check } from "./release-checks.ts";
import { checkLicenses } from "./release-licenses.ts";
import { fetchRuntime, runtimeIds, type RuntimeId } from "./runtimes.ts";
import { writeTestReport } from "./test-report.ts";

const linters = { publint: "publint@0.3.25", attw: "@arethetypeswrong/cli@0.18.5" } as const;
const nodeTypes = "@types/node@20.19.43";
const tsc = createRequire(join(workspace, "package.json")).resolve("typescript/bin/tsc");
const strict = { strict: true, skipLibCheck: false, module: "NodeNext", target: "ES2023" };
const web = { types: [], lib: ["ES2023", "DOM", "DOM.Iterable", "DOM.AsyncIterable", "ESNext.Disposable"] };

/** The longest time from an empty folder until the first program reports a member, in s. */
const firstProgramBudget = 120;

/** For the build of all packages on a busy machine, in ms. */
const buildTimeout = 1_200_000;

const checks = new ReleaseChecks((line) => void process.stderr.write(`${line}\n`));

/** Installs packages by npm in a new folder, as a user does. */
async function install(folder: string, ...packages: readonly string[]): Promise<void> {
  await mkdir(folder);
  await writeFile(join(folder, "package.json"), JSON.stringify({ name: "consumer", private: true, type: "module" }));
  await say(folder, "npm", "install", "--no-audit", "--no-fund", "--loglevel=error", ...packages);
}

/** A project with the tarballs and the programs of ../packed. */
async function project(folder: string, tarballs: readonly Tarball[], ...others: readonly string[]): Promise<void> {
  await install(folder, ...tarballs.map(({ file }) => file), ...others);
  await cp(join(workspace, "packages/interop/packed"), folder, { recursive: true });
}

async function compile(folder: string, name: string, files: readonly string[], options: object): Promise<void> {
  const config = join(folder, `tsconfig.${name}.json`);
  await writeFile(config, JSON.stringify({ compilerOptions: { ...strict, ...options }, files }));
  await say(folder, process.execPath, tsc, "-p", config);
}

async function runs(folder: string, id: RuntimeId, ...args: readonly string[]): Promise<void> {
  const program = await fetchRuntime(id, (line) => void process.stderr.write(`${line}\n`));
  const printed = await say(folder, program, ...args);
  if (printed !== "all is well\n") throw new Error(`it ended early, and printed: ${printed}`);
}

const cli = "node_modules/@memberlist/cli/dist/main.js";
const quietly = (): void => undefined;

async function packAndLint(temp: string): Promise<Tarball[]> {
  let tarballs: Tarball[] = [];
  await checks.step("build and pack")("the packages build, and can be packed", async () => {
    await sayAll(workspace, "npx", ["-y", "pnpm@12", "build"], buildTimeout);
    tarballs = await packAll(temp);
    const sizes = await Promise.all(tarballs.map(async ({ file }) => (await stat(file)).size));
    return new Figure(`${tarballs.length} tarballs, ${Math.round(sizes.reduce((sum, size) => sum + size) / 1024)} KiB`);
  });
  if (tarballs.length === 0) throw new Error("the other steps need the tarballs");
  for (const tarball of tarballs) {
    await checks.step("content")(`${tarball.name}: the content of its tarball`, async () => {
      const problems = contentProblems(tarball);
      if (problems.length > 0) throw new Error(problems.join("\n"));
    });
    await checks.step("publint")(`${tarball.name}: publint`, () =>
      say(temp, "npx", "-y", linters.publint, "--strict", tarball.file),
    );
    await checks.step("are the types wrong")(`${tarball.name}: are the types wrong`, () =>
      say(temp, "npx", "-y", linters.attw, tarball.file, "--profile", "esm-only"),
    );
  }
  return tarballs;
}

/** The first program of README.md, from an empty folder and an empty cache of npm, and on the other runtimes. */
async function checkFirstProgram(temp: string, tarballs: readonly Tarball[]): Promise<void> {
  const check = checks.step("first program");
  const filesOf = (...names: readonly string[]): string[] =>
    tarballs.filter(({ name }) => names.includes(name)).map(({ file }) => file);
  const [newcomer, others] = ["newcomer", "first-program"].map((name) => join(temp, name)) as [string, string];
  const node = "@memberlist/transport-node";
  const deno = "@memberlist/transport-deno";
  await check("npm installs the packages for README.md's first program, which joins a member on Node", async () => {
    const start = performance.now();
    const cache = `--cache=${join(temp, "npm-cache")}`;
    await install(newcomer, cache, ...filesOf("@memberlist/core", node));
    const installed = performance.now();
    await runFirstProgram({ folder: newcomer, file: "main.js", command: [process.execPath], transport: node });
    const seconds = (performance.now() - start) / 1000;
    const all = `install to first program ${seconds.toFixed(1)} s (npm ${((installed - start) / 1000).toFixed(1)} s)`;
    if (seconds > firstProgramBudget) throw new Error(`${all}, more than ${firstProgramBudget} s`);
    return new Figure(`${all} of ${firstProgramBudget} s`);
  });
  await check("npm installs the packages for README.md's first program on Deno and Bun", async () => {
    await install(others, ...filesOf("@memberlist/core", node, deno));
    await writeFile(join(others, "deno.json"), JSON.stringify({ nodeModulesDir: "manual", lock: false }));
  });
  const flags = ["--quiet", "--no-prompt", "--allow-net", "--allow-env=GOSSIP_KEY", "--unstable-net"] as const;
  const programs: readonly FirstProgram[] = [
    { folder: others, file: "main-bun.ts", command: [await fetchRuntime("bun", quietly)], transport: node },
    { folder: others, file: "main-deno.ts", command: [await fetchRuntime("deno", quietly), "run", ...flags], transport: deno },
  ];
  for (const one of programs) await check(`README.md's first program joins a member: ${one.file}`, () => runFirstProgram(one));
}

async function checkAll(temp: string): Promise<void> {
  const tarballs = await packAndLint(temp);
  await checkLicenses(tarballs, checks.step("licenses"));
  const size = checks.step("size");
  await checkFirstProgram(temp, tarballs);
  const [node, deno] = [join(temp, "node-project"), join(temp, "deno-project")];
  await checkNode(node, tarballs);
  await checkBundled(join(temp, "bundled-project"), tarballs, size);
  await checkBun(join(temp, "bun-project"), node, tarballs);
  await checkDeno(deno, node, tarballs);
  await checkLacks(node, deno, checks.step("limited runtimes"));
}

async function checkNode(node: string, tarballs: readonly Tarball[]): Promise<void> {
  const check = checks.step("projects");
  await check("npm installs them in an empty project for Node", () => project(node, tarballs, nodeTypes));
  await check("the types compile with the types of the web, without those of a runtime", async () => {
    await compile(node, "nodenext", ["types-only.ts"], { ...web, noEmit: true });
    const bundled = { module: "ESNext", moduleResolution: "bundler" };
    await compile(node, "bundler", ["types-only.ts"], { ...web, ...bundled, noEmit: true });
    await compile(node, "exact", ["types-only.ts"], { ...web, exactOptionalPropertyTypes: true, noEmit: true });
  });
  const programs = ["node-app.ts", "cli-app.ts", "bundle-app.ts", "few-files-app.ts", "denied-app.ts"];
  await check("applications type-check with @types/node", () =>
    compile(node, "app", programs, { types: ["node"], lib: ["ES2023"], rewriteRelativeImportExtensions: true }),
  );
  for (const id of runtimeIds.filter((one) => one.startsWith("node"))) {
    await check(`the application runs on ${id}`, () => runs(node, id, "node-app.js"));
    await check(`the command line runs on ${id}`, async () => runs(node, id, "cli-app.js", await fetchRuntime(id, quietly), cli));
  }
}

async function checkBundled(bundled: string, tarballs: readonly Tarball[], size: Check): Promise<void> {
  const check = checks.step("projects");
  await check("npm installs them with bundlers", () => project(bundled, tarballs, nodeTypes, ...bundlers));
  await check("an application to bundle type-checks", () =>
    compile(bundled, "bundle", ["bundle-app.ts"], { types: ["node"], lib: ["ES2023"], rewriteRelativeImportExtensions: true }),
  );
  await checkBundles(bundled, { check: checks.step("bundles"), size });
}

/** @param node the project that has the program which drives the command line */
async function checkBun(bun: string, node: string, tarballs: readonly Tarball[]): Promise<void> {
  const check = checks.step("projects");
  await check("npm installs them in an empty project for Bun", () => project(bun, tarballs));
  await check("the application runs on bun", () => runs(bun, "bun", "node-app.ts"));
  await check("the command line runs on bun", async () =>
    runs(node, "node20", "cli-app.js", await fetchRuntime("bun", quietly), cli),
  );
}

/** @param node as for {@link checkBun} */
async function checkDeno(deno: string, node: string, tarballs: readonly Tarball[]): Promise<void> {
  const check = checks.step("projects");
  await check("npm installs them in an empty project for Deno", async () => {
    // The application itself imports node:diagnostics_channel. The check above covers our types without those of a runtime.
    await project(deno, tarballs, nodeTypes);
    await writeFile(join(deno, "deno.json"), JSON.stringify({ nodeModulesDir: "manual", lock: false }));
  });
  await check("the application type-checks and runs on deno, with the permission for the network alone", () =>
    runs(deno, "deno", "run", "--quiet", "--check", "--no-prompt", "--allow-net", "--unstable-net", "deno-app.ts"),
  );
  await check("the application runs on deno with members in workers, with the permission to read them", () => {
    const read = "--allow-read=node_modules";
    return runs(deno, "deno", "run", "--quiet", "--no-prompt", "--allow-net", read, "--unstable-net", "deno-app.ts", "thread");
  });
  await check("the command line runs on deno", async () => {
    const program = [
      await fetchRuntime("deno", quietly),
      "run",
      "--quiet",
      "--no-prompt",
      "--allow-net",
      "--allow-env",
      "--allow-read",
    ];
    await runs(node, "node20", "cli-app.js", ...program, "--allow-sys", "--unstable-net", join(deno, "cli-deno.ts"));
  });
}

const temp = await realpath(await mkdtemp(join(tmpdir(), "memberlist-release-")));
try {
  await checkAll(temp);
} catch (error) {
  await checks.step("the rest")("all steps run", () => Promise.reject(error));
} finally {
  await rm(temp, { recursive: true, force: true });
}
process.stdout.write(`\n${checks.table()}release:dry: ${checks.passed} checks passed, ${checks.failed} failed\n`);
writeTestReport(checks.passed, checks.failed);
process.exitCode = checks.failed === 0 ? 0 : 1;
