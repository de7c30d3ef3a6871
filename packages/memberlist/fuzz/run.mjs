// `pnpm fuzz`: runs main.ts from the sources by Vite, which vitest brings, since Node 20 reads no TypeScript.
import { fileURLToPath } from "node:url";
import { createViteServer } from "vitest/node";

const conditions = ["@memberlist/source"];
const server = await createViteServer({
  configFile: false,
  root: fileURLToPath(new URL("..", import.meta.url)),
  logLevel: "warn",
  appType: "custom",
  server: { middlewareMode: true, hmr: false, ws: false, watch: null },
  optimizeDeps: { noDiscovery: true },
  resolve: { conditions },
  ssr: { resolve: { conditions } },
});
const { main } = await server.ssrLoadModule(fileURLToPath(new URL("main.ts", import.meta.url)));
process.exitCode = await main(process.argv.slice(2));
await server.close();
