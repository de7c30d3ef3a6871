/** Which way imports go: leaves <- wire <- swim <- runtime <- facade; packages as in docs/internals/architecture.md. */
const core = "^packages/memberlist/src";

module.exports = {
  forbidden: [
    { name: "no-circular", severity: "error", from: {}, to: { circular: true } },
    {
      name: "core-has-no-runtime",
      comment: "The core runs on every runtime: it may use no module of any.",
      severity: "error",
      from: { path: core },
      to: { dependencyTypes: ["core"] },
    },
    {
      name: "core-imports-no-package-of-ours",
      severity: "error",
      from: { path: core },
      to: { path: "^packages/(?!memberlist/)" },
    },
    {
      name: "ports-are-leaves",
      severity: "error",
      from: { path: `${core}/ports` },
      to: { path: `${core}/(wire|swim|runtime|memberlist\\.ts)` },
    },
    {
      name: "wire-knows-no-protocol",
      severity: "error",
      from: { path: `${core}/wire` },
      to: { path: `${core}/(swim|runtime|testing|memberlist\\.ts|config/(?!limits))` },
    },
    {
      name: "swim-knows-no-runtime",
      severity: "error",
      from: { path: `${core}/swim` },
      to: { path: `${core}/(runtime|testing|memberlist\\.ts)` },
    },
    {
      name: "runtime-knows-no-facade",
      severity: "error",
      from: { path: `${core}/runtime` },
      to: { path: `${core}/(testing|memberlist\\.ts)` },
    },
    {
      name: "nobody-imports-testing",
      severity: "error",
      from: { path: "^packages/[^/]+/src", pathNot: [`${core}/testing`, "^packages/(bench|simulator)/"] },
      to: { path: `${core}/testing` },
    },
    {
      name: "transports-know-only-the-core",
      severity: "error",
      from: { path: "^packages/transport-[^/]+/src" },
      to: { path: "^packages/(?!memberlist/|transport-)" },
    },
    {
      name: "adapters-know-only-the-core",
      severity: "error",
      from: { path: "^packages/(opentelemetry|prometheus|requests|ring|status|topics)/src" },
      to: {
        path: "^packages/",
        pathNot: "^packages/(memberlist|$1)/",
        dependencyTypesNot: ["npm", "npm-dev", "npm-peer"],
      },
    },
    {
      name: "add-ons-have-no-runtime",
      comment: "The status handler, requests and the ring run on every runtime.",
      severity: "error",
      from: { path: "^packages/(requests|ring|status)/src" },
      to: { dependencyTypes: ["core"] },
    },
    { name: "sources-import-no-tests", severity: "error", from: { path: "/src/" }, to: { path: "/test/" } },
    { name: "not-unresolvable", severity: "error", from: {}, to: { couldNotResolve: true } },
  ],
  options: {
    doNotFollow: { path: "node_modules" },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: "tsconfig.json" },
    enhancedResolveOptions: {
      exportsFields: ["exports"],
      conditionNames: ["@memberlist/source", "import", "types", "default"],
    },
  },
};
