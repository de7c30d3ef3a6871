// `pnpm mutants`: runs main.ts from the sources by Vite, which vitest brings, since Node 20 reads no TypeScript.
import { fileURLToPath } from "node:url";
import { createViteServer } from "vitest/node";

process.chdir(fileURLToPath(new URL("..", import.meta.url)));
const server = await createViteServer({
  configFile: false,
  logLevel: "warn",
  appType: "custom",
  server: { middlewareMode: true, hmr: false, ws: false, watch: null },
  optimizeDeps: { noDiscovery: true },
});
const { main } = await server.ssrLoadModule(fileURLToPath(new URL("main.ts", import.meta.url)));
process.exitCode = await main(process.argv.slice(2));
await server.close();
