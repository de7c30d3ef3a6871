import { spawn, type ChildProcess } from "node:child_process";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, it } from "vitest";
import type { StatusDocument } from "@memberlist/status";
import { binDir } from "../src/go-toolchain.ts";
import { findRuntime, type RuntimeId } from "../src/runtimes.ts";
import { freePort } from "./support.ts";

const root = fileURLToPath(new URL("../../..", import.meta.url));
const patience = { timeout: 30_000 };
const started: ChildProcess[] = [];
afterEach(() => started.splice(0).forEach((child) => child.kill("SIGKILL")));

/** The program of docs/guide/status-page.md that has the words, listening on free ports. */
async function programOf(words: string, httpPort: number): Promise<string> {
  const guide = await readFile(join(root, "docs/guide/status-page.md"), "utf8");
  const found = [...guide.matchAll(/```(?:ts|js)\n([\s\S]*?)```/g)]
    .map(([, code = ""]) => code)
    .filter((code) => code.includes(words));
  expect(found).toHaveLength(1);
  const program = found[0]
    ?.replace("port: 8080", `port: ${httpPort}`)
    .replace("...lanConfig(),", '...lanConfig(), bindAddr: "127.0.0.1", bindPort: 0,');
  await mkdir(binDir, { recursive: true });
  const file = join(binDir, `${words.toLowerCase().replaceAll(".", "-")}-${httpPort}.ts`);
  await writeFile(file, program ?? "");
  return file;
}

describe.each<[RuntimeId, string, readonly string[]]>([
  ["deno", "Deno.serve", ["run", "--quiet", "--no-prompt", "--allow-net", "--unstable-net"]],
  ["bun", "Bun.serve", ["--conditions=@memberlist/source"]],
])("on %s", (id, words, args) => {
  const runtime = findRuntime(id);

  it.skipIf(runtime === undefined)(
    `serves the page, the JSON and the events by the guide's lines for ${words}`,
    { timeout: 60_000 },
    async () => {
      const port = await freePort();
      const child = spawn(runtime ?? id, [...args, await programOf(words, port)], {
        cwd: root,
        stdio: ["ignore", "ignore", "pipe"],
      });
      started.push(child);
      let stderr = "";
      child.stderr.setEncoding("utf8").on("data", (text: string) => void (stderr += text));
      const url = `http://127.0.0.1:${port}/`;
      const health = (): Promise<string> =>
        fetch(`${url}healthz`).then(
          (response) => response.text(),
          () => stderr,
        );
      await expect.poll(health, patience).toBe("ok\n");
      const document = (await (await fetch(url)).json()) as StatusDocument;
      expect(document.node).toMatchObject({ name: "web-1", state: "alive" });
      const page = await fetch(url, { headers: { accept: "text/html" } });
      expect(page.headers.get("content-type")).toBe("text/html; charset=utf-8");
      const events = await fetch(`${url}events`);
      const reader = events.body?.pipeThrough(new TextDecoderStream()).getReader();
      let text = "";
      const read = async (): Promise<string> => (text += (await reader?.read())?.value ?? "");
      await expect.poll(read, patience).toMatch(/^event: status\n[\s\S]*event: update\n/);
      await reader?.cancel();
    },
  );
});
