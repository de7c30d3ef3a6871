// The compiler's options for examples of the docs and for the API reference: every package of the workspace from its sources, with the types of Node and of Deno.
import { readdirSync, readFileSync } from "node:fs";
import { resolve } from "node:path";

const source = (path) => [resolve("packages", path)];

/** Entry points that are programs, or that only other packages of the workspace import. */
const notImported = /^\.\/(deno|internal|thread|worker)$/;

/** The entry points of all published packages that an application imports: the name, and the source file. */
export function publicEntries() {
  return readdirSync("packages").flatMap((folder) => {
    const { name, private: isPrivate, exports = {} } = JSON.parse(readFileSync(`packages/${folder}/package.json`, "utf8"));
    if (isPrivate) return [];
    return Object.entries(exports)
      .filter(([path, target]) => !notImported.test(path) && target["@memberlist/source"] !== undefined)
      .map(([path, target]) => ({
        name: `${name}${path.slice(1)}`,
        file: `packages/${folder}/${target["@memberlist/source"].slice("./".length)}`,
      }));
  });
}

/** `compilerOptions` of a tsconfig that extends the one of the workspace. */
export function compilerOptions() {
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
