import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

/** The path of a Deno; CI fetches one. Without it the suites that need it are skipped. */
export const deno: string = process.env["DENO"] ?? "";
if (deno === "") process.stdout.write("DENO is not set to the path of a Deno: its tests are skipped\n");

export const root: string = fileURLToPath(new URL("../../..", import.meta.url));
export const tests = "packages/transport-deno/test";

/** Runs a program with arguments. */
export const run: typeof execFile.__promisify__ = promisify(execFile);

/** Runs a file of tests by Deno. Its output; rejects when a test fails, with the output in the message. */
export async function denoTest(
  file: string,
  permissions: readonly string[],
  args: readonly string[] = [],
  { timeout = 80_000, env: added = {} }: { readonly timeout?: number; readonly env?: Readonly<Record<string, string>> } = {},
): Promise<string> {
  const command = ["test", "--no-check", "--no-prompt", ...permissions, `${tests}/${file}`, "--", ...args];
  const env = { ...process.env, NO_COLOR: "1", ...added };
  const { stdout } = await run(deno, command, { cwd: root, env, timeout }).catch((error: Error & { stdout?: string }) => {
    throw new Error(`${error.message}\n${error.stdout}`, { cause: error });
  });
  return stdout;
}
