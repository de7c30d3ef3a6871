import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import type { Page } from "playwright-core";
import { expect, it } from "vitest";
import type { Memberlist } from "@memberlist/transport-node";
import { FakeNode } from "./fake-node.ts";
import { describeWithBrowser, expectText, namesOf, patience, useStatusPages } from "./status-page-support.ts";

const limit = { timeout: 90_000 };
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const pages = useStatusPages();
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const probeFailed = {
  code: "probe_failed",
  direct: "no_ack",
  indirect: ["node-3", "node-4"],
  nacks: 2,
  nacksExpected: 2,
  stream: "failed",
  elapsed: 512,
  rtt: 1,
} as const;

/** A node that knows `count` members: `node-1` and so on. */
async function fakeNode(count: number): Promise<FakeNode> {
  const node = new FakeNode(await pages.startMember("node-1"));
  for (let i = 1; i <= count; i++) node.set(`node-${i}`, { rtt: 0.2 + (i % 50) / 10, age: i * 60_000 });
  return node;
}

function suspect(node: FakeNode, name: string, accusers: readonly string[]): void {
  const member = node.set(name, { state: "suspect", cause: probeFailed, accusers });
  node.push({ type: "suspect", node: member, from: accusers[0] ?? "", cause: probeFailed, at: Date.now() });
}

function kill(node: FakeNode, name: string, accusers: readonly string[]): void {
  const cause = {
    code: "suspicion_timeout",
    suspicion: probeFailed,
    accusers,
    confirmationsWanted: 2,
    suspectFor: 3_120,
  } as const;
  node.push({ type: "leave", node: node.set(name, { state: "dead", cause }), cause, at: Date.now() });
}

