import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const run = promisify(execFile);
/** The first build compiles some 150 crates. */
const buildTimeout = 30 * 60_000;

/**
 * Builds the node of the Rust crate, and returns its path. cargo builds again only what has changed.
 *
 * @param report gets one line before the build, or with the reason why the crate does not take part
 * @returns undefined in CI, without cargo, and if the build fails
 */
export async function buildRustNode(report: (line: string) => void): Promise<string | undefined> {
  if (process.env["CI"]) {
    report("rust: not measured in CI");
    return undefined;
  }
  const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
  const target = at("rust");
  try {
    await run("cargo", ["--version"]);
  } catch {
    report("rust: not measured, since cargo is not installed");
    return undefined;
  }
  report("rust: cargo builds the node (minutes, the first time)");
  try {
    await run("cargo", ["build", "--release", "--locked", "--quiet", "--target-dir", target], {
      cwd: at("../rust-node/"),
      timeout: buildTimeout,
      maxBuffer: 64 * 1024 * 1024,
    });
  } catch (error) {
    report(`rust: not measured, since cargo cannot build the node: ${lastLine(error)}`);
    return undefined;
  }
  return at(`rust/release/rust-node${process.platform === "win32" ? ".exe" : ""}`);
}

function lastLine(error: unknown): string {
  const { stderr, message } = error as Partial<Error> & { readonly stderr?: string };
  return (stderr?.trim() || message || String(error)).split("\n").at(-1) ?? "";
}
