/**
 * Builds the Go peer and prints its path, or prints the error on stderr. A process of its own, so that the demonstration can end it while it
 * compiles. Exit codes: 0, 1 the build failed, 3 Go is not installed.
 */
import { buildGoPeer, goVersion } from "@memberlist/interop";

if ((await goVersion()) === undefined) {
  process.stderr.write("Go was not found\n");
  process.exitCode = 3;
} else {
  try {
    process.stdout.write(`${await buildGoPeer()}\n`);
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  }
}
