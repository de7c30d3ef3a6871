import { existsSync } from "node:fs";
import { chromium, type Browser } from "playwright-core";

/** Where Debian and its relatives put the program. `CHROMIUM` names another one. */
const programs = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

/** The path of an installed Chromium. Without one it prints a line; in CI it throws. */
export function findChromium(): string | undefined {
  const named = process.env["CHROMIUM"];
  if (named !== undefined && named !== "") return named;
  const found = programs.find((program) => existsSync(program));
  if (found !== undefined) return found;
  const line = "interop: Chromium was not found, so the status page is not tested (Debian: apt-get install chromium)";
  if (process.env["CI"]) throw new Error(line);
  process.stderr.write(`${line}\n`);
  return undefined;
}

/** A browser without a window. Containers run as root, where Chromium's sandbox cannot work, and have little shared memory. */
export function launchChromium(executablePath: string): Promise<Browser> {
  return chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-dev-shm-usage"] });
}
