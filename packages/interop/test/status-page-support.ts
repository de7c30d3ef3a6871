/// <reference lib="dom" />
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { createRequestListener } from "@remix-run/node-fetch-server";
import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, type SuiteAPI } from "vitest";
import { statusHandler, type StatusHandlerOptions, type StatusSource } from "@memberlist/status";
import { createMemberlist, localConfig, type Config, type Memberlist } from "@memberlist/transport-node";
import { findChromium, launchChromium } from "../src/browser.ts";

const program = findChromium();

/** A suite that is skipped without a browser. */
export const describeWithBrowser: SuiteAPI = program === undefined ? (describe.skip as SuiteAPI) : describe;

/** How long a browser on a busy machine may take. */
export const patience = { timeout: 20_000 };

interface OpenPage {
  readonly page: Page;
  /** Errors and warnings of the console, uncaught errors, and requests to anything but the server. */
  readonly problems: string[];
}

/** Members, servers and pages that end with the test; one browser for all tests. */
export class StatusPages {
  readonly #running: Memberlist[] = [];
  readonly #servers: Server[] = [];
  #browser: Browser | undefined;

  async launch(): Promise<void> {
    if (program !== undefined) this.#browser = await launchChromium(program);
  }

  async close(): Promise<void> {
    await this.#browser?.close();
  }

  async startMember(name: string, config: Partial<Config> = {}): Promise<Memberlist> {
    const logOutput = { write: () => undefined };
    const members = await createMemberlist({
      ...localConfig(),
      name,
      label: "shop",
      bindAddr: "127.0.0.1",
      bindPort: 0,
      logOutput,
      ...config,
    });
    this.#running.push(members);
    return members;
  }

  /** @returns the URL of the page */
  async serve(source: StatusSource, options: StatusHandlerOptions = {}, port: number = 0): Promise<string> {
    const server = createServer(createRequestListener(statusHandler(source, options)));
    this.#servers.push(server);
    await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}${options.basePath ?? ""}/`;
  }

  /** Ends all servers, and what is connected to them. */
  async endServers(): Promise<void> {
    const closing = this.#servers.splice(0).map((server) => {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(resolve));
    });
    await Promise.all(closing);
  }

  async open(url: string, options: BrowserContextOptions = {}): Promise<OpenPage> {
    if (this.#browser === undefined) throw new Error("the browser is not open");
    const context = await this.#browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
    const page = await context.newPage();
    const problems: string[] = [];
    page.on("console", (message) => {
      if (message.type() === "error" || message.type() === "warning") problems.push(`${message.type()}: ${message.text()}`);
    });
    page.on("pageerror", (error) => problems.push(`uncaught: ${String(error)}`));
    page.on("dialog", (dialog) => {
      problems.push(`dialog: ${dialog.message()}`);
      dialog.dismiss().catch(() => undefined);
    });
    page.on("request", (request) => {
      if (!request.url().startsWith(url) && !request.url().startsWith("data:")) problems.push(`request: ${request.url()}`);
    });
    await page.goto(url);
    await page.waitForFunction(() => document.querySelector("#connection")?.textContent === "Live", undefined, patience);
    await page.waitForFunction(() => document.querySelectorAll("#rows button").length > 0, undefined, patience);
    return { page, problems };
  }

  async end(): Promise<void> {
    await Promise.all((this.#browser?.contexts() ?? []).map((context) => context.close()));
    await this.endServers();
    await Promise.all(this.#running.splice(0).map((members) => members.shutdown()));
  }
}

export function useStatusPages(): StatusPages {
  const pages = new StatusPages();
  beforeAll(() => pages.launch(), 60_000);
  afterEach(() => pages.end());
  afterAll(() => pages.close());
  return pages;
}

/** The names in the table, as they are shown. */
export function namesOf(page: Page): Promise<string[]> {
  return page.locator("#rows button").allTextContents();
}

export async function expectText(page: Page, selector: string, text: string | RegExp): Promise<void> {
  const content = (): Promise<string | null> => page.locator(selector).textContent();
  await expect
    .poll(content, patience)
    .toEqual(typeof text === "string" ? expect.stringContaining(text) : expect.stringMatching(text));
}
