// `pnpm page`: bundles the status page (packages/status/src/page) into packages/status/src/page-html.ts, one HTML document as a string with the hashes
// of its script and style. `--check` only compares.
import { build } from "esbuild";
import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";

const folder = new URL("../packages/status/src/page/", import.meta.url);
const target = new URL("../packages/status/src/page-html.ts", import.meta.url);
const uplotLicense = "uPlot: MIT License, (c) 2022 Leon Sorokin";

const browsers = ["chrome119", "firefox119", "safari17"];
const options = { bundle: true, write: false, minify: true, charset: "utf8", legalComments: "none", target: browsers };
const { outputFiles } = await build({
  ...options,
  entryPoints: [new URL("main.ts", folder).pathname],
  outdir: "out",
  format: "esm",
  conditions: ["@memberlist/source"],
});
const script = `/* ${uplotLicense} */${textOf(".js")}`;
const uplot = createRequire(new URL("main.ts", folder)).resolve("uplot/dist/uPlot.min.css");
const styles = await build({
  ...options,
  stdin: { contents: `@import "${uplot}";@import "./style.css";`, loader: "css", resolveDir: folder.pathname },
});
const style = styles.outputFiles[0].text.trim();
const html = readFileSync(new URL("index.html", folder), "utf8")
  .replaceAll(/\n\s*/g, "\n")
  .replace("<style></style>", () => `<style>${style}</style>`)
  .replace('<script type="module"></script>', () => `<script type="module">${script}</script>`);
if (script.includes("</script") || style.includes("</style")) throw new Error("the page would end early");

const made = `// Made by \`pnpm page\` from src/page. It contains ${uplotLicense}.
/** The status page: one HTML document. */
export const pageHtml: string =
  ${JSON.stringify(html)};
/** The sources of a Content-Security-Policy that allow only this page's own script and style. */
export const pageSources: { readonly script: string; readonly style: string } = {
  script: "'${hashOf(script)}'",
  style: "'${hashOf(style)}'",
};
`;

if (!process.argv.includes("--check")) writeFileSync(target, made);
else if (readFileSync(target, "utf8") !== made) {
  console.error('page: packages/status/src/page-html.ts is out of date: run "npx -y pnpm@12 page"');
  process.exit(1);
}

function textOf(ending) {
  return outputFiles.find(({ path }) => path.endsWith(ending)).text.trim();
}

function hashOf(text) {
  return `sha256-${createHash("sha256").update(text).digest("base64")}`;
}
