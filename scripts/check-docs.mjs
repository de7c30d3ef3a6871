// Type-checks every ```ts block of the Markdown files, so that the docs' examples stay true to the API, and looks for links that lead nowhere.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { typeChecks } from "./docs-compiler.mjs";
import { anchorsOf, codeBlocks, withoutCode } from "./markdown.mjs";
import { publishedPackages } from "./workspace.mjs";

const files = spawnSync("git", ["ls-files", "--cached", "--others", "--exclude-standard", "*.md"], { encoding: "utf8" })
  .stdout.split("\n")
  // The reports of the API are declarations.
  .filter((file) => file !== "" && !file.endsWith(".api.md"));
const folder = "node_modules/.cache/check-docs";
rmSync(folder, { recursive: true, force: true });
mkdirSync(folder, { recursive: true });

/** The address of the repository, with a slash at its end. */
const address = JSON.parse(readFileSync("package.json", "utf8")).homepage.replace("#readme", "/");
/** The READMEs that are a part of a tarball. */
const published = new Set(publishedPackages().map(({ folder }) => `${folder}/README.md`));

let examples = 0;
let broken = 0;
for (const file of files) {
  const text = readFileSync(file, "utf8");
  for (const [, link = ""] of withoutCode(text)
    .replaceAll(/`[^`]*`/g, "")
    .matchAll(/\]\(([^)\s]+)\)/g)) {
    if (leads(file, link)) continue;
    console.error(`${file}: the link ${link} leads nowhere`);
    broken++;
  }
  // The name of the folder leads back to the page.
  const pageFolder = join(folder, file.replaceAll(/[^\w]/g, "_"));
  for (const { name, code } of codeBlocks(text)) {
    // A module of its own each. Those with a name can import each other.
    mkdirSync(pageFolder, { recursive: true });
    writeFileSync(join(pageFolder, name ?? `${examples}.ts`), `${code}\nexport {};\n`);
    examples++;
  }
}

const passed = typeChecks(folder, { include: ["*/*.ts"] });
console.log(
  `docs: ${examples} examples in ${files.length} files ${passed ? "type-check" : "do not all type-check"}, ${broken} broken links`,
);
process.exit(passed && broken === 0 ? 0 : 1);

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
  return heading === undefined || anchorsOf(readFileSync(target, "utf8")).includes(heading);
}
