/** `pnpm packed`: what `pnpm pack` makes of the packages, judged by linters, and used in projects that have nothing else (../packed). */
import { cp, mkdir, mkdtemp, realpath, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { bundlers, checkBundles } from "./packed-bundles.ts";
import { checkLacks } from "./packed-lacks.ts";
import { contentProblems, packAll, say, workspace, type Tarball } from "./packed-tarball.ts";
import { fetchRuntime, runtimeIds, type RuntimeId } from "./runtimes.ts";
import { writeTestReport } from "./test-report.ts";

const linters = { publint: "publint@0.3.25", attw: "@arethetypeswrong/cli@0.18.5" } as const;
const nodeTypes = "@types/node@20.19.43";
const tsc = createRequire(join(workspace, "package.json")).resolve("typescript/bin/tsc");
const strict = { strict: true, skipLibCheck: false, module: "NodeNext", target: "ES2023" };
const web = { types: [], lib: ["ES2023", "DOM", "DOM.Iterable", "DOM.AsyncIterable", "ESNext.Disposable"] };

let passed = 0;
let failed = 0;

async function check(what: string, act: () => Promise<unknown>): Promise<void> {
  try {
    await act();
    passed++;
    process.stderr.write(`ok: ${what}\n`);
  } catch (error) {
    failed++;
    process.stderr.write(`NOT OK: ${what}\n${error instanceof Error ? error.message : String(error)}\n`);
  }
}

/** A folder with the tarballs installed by npm as somebody else does it, and the programs of ../packed. */
async function project(folder: string, tarballs: readonly Tarball[], ...others: readonly string[]): Promise<void> {
  await mkdir(folder);
  await writeFile(join(folder, "package.json"), JSON.stringify({ name: "consumer", private: true, type: "module" }));
  const install = ["install", "--no-audit", "--no-fund", "--loglevel=error"];
  await say(folder, "npm", ...install, ...tarballs.map(({ file }) => file), ...others);
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

async function checkAll(temp: string): Promise<void> {
  process.stderr.write("building and packing\n");
  await say(workspace, "npx", "-y", "pnpm@12", "build");
  const tarballs = await packAll(temp);
  for (const tarball of tarballs) {
    await check(`${tarball.name}: the content of its tarball`, async () => {
      const problems = contentProblems(tarball);
      if (problems.length > 0) throw new Error(problems.join("\n"));
    });
    await check(`${tarball.name}: publint`, () => say(temp, "npx", "-y", linters.publint, "--strict", tarball.file));
    await check(`${tarball.name}: are the types wrong`, () =>
      say(temp, "npx", "-y", linters.attw, tarball.file, "--profile", "esm-only"),
    );
  }

  const [node, bun, deno] = ["node", "bun", "deno"].map((name) => join(temp, `${name}-project`)) as [string, string, string];
  await check("npm installs them in an empty project for Node", () => project(node, tarballs, nodeTypes));
  await check("the types need the web's, and no runtime's", async () => {
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
  const bundled = join(temp, "bundled-project");
  await check("npm installs them with bundlers", () => project(bundled, tarballs, nodeTypes, ...bundlers));
  await check("an application to bundle type-checks", () =>
    compile(bundled, "bundle", ["bundle-app.ts"], { types: ["node"], lib: ["ES2023"], rewriteRelativeImportExtensions: true }),
  );
  await checkBundles(bundled, check);
  await check("npm installs them in an empty project for Bun", () => project(bun, tarballs));
  await check("the application runs on bun", () => runs(bun, "bun", "node-app.ts"));
  await check("the command line runs on bun", async () =>
    runs(node, "node20", "cli-app.js", await fetchRuntime("bun", quietly), cli),
  );
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
  await checkLacks(node, deno, check);
}

const temp = await realpath(await mkdtemp(join(tmpdir(), "memberlist-packed-")));
try {
  await checkAll(temp);
} catch (error) {
  failed++;
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
} finally {
  await rm(temp, { recursive: true, force: true });
}
process.stdout.write(`packed packages: ${passed} checks passed, ${failed} failed\n`);
writeTestReport(passed, failed);
process.exitCode = failed === 0 ? 0 : 1;
