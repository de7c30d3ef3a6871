// `pnpm sim`: bundles the CLI, and runs it in a process that may fill most of the memory: thousands of nodes are gigabytes. Nothing has to have been built.
import { spawn } from "node:child_process";
import { constants, totalmem } from "node:os";
import { fileURLToPath } from "node:url";
import { bundleCli } from "./bundle.mjs";

const memory = Math.min(totalmem(), process.constrainedMemory() || Infinity);
const flags = [
  `--max-old-space-size=${Math.floor((0.8 * memory) / 2 ** 20)}`,
  // Most of what a run makes is short-lived: a larger nursery spares a tenth of the time.
  "--max-semi-space-size=64",
];

await bundleCli(fileURLToPath(new URL("bin/sim.mjs", import.meta.url)));
const program = fileURLToPath(new URL("cli.mjs", import.meta.url));
// By the channel it learns that this process is gone, however that was ended.
const child = spawn(process.execPath, [...flags, program, ...process.argv.slice(2)], {
  stdio: ["inherit", "inherit", "inherit", "ipc"],
});
// What comes from the terminal the child gets as well; what ends this process has to end the child.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
child.once("error", (error) => {
  throw error;
});
// As shells say it: of Ctrl-C 130.
child.once("exit", (code, signal) => (process.exitCode = code ?? 128 + constants.signals[signal]));
