/**
 * Builds the Go peer and prints where it is, or says on stderr why not. A process of its own, so that it can be ended while it
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
