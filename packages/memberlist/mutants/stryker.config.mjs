/** What is the same for every run; main.ts adds which files and which tests. Paths are below packages/memberlist. */
export default {
  testRunner: "vitest",
  vitest: { configFile: "mutants/vitest.config.ts", related: false },
  plugins: ["@stryker-mutator/vitest-runner", "./mutants/stryker-plugins.mjs"],
  ignorers: ["diagnostics"],
  // What runs when a module is loaded, such as a table of constants, cannot be switched between tests: each mutant would cost all of them.
  ignoreStatic: true,
  coverageAnalysis: "perTest",
  incremental: true,
  reporters: ["survivors", "json", "html"],
  ignorePatterns: ["assembly", "dist", "fuzz"],
  // Stryker would rewrite the paths in it, as though the sandbox were below the package.
  tsconfigFile: "none",
  // Tests run without a type check: nothing has to be silenced for the compiler.
  disableTypeChecks: false,
  // Loops without end are found by counting, so that a busy machine can have its time.
  timeoutMS: 20_000,
  timeoutFactor: 1.5,
  dryRunTimeoutMinutes: 30,
  allowConsoleColors: false,
  logLevel: "warn",
};
