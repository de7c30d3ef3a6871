// Writes the shared fields of the public packages into their package.json and deno.json: the repository's address, which is `repository.url` of the
// package.json at the top, and the version, which is the same in all of them. Links of their READMEs to the repository follow the address. JSR gets the same
// exports as npm. The example in deploy/ gets the version, too. With --check it compares, and writes nothing.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { publishedPackages } from "./workspace.mjs";

const check = process.argv.includes("--check");
const read = (path) => readFileSync(path, "utf8");
const root = JSON.parse(read("package.json"));
const { repository } = root;
const address = addressOf(repository);
const bugs = { url: `${address}/issues` };
const published = publishedPackages();
/** All packages get the newest version among them. */
const [version] = published
  .map(({ manifest }) => manifest.version)
  .toSorted(byVersion)
  .slice(-1);

let problems = 0;
put("package.json", json({ ...root, homepage: `${address}#readme`, bugs }));
for (const { folder, manifest } of published) {
  if ((manifest.keywords ?? []).length < 5) problem(`${folder}/package.json: fewer than 5 keywords`);
  const shared = {
    version,
    homepage: `${address}/tree/main/${folder}#readme`,
    bugs,
    repository: { ...repository, directory: folder },
    // With provenance, npm publishes only from a workflow, which proves the origin of the build.
    publishConfig: { access: "public", provenance: true },
  };
  const before = addressOf(manifest.repository ?? repository);
  put(`${folder}/package.json`, json({ ...manifest, ...shared }));
  const deno = `${folder}/deno.json`;
  if (existsSync(deno)) put(deno, json({ ...JSON.parse(read(deno)), version, exports: sourcesOf(manifest) }));
  const readme = `${folder}/README.md`;
  put(readme, read(readme).replaceAll(before, address));
}
// The example of a service depends on the present version.
const example = "deploy/package.json";
const { dependencies, ...others } = JSON.parse(read(example));
put(example, json({ ...others, dependencies: Object.fromEntries(Object.keys(dependencies).map((name) => [name, version])) }));
process.exit(problems === 0 ? 0 : 1);

function addressOf({ url }) {
  return url.replace(/^git\+|\.git$/g, "");
}

/** JSR gets the sources. */
function sourcesOf({ exports }) {
  const entries = Object.entries(exports).filter(([, targets]) => typeof targets === "object");
  return Object.fromEntries(entries.map(([path, targets]) => [path, targets["@memberlist/source"]]));
}

function byVersion(a, b) {
  return a.localeCompare(b, "en", { numeric: true });
}

/** As oxfmt writes it, as long as the fields exist. */
function json(value) {
  return `${JSON.stringify(value, undefined, 2)}\n`;
}

function put(path, text) {
  if (isSame(path, text)) return;
  if (check)
    problem(`${path}: differs from what the packages share: run "node scripts/packages.mjs" and "npx -y pnpm@12 format"`);
  else writeFileSync(path, text);
}

function isSame(path, text) {
  if (!path.endsWith(".json")) return read(path) === text;
  return json(JSON.parse(read(path))) === text;
}

function problem(text) {
  console.error(`packages: ${text}`);
  problems++;
}
