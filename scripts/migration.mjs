// Writes the tables of docs/migration/go.md from docs/migration/go-api.json: each name of the Go library, and its counterpart here.
// usage: node scripts/migration.mjs           writes the tables
//        node scripts/migration.mjs --check   fails when they are out of date, or name something that this library does not export
// packages/interop/test/go-api.test.ts compares go-api.json with the sources of the Go library.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { typeChecks } from "./docs-compiler.mjs";

const page = "docs/migration/go.md";
const [start, end] = ["<!-- from go-api.json: run node scripts/migration.mjs -->\n", "<!-- end of go-api.json -->\n"];
const sections = JSON.parse(readFileSync("docs/migration/go-api.json", "utf8"));

const text = readFileSync(page, "utf8");
const [before, rest = ""] = text.split(start);
const [, after = ""] = rest.split(end);
const wanted = `${before}${start}\n${sections.map(sectionOf).join("\n")}\n${end}${after}`;

if (!process.argv.includes("--check")) {
  writeFileSync(page, wanted);
} else if (text !== wanted) {
  console.error(`migration: ${page} is out of date: run node scripts/migration.mjs`);
  process.exit(1);
}
const references = sections.flatMap(({ rows }) => rows.flatMap(({ ours }) => ours));
const failed = checkMetrics() + checkTypes();
console.log(`migration: ${references.length} names of this library, ${failed} wrong`);
process.exit(failed === 0 ? 0 : 1);

function sectionOf({ title, text: lead, rows }) {
  const head = `## ${title}\n\n${lead === "" ? "" : `${lead}\n\n`}| Go | here | notes |\n| --- | --- | --- |\n`;
  return (
    head +
    rows
      .map(({ go, ours, note }) => `| \`${go}\` | ${ours.map((name) => `\`${shown(name)}\``).join(", ")} | ${note} |\n`)
      .join("")
  );
}

/** A name as readers see it: fields of the config and methods of a member by themselves. */
function shown(name) {
  return name.replace(/^(@\S+|typeof) /, "").replace(/^(Config|Memberlist)\./, "");
}

/** How many metrics the reference lacks. */
function checkMetrics() {
  const reference = readFileSync("docs/reference/metrics.md", "utf8");
  const missing = references.filter((name) => name.startsWith("memberlist.") && !reference.includes(`| \`${name}\` |`));
  for (const name of missing) console.error(`migration: docs/reference/metrics.md has no ${name}`);
  return missing.length;
}

/** Compiles a type for each name. */
function checkTypes() {
  const folder = "node_modules/.cache/migration";
  mkdirSync(folder, { recursive: true });
  const types = references
    .filter((name) => !name.startsWith("memberlist."))
    .map((name, i) => `export type T${i} = ${typeOf(name)};\n`);
  writeFileSync(join(folder, "names.ts"), types.join(""));
  return typeChecks(folder, { files: ["names.ts"] }) ? 0 : 1;
}

/** `Config.name`, `lanConfig`, `NodeState`, `new Keyring`, `typeof NodeTransport.create`, or one of these after the package that exports it. */
function typeOf(name) {
  const [, from = "@memberlist/transport-node", what] = /^(@\S+ )?(.*)$/.exec(name);
  const [, word = "", owner, member] = /^(new |typeof )?(\w+)(?:\.(\w+))?$/.exec(what);
  const path = `import("${from.trim()}").${owner}`;
  if (word === "new ") return `ConstructorParameters<typeof ${path}>`;
  if (word === "typeof ") return `(typeof ${path})["${member}"]`;
  if (member !== undefined) return `${path}["${member}"]`;
  return /^[a-z]/.test(owner) ? `typeof ${path}` : path;
}
