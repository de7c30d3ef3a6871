// Writes a report of each public entry point's types, from the build, to packages/*/api/: `node scripts/api.mjs`. With --check it compares
// them with what is there, as CI does: a change of the API is then a change of a file.
import { Extractor, ExtractorConfig, ExtractorLogLevel } from "@microsoft/api-extractor";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { resolve } from "node:path";

const check = process.argv.includes("--check");
/** Package, name of the report, declarations of the entry point. */
const entries = [
  ["memberlist", "core", "index"],
  ["memberlist", "core-certificates", "certificates/index"],
  ["memberlist", "core-metrics", "metrics/index"],
  ["memberlist", "core-testing", "testing/index"],
  ["memberlist", "core-transport", "transport-kit/index"],
  ["opentelemetry", "opentelemetry", "index"],
  ["prometheus", "prometheus", "index"],
  ["requests", "requests", "index"],
  ["ring", "ring", "index"],
  ["status", "status", "index"],
  ["topics", "topics", "index"],
  ["transport-node", "transport-node", "index"],
  ["transport-deno", "transport-deno", "index"],
];
const quiet = { logLevel: ExtractorLogLevel.None };
let failed = 0;
for (const [name, report, entry] of entries) {
  const folder = resolve("packages", name);
  const declarations = resolve(folder, "dist", `${entry}.d.ts`);
  if (!existsSync(declarations)) {
    console.error(`api: ${declarations} is missing: run pnpm build first`);
    process.exit(1);
  }
  mkdirSync(resolve(folder, "api"), { recursive: true });
  const config = ExtractorConfig.prepare({
    configObjectFullPath: undefined,
    packageJsonFullPath: resolve(folder, "package.json"),
    configObject: {
      projectFolder: folder,
      mainEntryPointFilePath: declarations,
      newlineKind: "lf",
      apiReport: {
        enabled: true,
        reportFileName: report,
        reportFolder: resolve(folder, "api"),
        reportTempFolder: resolve("node_modules/.cache/api"),
        includeForgottenExports: true,
      },
      compiler: {
        overrideTsconfig: {
          compilerOptions: {
            target: "ES2023",
            module: "ESNext",
            moduleResolution: "Bundler",
            lib: ["ES2023", "ESNext.Disposable", "DOM"],
            types: [],
            skipLibCheck: true,
            strict: true,
          },
        },
      },
      messages: {
        compilerMessageReporting: { default: quiet },
        extractorMessageReporting: { default: quiet },
        tsdocMessageReporting: { default: quiet },
      },
    },
  });
  const { apiReportChanged } = Extractor.invoke(config, {
    localBuild: !check,
    messageCallback: (message) => (message.handled = true),
  });
  const path = resolve(folder, "api", `${report}.api.md`);
  for (const [, what] of readFileSync(path, "utf8").matchAll(/^\/\/ @public \(undocumented\)\nexport (.+)$/gm)) {
    console.error(`api: packages/${name}: no docstring: ${what}`);
    failed++;
  }
  if (!apiReportChanged) continue;
  console.log(
    `api: packages/${name}/api/${report}.api.md ${check ? "is not what the build exports: run pnpm api, and look at the difference" : "has changed"}`,
  );
  if (check) failed++;
}
process.exit(failed === 0 ? 0 : 1);
