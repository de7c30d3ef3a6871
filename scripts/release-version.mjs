// `pnpm release:version`: raises the version of all packages by the changesets, and moves their sentences into CHANGELOG.md. `changeset version` would
// write a changelog for each package, though all have the same version. For each feature of the core it would also raise the major version of the packages
// that have it as a peer.
import { spawnSync } from "node:child_process";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { publishedPackages } from "./workspace.mjs";

const require = createRequire(import.meta.url);
const { default: readChangesets } = require("@changesets/read");
/** The kinds of a changeset, the largest first. */
const headings = { major: "Breaking changes", minor: "New", patch: "Fixed" };
/** Before the newest version in the changelog. */
const mark = "\n## ";

const changesets = await readChangesets(process.cwd());
const kinds = changesets.map(kindOf);
const kind = Object.keys(headings).find((name) => kinds.includes(name));
if (kind === undefined) {
  console.log("release:version: no changesets, so the version stays");
  process.exit(0);
}

const packages = publishedPackages();
const version = next(packages[0].manifest.version, kind);
for (const { folder, text } of packages) {
  writeFileSync(`${folder}/package.json`, text.replace(/("version": ")[^"]*/, `$1${version}`));
}
for (const script of [["scripts/packages.mjs"], ["node_modules/oxfmt/bin/oxfmt", "packages/*/deno.json"]]) {
  if (spawnSync(process.execPath, script, { stdio: "inherit" }).status !== 0) process.exit(1);
}
const changelog = readFileSync("CHANGELOG.md", "utf8");
const at = changelog.indexOf(mark);
writeFileSync("CHANGELOG.md", `${changelog.slice(0, at)}\n${section()}${changelog.slice(at)}`);
for (const { id } of changesets) rmSync(`.changeset/${id}.md`);
console.log(`release:version: ${version}, from ${changesets.length} changesets`);

function kindOf({ releases }) {
  return Object.keys(headings).find((name) => releases.some(({ type }) => type === name));
}

function next(current, name) {
  const [major, minor, patch] = current.split(".").map(Number);
  if (name === "major") return `${major + 1}.0.0`;
  return name === "minor" ? `${major}.${minor + 1}.0` : `${major}.${minor}.${patch + 1}`;
}

function section() {
  const parts = Object.entries(headings).map(([name, heading]) => {
    const entries = changesets.filter((_, i) => kinds[i] === name).map(entryOf);
    return entries.length === 0 ? "" : `\n### ${heading}\n\n${entries.join("\n")}\n`;
  });
  return `## ${version}\n${parts.join("")}`;
}

function entryOf({ releases, summary }) {
  const names = releases.map(({ name }) => name.replace("@memberlist/", "")).join(", ");
  return `- **${names}**: ${summary.trim().replaceAll(/\n(?=.)/g, "\n  ")}`;
}
