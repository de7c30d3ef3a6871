import { spawnSync } from "node:child_process";
import { readFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { runCli } from "./program.ts";

const limit = { timeout: 60_000 };

/** Returns the words that bash offers after a command line. */
async function offered(line: string): Promise<readonly string[]> {
  const { stdout: script } = await runCli(["completions", "bash"]);
  const words = line.split(" ");
  const array = words.map((word) => `'${word}'`).join(" ");
  const program = `${script}\nCOMP_WORDS=(${array}); COMP_CWORD=${words.length - 1}; _memberlist; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const { stdout, stderr } = spawnSync("bash", ["--norc", "-c", program], { encoding: "utf8" });
  expect(stderr).toBe("");
  return stdout.trim().split("\n");
}

it("prints the version of the package for --version", limit, async () => {
  const { version } = JSON.parse(await readFile(new URL("../package.json", import.meta.url), "utf8")) as { version: string };
  expect(await runCli(["--version"])).toEqual({ code: 0, stdout: `${version}\n`, stderr: "" });
});

describe("memberlist completions", () => {
  it("completes commands, subcommands and options in bash", limit, async () => {
    expect(await offered("memberlist mem")).toEqual(["members"]);
    expect(await offered("memberlist keys ro")).toEqual(["rotate"]);
    expect(await offered("memberlist members 10.0.0.5 --wa")).toEqual(["--watch"]);
    expect(await offered("memberlist keys rotate --new")).toEqual(["--new-key-file"]);
    expect(await offered("memberlist agent 10.0.0.5 --preset ")).toEqual(["lan", "wan", "local", "kubernetes"]);
    expect(await offered("memberlist agent --preset l")).toEqual(["lan", "local"]);
    expect(await offered("memberlist doctor --ke")).toEqual(["--key-file", "--key"]);
  });

  it("prints scripts for zsh and fish, and refuses other shells", limit, async () => {
    expect((await runCli(["completions", "zsh"])).stdout).toMatch(/^#compdef memberlist\n/);
    const fish = await runCli(["completions", "fish"]);
    expect(fish.stdout).toContain("complete -c memberlist -n '__fish_use_subcommand' -f -a members -d ");
    expect(fish.stdout).toContain("complete -c memberlist -n '__fish_seen_subcommand_from members' -l watch -d ");
    expect((await runCli(["completions", "tcsh"])).code).toBe(2);
  });
});
