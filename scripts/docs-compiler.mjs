// The compiler for examples of the docs and for the API reference: every package of the workspace from its sources, with the types of Node and of Deno.
import { spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";
import { publishedPackages } from "./workspace.mjs";

const source = (path) => [resolve("packages", path)];

/** Entry points that are programs, or that only other packages of the workspace import. */
const notImported = /^\.\/(deno|internal|thread|worker)$/;

/** The entry points of all published packages that an application imports: the name, and the source file. */
export function publicEntries() {
  return publishedPackages().flatMap(({ folder, manifest: { name, exports = {} } }) =>
    Object.entries(exports)
      .filter(([path, target]) => !notImported.test(path) && target["@memberlist/source"] !== undefined)
      .map(([path, target]) => ({ name: `${name}${path.slice(1)}`, file: join(folder, target["@memberlist/source"]) })),
  );
}

/** Writes a tsconfig that extends the one of the workspace, and returns its path. `sources` has its `files` or `include`. */
export function writeTsconfig(folder, sources) {
  mkdirSync(folder, { recursive: true });
  const path = resolve(folder, "tsconfig.json");
  writeFileSync(path, JSON.stringify({ extends: resolve("tsconfig.json"), compilerOptions: compilerOptions(), ...sources }));
  return path;
}

/** Type-checks files of a folder, prints the errors, and returns whether it found none. */
export function typeChecks(folder, sources) {
  const tsc = createRequire(import.meta.url).resolve("typescript/bin/tsc");
  const tsconfig = writeTsconfig(folder, sources);
  return spawnSync(process.execPath, [tsc, "-p", tsconfig], { stdio: "inherit" }).status === 0;
}

function compilerOptions() {
  return {
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
      "@memberlist/core/internal": source("memberlist/src/internal.ts"),
      ...Object.fromEntries(publicEntries().map(({ name, file }) => [name, [resolve(file)]])),
    },
  };
}
