// Writes the API reference of the site, one page for each public entry point, to docs/reference/api (not committed), from the docstrings of the sources.
// usage: node scripts/api-pages.mjs           writes the pages
//        node scripts/api-pages.mjs --check   only looks for exports and members without a docstring, and for links in docstrings that lead nowhere
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { Application, ReflectionKind } from "typedoc";
import { publicEntries, writeTsconfig } from "./docs-compiler.mjs";
import { anchorsOf } from "./markdown.mjs";

const out = "docs/reference/api";
const entries = publicEntries();
const tsconfig = writeTsconfig("node_modules/.cache/api-pages", { files: entries.map(({ file }) => resolve(file)) });
const app = await Application.bootstrapWithPlugins({
  entryPoints: entries.map(({ file }) => file),
  tsconfig,
  plugin: ["typedoc-plugin-markdown"],
  name: "API reference",
  out,
  readme: "none",
  githubPages: false,
  excludePrivate: true,
  excludeProtected: true,
  excludeInternal: true,
  excludeExternals: true,
  disableSources: true,
  sort: ["kind", "source-order"],
  validation: { notExported: false, invalidLink: true, invalidPath: true, notDocumented: true },
  requiredToBeDocumented: ["Function", "Class", "Interface", "TypeAlias", "Variable", "Enum", "Property", "Method", "Accessor"],
  packagesRequiringDocumentation: entries.map(({ name }) => name.split("/", 2).join("/")),
  treatWarningsAsErrors: true,
  treatValidationWarningsAsErrors: true,
  logLevel: "Warn",
  // The pages:
  router: "module",
  flattenOutputFiles: true,
  excludeScopesInPaths: true,
  entryFileName: "index",
  hidePageHeader: true,
  hideBreadcrumbs: true,
  useCodeBlocks: true,
  parametersFormat: "table",
  interfacePropertiesFormat: "table",
  typeAliasPropertiesFormat: "table",
  expandParameters: false,
});
const project = await app.convert();
if (project === undefined) process.exit(1);
// TypeDoc names a module by its file.
const names = new Map(entries.map(({ name, file }) => [file.replace(/^packages\//, "").replace(/(\/index)?\.ts$/, ""), name]));
for (const module of project.children) module.name = names.get(module.name);
app.options.setValue("intentionallyNotDocumented", literalMembers());
app.validate(project);
const failed = app.logger.hasErrors() || app.logger.hasWarnings();
if (failed) process.exit(1);
if (!process.argv.includes("--check")) {
  rmSync(out, { recursive: true, force: true });
  await app.generateOutputs(project);
  mendAnchors();
}

/** Members of object literals in a type. The comment of the type, or of its branch of a union, describes them. */
function literalMembers() {
  const members = project.getReflectionsByKind(ReflectionKind.Property).filter((member) => !member.hasComment());
  return [...new Set(members.map((member) => member.getFriendlyFullName()))].filter((name) => name.includes(".__type."));
}

/** TypeDoc's numbers of anchors with the same name are not always those of the page: `NodeTransportCounters` beside `NodeTransport.counters`, for example. */
function mendAnchors() {
  const pages = new Map(readdirSync(out).map((name) => [name, readFileSync(join(out, name), "utf8")]));
  const anchors = new Map([...pages].map(([name, text]) => [name, new Set([...numbered(anchorsOf(text)), ...rowsOf(text)])]));
  for (const [name, text] of pages) {
    const mended = text.replaceAll(/\]\(([\w.]*)#([\w-]+)\)/g, (link, page, anchor) => {
      const known = anchors.get(page === "" ? name : page);
      const base = anchor.replace(/-\d+$/, "");
      const target = [anchor, base, `${base}-1`].find((candidate) => known?.has(candidate));
      return target === undefined ? link : `](${page}#${target})`;
    });
    writeFileSync(join(out, name), mended);
  }
}

/** The anchors of the rows of a page's tables. */
function rowsOf(text) {
  return [...text.matchAll(/<a id="([^"]+)"><\/a>/g)].map(([, anchor]) => anchor);
}

/** Anchors as a page has them: a second one of the same name has a number. */
function numbered(anchors) {
  const counts = new Map();
  return anchors.map((anchor) => {
    const count = counts.get(anchor) ?? 0;
    counts.set(anchor, count + 1);
    return count === 0 ? anchor : `${anchor}-${count}`;
  });
}
