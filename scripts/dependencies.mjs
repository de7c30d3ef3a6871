// Writes the tables of docs/internals/dependencies.md from all package.json files, and keeps the last column, the reason, which people write. With
// --check it compares, and writes nothing. Fails when a reason is missing, or when two packages use different versions of a dependency.
import { readFileSync, writeFileSync } from "node:fs";
import { workspacePackages } from "./workspace.mjs";

const check = process.argv.includes("--check");
const page = "docs/internals/dependencies.md";
const manifests = [
  ...["package.json", "examples/package.json"].map((path) => JSON.parse(readFileSync(path, "utf8"))),
  ...workspacePackages().map(({ manifest }) => manifest),
];

/** Headings of the page, and the dependencies of a package that belong to each. */
const tables = {
  "What users install": ({ private: isPrivate, dependencies }) => (isPrivate ? {} : dependencies),
  "What users choose": ({ peerDependencies }) => peerDependencies,
  "What the repository needs": ({ private: isPrivate, dependencies, devDependencies }) => ({
    ...(isPrivate ? dependencies : {}),
    ...devDependencies,
  }),
};

let problems = 0;
const text = readFileSync(page, "utf8");
let made = text;
for (const [heading, select] of Object.entries(tables)) {
  const start = made.indexOf(`## ${heading}\n`);
  if (start < 0) throw new Error(`${page} has no heading "${heading}"`);
  const from = made.indexOf("\n| ", start) + 1;
  const end = made.indexOf("\n\n", from);
  const to = end < 0 ? made.length : end + 1;
  made = made.slice(0, from) + tableOf(used(select), reasonsIn(made.slice(from, to))) + made.slice(to);
}
if (check && made !== text) problem('the tables are not those of package.json: run "node scripts/dependencies.mjs"');
if (!check) writeFileSync(page, made);
process.exit(problems === 0 ? 0 : 1);

/** For each dependency its version and the packages that use it. */
function used(select) {
  const found = new Map();
  for (const manifest of manifests) {
    const user = manifest.name.replace("@memberlist/", "").replace("memberlist-workspace", "workspace");
    for (const [name, version] of Object.entries(select(manifest) ?? {})) {
      if (name.startsWith("@memberlist/")) continue;
      const { version: other, users } = found.get(name) ?? { version, users: [] };
      if (other !== version) problem(`${name} is ${other} for ${users.join(", ")}, and ${version} for ${user}`);
      found.set(name, { version: other, users: [...users, user] });
    }
  }
  return [...found].toSorted(([a], [b]) => (a < b ? -1 : 1));
}

function reasonsIn(table) {
  return new Map([...table.matchAll(/^\| `([^`]+)` \|.*\| (.+) \|$/gm)].map(([, name, reason]) => [name, reason]));
}

function tableOf(rows, reasons) {
  const lines = rows.map(([name, { version, users }]) => {
    const reason = reasons.get(name) ?? "?";
    if (reason === "?") problem(`${name} (${users.join(", ")}) has no reason in ${page}`);
    return `| \`${name}\` | ${version} | ${users.toSorted().join(", ")} | ${reason} |\n`;
  });
  return `| package | version | used by | reason |\n| --- | --- | --- | --- |\n${lines.join("")}`;
}

function problem(what) {
  console.error(`dependencies: ${what}`);
  problems++;
}