async function violationsOf(page: Page): Promise<string[]> {
  const found = await page.evaluate(async () => {
    const { axe } = globalThis as unknown as {
      axe: { run(): Promise<{ violations: { id: string; nodes: { html: string }[] }[] }> };
    };
    return (await axe.run()).violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(" ")}`);
  });
  return found;
}

describeWithBrowser("the status page", () => {
  it("shows the members of a real cluster, and a death with its cause as it happens", limit, async () => {
    const meta = bytes('{"role":"web","port":8080}');
    const a = await pages.startMember("web-1", { meta });
    const [b, c] = [await pages.startMember("web-2"), await pages.startMember("web-3")] as [Memberlist, Memberlist];
    for (const other of [b, c]) await other.join([a.toJSON().address]);
    await a.ready({ members: 3 });
    const { page, problems } = await pages.open(await pages.serve(a, { sampleInterval: 500 }));
    expect(await page.title()).toBe("web-1 – memberlist");
    await expect.poll(() => namesOf(page), patience).toEqual(["web-1", "web-2", "web-3"]);
    await expectText(page, "#node-facts", `${a.toJSON().address} · label shop · not encrypted`);
    await expectText(page, "#rows", '{"role":"web","port":8080}');
    await expectText(page, "#rtt-legend", /median \d+(\.\d+)? ms/);
    await expectText(page, "#traffic-legend", /in \d+(\.\d+)? k?B\/s/);
    expect(await page.locator("#traffic-chart canvas").count()).toBe(1);
    await c.shutdown();
    await expectText(page, "#feed", /web-3 is suspect: (no ack to a ping|web-2 could not reach it)/);
    await expectText(page, "#feed", /web-3 is dead: (it did not refute within|web-2 declared it dead)/);
    await expectText(page, "#states", "dead 1");
    await expectText(page, "#suspicions-note", "1 declared dead in the last five minutes");
    await expectText(page, "#announcer", /./);
    await b.updateNode({ meta: bytes("zone=b") });
    await expectText(page, "#rows", "zone=b");
    expect(problems).toEqual([]);
  });

  it(
    "takes less than 300 ms of its thread to load and draw 1,000 members, and has rows only for those in view",
    limit,
    async () => {
      const node = await fakeNode(1_000);
      const url = await pages.serve(node);
      const { page, problems } = await pages.open(url);
      const session = await page.context().newCDPSession(page);
      // In CPU time: the machine may be busy.
      await session.send("Performance.enable", { timeDomain: "threadTicks" });
      const cpuTime = async (): Promise<number> => {
        const { metrics } = await session.send("Performance.getMetrics");
        return 1_000 * (metrics.find(({ name }) => name === "TaskDuration")?.value ?? Number.NaN);
      };
      const times: number[] = [];
      for (let i = 0; i < 3; i++) {
        // The count begins with the document.
        await page.reload();
        await page.waitForFunction(() => document.querySelector("#shown")?.textContent === "1000 members", undefined, patience);
        await page.waitForFunction(() => document.querySelectorAll("#rows button").length > 10, undefined, patience);
        times.push(await cpuTime());
      }
      expect(Math.min(...times)).toBeGreaterThan(10);
      expect(Math.min(...times)).toBeLessThan(300);
      const rows = page.locator("#rows button");
      expect(await rows.count()).toBeLessThan(60);
      await page.locator("#scroller").evaluate((scroller) => (scroller.scrollTop = scroller.scrollHeight));
      await expect.poll(async () => (await namesOf(page)).at(-1), patience).toBe("node-1000");
      expect(await rows.count()).toBeLessThan(60);
      expect(await page.locator("#rows tr[aria-rowindex]").last().getAttribute("aria-rowindex")).toBe("1001");
      expect(problems).toEqual([]);
    },
  );

  it("draws a burst of changes of 1,000 members a few times, not once for each", limit, async () => {
    const node = await fakeNode(1_000);
    const { page, problems } = await pages.open(await pages.serve(node));
    await page.evaluate(() => {
      const counts = globalThis as unknown as { frames: number };
      counts.frames = 0;
      const frame = globalThis.requestAnimationFrame.bind(globalThis);
      globalThis.requestAnimationFrame = (callback) => {
        counts.frames++;
        return frame(callback);
      };
    });
    for (let i = 1; i <= 1_000; i++) suspect(node, `node-${i}`, ["node-2"]);
    await expectText(page, "#states", "suspect 1000");
    // The members may have come with an update, ahead of their events.
    await expect.poll(() => page.locator("#feed li").first().textContent(), patience).toContain("node-1000 is suspect");
    const frames = await page.evaluate(() => (globalThis as unknown as { frames: number }).frames);
    expect(frames).toBeLessThan(100);
    expect(await page.locator("#feed li").count()).toBe(200);
    expect(await page.locator("#suspicions-map circle").count()).toBe(25);
    expect(problems).toEqual([]);
  });

  it("shows hostile names and metadata as text", limit, async () => {
    const node = await fakeNode(2);
    const names = [
      "<img src=x onerror=alert(1)>",
      "</script><script>alert(2)</script>",
      "\u202egnp.exe",
      `${"n".repeat(4_095)}!`,
      "a\nb\u2028c\0d",
      "javascript:alert(3)",
      "__proto__",
    ];
    for (const name of names) node.set(name, { meta: bytes(`<svg onload=alert(4)>${name.slice(0, 100)}`) });
    for (const name of names) node.push({ type: "join", node: node.get(name) ?? node.set(name), at: Date.now() });
    suspect(node, "<b onmouseover=alert(5)>", names);
    const { page, problems } = await pages.open(await pages.serve(node));
    const shown = await namesOf(page);
    expect(shown).toContain("<img src=x onerror=alert(1)>");
    expect(shown).toContain("\\u{202e}gnp.exe");
    expect(shown).toContain("a\\u{a}b\\u{2028}c\\u{0}d");
    expect(shown).toContain(`${"n".repeat(200)}…`);
    expect(shown).toHaveLength(2 + names.length + 1);
    for (const [i, name] of shown.entries()) {
      await page.locator("#rows button").nth(i).click();
      await expectText(page, "#details-title", name.slice(0, 100));
      await page.keyboard.press("Escape");
    }
    expect(await page.locator("img, svg svg, [onerror], [onload], [onmouseover], script:not([type=module])").count()).toBe(0);
    expect(await page.evaluate(() => document.documentElement.scrollWidth <= document.documentElement.clientWidth)).toBe(true);
    expect(problems).toEqual([]);
  });

  it("lets no other script run", limit, async () => {
    const { page } = await pages.open(await pages.serve(await fakeNode(1)));
    const ran = await page.evaluate(async () => {
      const script = document.createElement("script");
      try {
        script.textContent = "globalThis.intruder = true";
      } catch {
        return "refused";
      }
      document.body.append(script);
      await new Promise((resolve) => setTimeout(resolve, 0));
      return "intruder" in globalThis ? "ran" : "refused";
    });
    expect(ran).toBe("refused");
  });

  it.each([
    ["in light colours", { colorScheme: "light" }],
    ["in dark colours", { colorScheme: "dark" }],
    ["on a phone", { viewport: { width: 360, height: 740 }, isMobile: true, hasTouch: true }],
  ] as const)("passes axe %s, with and without its dialog", limit, async (_, options) => {
    const node = await fakeNode(100);
    suspect(node, "node-7", ["node-1", "node-9"]);
    kill(node, "node-8", ["node-1"]);
    const { page } = await pages.open(await pages.serve(node), options);
    await page.evaluate(axe);
    expect(await violationsOf(page)).toEqual([]);
    await page.locator("#rows button").first().click();
    expect(await violationsOf(page)).toEqual([]);
    expect(await page.evaluate(() => document.documentElement.scrollWidth <= document.documentElement.clientWidth)).toBe(true);
  });

  it("works with the keyboard alone", limit, async () => {
    const node = await fakeNode(1_000);
    const { page } = await pages.open(await pages.serve(node));
    const focused = (): Promise<string> => page.evaluate(() => document.activeElement?.textContent ?? "");
    await page.keyboard.press("/");
    expect(await page.evaluate(() => document.activeElement?.id)).toBe("filter");
    await page.keyboard.type("node-99 10.0");
    await expect.poll(() => namesOf(page), patience).toHaveLength(11);
    await page.locator("#filter").fill("");
    await page.locator("#rows button").first().focus();
    await page.keyboard.press("ArrowDown");
    expect(await focused()).toBe("node-2");
    await page.keyboard.press("End");
    expect(await focused()).toBe("node-1000");
    await page.keyboard.press("ArrowUp");
    expect(await focused()).toBe("node-999");
    await page.keyboard.press("Enter");
    await expectText(page, "#details-title", "node-999");
    await page.keyboard.press("Escape");
    expect(await focused()).toBe("node-999");
    await page.keyboard.press("Home");
    expect(await focused()).toBe("node-1");
    // The row of a member keeps the focus when the member moves.
    suspect(node, "node-500", ["node-2"]);
    await expect.poll(async () => (await namesOf(page))[0], patience).toBe("node-500");
    expect(await focused()).toBe("node-1");
  });

  it("filters by words and state, and sorts by each column both ways", limit, async () => {
    const node = await fakeNode(20);
    node.set("node-5", { meta: bytes("role=cache"), rtt: 90 });
    suspect(node, "node-13", ["node-2"]);
    const { page } = await pages.open(await pages.serve(node));
    await page.locator("#filter").fill("CACHE node");
    await expect.poll(() => namesOf(page), patience).toEqual(["node-5"]);
    await page.locator("#filter").fill("");
    await page.getByRole("button", { name: "suspect 1" }).click();
    await expect.poll(() => namesOf(page), patience).toEqual(["node-13"]);
    await expectText(page, "#shown", "1 of 20 members");
    await page.getByRole("button", { name: "all 20" }).click();
    const sortBy = (title: string): Promise<void> => page.locator("#columns button", { hasText: title }).click();
    await sortBy("RTT");
    await sortBy("RTT");
    await expect.poll(async () => (await namesOf(page))[0], patience).toBe("node-5");
    expect(await page.locator("#columns th[aria-sort=descending]").textContent()).toBe("RTT");
    await sortBy("Name");
    const natural = Array.from({ length: 20 }, (_, i) => `node-${i + 1}`);
    await expect.poll(() => namesOf(page), patience).toEqual(natural);
    await sortBy("Name");
    await expect.poll(() => namesOf(page), patience).toEqual(natural.toReversed());
  });

  it("goes on when the server is back, and says when the node was shut down", limit, async () => {
    const members = await pages.startMember("web-1");
    const url = await pages.serve(members);
    const { page } = await pages.open(url);
    await pages.endServers();
    await expectText(page, "#connection", "The connection is lost");
    await pages.serve(members, {}, Number(new URL(url).port));
    await expectText(page, "#connection", "Live");
    await members.shutdown();
    await expectText(page, "#connection", "The node was shut down");
    await expect.poll(() => page.locator("#node-state").textContent(), patience).toBe("shutdown");
  });

  it("works below a path, and with a token as the password", limit, async () => {
    const token = "a token of no one".replaceAll(" ", "-");
    const url = await pages.serve(await fakeNode(3), { basePath: "/admin/status", token });
    const httpCredentials = { username: "", password: token };
    const { page, problems } = await pages.open(url.replace(/\/$/, ""), { httpCredentials });
    await expect.poll(() => namesOf(page), patience).toEqual(["node-1", "node-2", "node-3"]);
    expect(problems).toEqual([]);
  });
});
