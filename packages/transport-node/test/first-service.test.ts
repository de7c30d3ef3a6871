import { readFileSync } from "node:fs";
import { runInThisContext } from "node:vm";
import { expect, it } from "vitest";

it("sends a message between two members with the guide's first program", async () => {
  const page = readFileSync(new URL("../../../docs/guide/first-service.md", import.meta.url), "utf8");
  const examples = [...page.matchAll(/```ts\n([\s\S]*?)```/g)].map(([, code]) => code as string);
  const example = examples.find((code) => code.includes("localConfig()"))!;
  // Types and the import go; what is left is JavaScript.
  const code = example.replace(/^import .*$/m, "").replace(": Delegate", "");
  const received: string[] = [];
  const console = { log: (...words: string[]) => received.push(words.join(" ")) };
  const { createMemberlist, localConfig } = await import("../src/index.ts");
  const run = runInThisContext(`(async (createMemberlist, localConfig, console) => { ${code} })`) as (
    ...args: unknown[]
  ) => Promise<void>;
  await run(createMemberlist, localConfig, console);
  await expect.poll(() => received).toEqual(["received hello"]);
});
