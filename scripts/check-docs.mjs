// Type-checks every ```ts block of the Markdown files, so that the docs' examples stay true to the API, and looks for links that lead nowhere.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, resolve } from "node:path";

const files = spawnSync("git", ["ls-files", "--cached", "--others", "--exclude-standard", "*.md"], { encoding: "utf8" })
  .stdout.split("\n")
  // The reports of the API are declarations.
  .filter((file) => file !== "" && !file.endsWith(".api.md"));
const folder = "node_modules/.cache/check-docs";
rmSync(folder, { recursive: true, force: true });
mkdirSync(folder, { recursive: true });

const manifest = (path) => JSON.parse(readFileSync(path, "utf8"));
/** Of the repository, with a slash at its end. */
const address = manifest("package.json").homepage.replace("#readme", "/");
/** The READMEs that are a part of a tarball. */
const published = new Set(
  files.filter((file) => /^packages\/[^/]+\/README\.md$/.test(file) && !manifest(join(dirname(file), "package.json")).private),
);

let examples = 0;
let broken = 0;
for (const file of files) {
  const text = readFileSync(file, "utf8");
  for (const [, link = ""] of text.replaceAll(/```[\s\S]*?```|`[^`]*`/g, "").matchAll(/\]\(([^)\s]+)\)/g)) {
    if (leads(file, link)) continue;
    console.error(`${file}: the link ${link} leads nowhere`);
    broken++;
  }
  for (const [, code] of text.matchAll(/```ts\n([\s\S]*?)```/g)) {
    // A module of its own each; the name leads back to the file.
    writeFileSync(join(folder, `${file.replaceAll(/[^\w]/g, "_")}_${++examples}.ts`), `${code}\nexport {};\n`);
  }
}

const source = (path) => [resolve("packages", path)];
writeFileSync(
  join(folder, "tsconfig.json"),
  JSON.stringify({
    extends: resolve("tsconfig.json"),
    compilerOptions: {
      types: ["node", "deno"],
      typeRoots: ["node_modules/@types", "packages/transport-deno/node_modules/@types"].map((path) => resolve(path)),
      isolatedDeclarations: false,
      declaration: false,
      noUnusedLocals: false,
      lib: ["ESNext"],
      paths: {
        "prom-client": source("prometheus/node_modules/prom-client/index.d.ts"),
        "@msgpack/msgpack": source("memberlist/node_modules/@msgpack/msgpack/dist.esm/index.d.ts"),
        hono: source("status/node_modules/hono/dist/types/index.d.ts"),
        "@remix-run/node-fetch-server": source("status/node_modules/@remix-run/node-fetch-server/dist/index.d.ts"),
        pino: source("memberlist/node_modules/pino/pino.d.ts"),
        winston: source("memberlist/node_modules/winston/index.d.ts"),
        "@opentelemetry/api": source("opentelemetry/node_modules/@opentelemetry/api/build/src/index.d.ts"),
        "@memberlist/core": source("memberlist/src/index.ts"),
        "@memberlist/core/certificates": source("memberlist/src/certificates/index.ts"),
        "@memberlist/core/metrics": source("memberlist/src/metrics/index.ts"),
        "@memberlist/core/testing": source("memberlist/src/testing/index.ts"),
        "@memberlist/core/transport": source("memberlist/src/transport-kit/index.ts"),
        "@memberlist/core/internal": source("memberlist/src/internal.ts"),
        "@memberlist/opentelemetry": source("opentelemetry/src/index.ts"),
        "@memberlist/prometheus": source("prometheus/src/index.ts"),
        "@memberlist/simulator": source("simulator/src/index.ts"),
        "@memberlist/status": source("status/src/index.ts"),
        "@memberlist/transport-deno": source("transport-deno/src/index.ts"),
        "@memberlist/transport-node": source("transport-node/src/index.ts"),
      },
    },
    include: ["*.ts"],
  }),
);
const tsc = createRequire(import.meta.url).resolve("typescript/bin/tsc");
const { status } = spawnSync(process.execPath, [tsc, "-p", folder], { stdio: "inherit" });
console.log(
  `docs: ${examples} examples in ${files.length} files ${status === 0 ? "type-check" : "do not all type-check"}, ${broken} broken links`,
);
process.exit(broken > 0 ? 1 : (status ?? 1));

/**
 * Whether a link of a page leads to a file, a folder or a heading that exists; links to this repository's address, too. Links to other sites are not
 * tried. The README of a published package is read without the repository, so its links are absolute.
 */
function leads(file, link) {
  const [, own] = /^(?:blob|tree)\/main\/(.+)$/.exec(link.startsWith(address) ? link.slice(address.length) : "") ?? [];
  if (own === undefined && /^[a-z]+:/.test(link)) return true;
  if (own === undefined && published.has(file) && !link.startsWith("#")) return false;
  const [path, heading] = (own ?? link).split("#");
  const target = path === "" ? file : join(own === undefined ? dirname(file) : ".", path);
  if (!existsSync(target)) return false;
  return heading === undefined || headings(readFileSync(target, "utf8")).includes(heading);
}

/** The anchors of a page's headings, as GitHub makes them. */
function headings(text) {
  return [...text.replaceAll(/```[\s\S]*?```/g, "").matchAll(/^#+ (.+)$/gm)].map(([, title]) =>
    title
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, "")
      .replaceAll(" ", "-"),
  );
}
