import { PassThrough } from "node:stream";
import { describe, expect, it } from "vitest";
import { ask } from "../src/terminal/ask.ts";

/** A stream like that of a terminal: readline puts it into raw mode. */
function terminal(): PassThrough & { readonly isTTY: true; setRawMode(): void } {
  return Object.assign(new PassThrough(), { isTTY: true, setRawMode: () => undefined } as const);
}

describe("ask", () => {
  it.each([
    ["yes \n", "yes"],
    ["\n", ""],
    ["\u0003", ""],
    ["\u0004", ""],
  ])("returns for the input %j the answer %j", async (typed, answer) => {
    const [input, output] = [terminal(), terminal()];
    const asked = ask("go on? ", input, output);
    input.write(typed);
    expect(await asked).toBe(answer);
    expect(String(output.read())).toContain("go on? ");
  });

  it("returns an empty answer when the input ends", async () => {
    const input = new PassThrough();
    const asked = ask("go on? ", input, new PassThrough());
    input.end();
    expect(await asked).toBe("");
  });
});
