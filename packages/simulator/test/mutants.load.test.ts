import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import type { Plugin } from "esbuild";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { bundle } from "../../../scripts/bundle.mjs";

/** A way to break the core: in one file, one piece of code becomes another. */
interface Mutant {
  readonly what: string;
  readonly file: string;
  readonly code: string;
  readonly becomes: string;
  /** The invariants that may notice: the first one that is broken ends the run. */
  readonly found: RegExp;
}

const mutants: readonly Mutant[] = [
  {
    what: "an old message revives the dead",
    file: "swim/membership.ts",
    code: "message.incarnation <= record.incarnation && !isTakeover",
    becomes: "message.incarnation < record.incarnation && !isTakeover",
    found: /gone-is-final/,
  },
  {
    what: "a node believes that it is dead",
    file: "swim/membership.ts",
    code: "record.name === config.name && !this.#context.hasLeft",
    becomes: "false",
    found: /alive-at-itself/,
  },
  {
    what: "a refutation is not newer than what it refutes",
    file: "swim/membership.ts",
    code: "const incarnation = nextIncarnation(this.#context, accused);",
    becomes: "const incarnation = accused;",
    found: /incarnation-owner|incarnation-rises|agreement/,
  },
  {
    what: "the application is not notified of the dead",
    file: "swim/membership.ts",
    code: 'outputs.events.push({ type: "leave", node: record.viewOnce(), cause: why });',
    becomes: "",
    found: /events-match-table|events-in-order/,
  },
  {
    what: "packets may be longer than is allowed",
    file: "swim/gossip.ts",
    code: "config.udpBufferSize - compoundHeaderOverhead",
    becomes: "config.udpBufferSize + 200 - compoundHeaderOverhead",
    found: /packet-size/,
  },
  {
    what: "a suspect is never given up",
    file: "swim/membership.ts",
    code: "this.dead({ incarnation: record.incarnation, node: record.name, from: config.name }, { cause });",
    becomes: "",
    found: /agreement/,
  },
  {
    what: "others' incarnations are raised",
    file: "swim/membership.ts",
    code: "this.#gossip.broadcast(message.node, encodeDead(message), finished);",
    becomes:
      "message = { ...message, incarnation: message.incarnation + 1 }; this.#gossip.broadcast(message.node, encodeDead(message), finished);",
    found: /incarnation-owner/,
  },
  {
    what: "a timer outlives its node",
    file: "runtime/node-runtime.ts",
    code: "this.engine.stop();\n    this.#timer.clear();",
    becomes: "this.engine.stop();",
    found: /timer-owner/,
  },
];

const seeds = 150;
let folder: string;
beforeAll(() => void (folder = mkdtempSync(join(tmpdir(), "mutants-"))));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function breaking({ file, code, becomes }: Mutant): Plugin {
  return {
    name: "mutant",
    setup: ({ onLoad }) => {
      onLoad({ filter: new RegExp(`packages/memberlist/src/${file.replaceAll(/[/.]/g, "\\$&")}$`) }, ({ path }) => {
        const source = readFileSync(path, "utf8");
        if (source.split(code).length !== 2) throw new Error(`${file} does not have this code once: ${code}`);
        return { contents: source.replace(code, () => becomes), loader: "ts" };
      });
    },
  };
}

/** Fuzzes a core with these changes, without shrinking. @returns what failed, or "" */
async function fuzz(name: string, plugins: Plugin[]): Promise<string> {
  const program = join(folder, `${name}.mjs`);
  await bundle(new URL("../src/cli/sim.ts", import.meta.url), pathToFileURL(program), plugins);
  const args = [program, "fuzz", "--seeds", String(seeds), "--jobs", "1", "--no-shrink"];
  try {
    await promisify(execFile)(process.execPath, args, { timeout: 60_000 });
    return "";
  } catch (error) {
    return String((error as { readonly stdout?: string }).stdout);
  }
}

describe("fuzzing", () => {
  test.each(mutants)("finds a broken engine: $what", { timeout: 70_000 }, async (mutant) => {
    expect(await fuzz(String(mutants.indexOf(mutant)), [breaking(mutant)])).toMatch(mutant.found);
  });
});
