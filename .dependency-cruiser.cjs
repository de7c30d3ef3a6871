/** Which way imports go: leaves <- wire <- engine <- driver <- facade; packages as in docs/architecture.md. */
const core = "^packages/memberlist/src";

module.exports = {
  forbidden: [
    { name: "no-circular", severity: "error", from: {}, to: { circular: true, viaOnly: { dependencyTypesNot: ["type-only"] } } },
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
      to: { path: `${core}/(wire|engine|driver|memberlist)` },
    },
    {
      name: "wire-knows-no-engine",
      severity: "error",
      from: { path: `${core}/wire` },
      to: { path: `${core}/(engine|driver|testing|memberlist\\.ts|config)` },
    },
    {
      name: "engine-knows-no-driver",
      severity: "error",
      from: { path: `${core}/engine` },
      to: { path: `${core}/(driver|testing|memberlist\\.ts)` },
    },
    {
      name: "driver-knows-no-facade",
      severity: "error",
      from: { path: `${core}/driver` },
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
