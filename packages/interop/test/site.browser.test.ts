/// <reference lib="dom" />
import { existsSync, readFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { createRequire } from "node:module";
import type { AddressInfo } from "node:net";
import { extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { findChromium, launchChromium } from "../src/browser.ts";

const dist = fileURLToPath(new URL("../../../docs/.vitepress/dist", import.meta.url));
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const program = findChromium();
const isBuilt = existsSync(join(dist, "index.html"));
if (!isBuilt) {
  const line = 'interop: the documentation site is not built, so it is not tested (run "npx -y pnpm@12 site")';
  if (process.env["CI"]) throw new Error(line);
  process.stderr.write(`${line}\n`);
}

const types: Readonly<Record<string, string>> = {
  ".html": "text/html",
  ".js": "text/javascript",
  ".css": "text/css",
  ".svg": "image/svg+xml",
  ".png": "image/png",
  ".woff2": "font/woff2",
};

/** Serves the built site like a host of static files whose URLs omit `.html`. */
function serve(): Promise<Server> {
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? "/", "http://localhost");
    const path = join(dist, pathname.endsWith("/") ? `${pathname}index.html` : pathname);
    const file = [path, `${path}.html`].find((candidate) => extname(candidate) !== "" && existsSync(candidate));
    if (file === undefined) response.writeHead(404).end();
    else response.writeHead(200, { "content-type": types[extname(file)] ?? "text/plain" }).end(readFileSync(file));
  });
  return new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(server)));
}

describe.runIf(program !== undefined && isBuilt)("the documentation site", () => {
  let browser: Browser;
  let server: Server;
  let origin: string;

  beforeAll(async () => {
    server = await serve();
    origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    browser = await launchChromium(program as string);
  });

  afterAll(async () => {
    await browser?.close();
    server?.closeAllConnections();
    server?.close();
  });

  /** Opens a page. `problems` gets errors and warnings of the console, uncaught errors, and requests to another server. */
  async function open(path: string, options: BrowserContextOptions): Promise<{ page: Page; problems: string[] }> {
    const page = await (await browser.newContext(options)).newPage();
    const problems: string[] = [];
    page.on("console", (message) => {
      if (message.type() === "error" || message.type() === "warning") problems.push(message.text());
    });
    page.on("pageerror", (error) => problems.push(String(error)));
    page.on("request", (request) => {
      if (!request.url().startsWith(origin) && !request.url().startsWith("data:")) problems.push(`requested ${request.url()}`);
    });
    await page.goto(`${origin}${path}`, { waitUntil: "networkidle" });
    return { page, problems };
  }

  it.each([
    ["light", { colorScheme: "light", viewport: { width: 1280, height: 900 } }],
    ["dark", { colorScheme: "dark", viewport: { width: 1280, height: 900 } }],
    ["on a phone", { colorScheme: "light", viewport: { width: 390, height: 844 } }],
  ] as const)("passes axe %s, without requests to other servers or horizontal scrolling", async (_, options) => {
    for (const path of ["/", "/guide/first-service", "/migration/go", "/measurements/scale", "/reference/api/prometheus"]) {
      const { page, problems } = await open(path, options);
      await page.evaluate(axe);
      const violations = await page.evaluate(async () => {
        const checker = globalThis as unknown as { axe: { run(): Promise<{ violations: { id: string; nodes: unknown[] }[] }> } };
        return (await checker.axe.run()).violations.map(({ id, nodes }) => `${id} (${nodes.length})`);
      });
      const overflow = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
      expect({ path, violations, problems, overflow }).toEqual({ path, violations: [], problems: [], overflow: 0 });
      await page.context().close();
    }
  });

  it("finds a config field by its search", async () => {
    const { page, problems } = await open("/", {});
    await page.getByRole("button", { name: "Search" }).click();
    await page.getByRole("searchbox").fill("deadNodeReclaimTime");
    await expect.poll(() => page.locator(".VPLocalSearchBox .result").count(), { timeout: 20_000 }).toBeGreaterThan(0);
    expect(await page.locator(".VPLocalSearchBox .results").innerText()).toMatch(/Configuration/);
    expect(problems).toEqual([]);
    await page.context().close();
  });
});
