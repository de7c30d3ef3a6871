/** Runs the command line of a tarball, by the given program and arguments: `members` and `doctor` examine a member of this process, and `keygen` makes a key. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { createMemberlist, localConfig } from "@memberlist/transport-node";

const [program = "", ...before] = process.argv.slice(2);
const members = await createMemberlist({ ...localConfig(), name: "packed", bindAddr: "127.0.0.1", bindPort: 0 });
const run = (...args: readonly string[]): Promise<{ stdout: string }> => promisify(execFile)(program, [...before, ...args]);
try {
  const { address } = members.toJSON();
  const listed = await run("members", address, "--json");
  const { members: nodes } = JSON.parse(listed.stdout) as { members: { name: string }[] };
  if (nodes.map(({ name }) => name).join() !== "packed") throw new Error(`members listed ${listed.stdout}`);
  await run("doctor", address, "--duration", "1");
  const { stdout: key } = await run("keygen");
  if (key.trim().length !== 44) throw new Error(`keygen printed ${key.trim().length} characters instead of 44`);
} finally {
  await members.shutdown();
}
process.stdout.write("all is well\n");
