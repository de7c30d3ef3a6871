/** Two members of a process without a free file descriptor: they keep running, report failed streams, and send again after descriptors are free. */
import { closeSync, openSync } from "node:fs";
import { createMemberlist, localConfig, type MemberlistError } from "@memberlist/transport-node";

const silent = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };

function exhaust(): number[] {
  const files: number[] = [];
  for (;;) {
    try {
      files.push(openSync("/dev/null", "r"));
    } catch {
      return files;
    }
  }
}

async function main(): Promise<void> {
  const base = { ...localConfig(), bindAddr: "127.0.0.1", bindPort: 0, tcpTimeout: 10_000, pushPullInterval: 0, logger: silent };
  let arrived: () => void = () => undefined;
  const arrival = new Promise<void>((resolve) => {
    arrived = resolve;
  });
  const one = await createMemberlist({ ...base, name: "one", delegate: { notifyMsg: () => arrived() } });
  const two = await createMemberlist({ ...base, name: "two" });
  try {
    const address = `127.0.0.1:${one.localNode().port}`;
    await two.join([address]);
    await Promise.all([one, two].map((member) => member.ready({ members: 2, timeout: 10_000 })));
    const files = exhaust();
    const code = await two.sendReliable(`one/${address}`, new Uint8Array(100)).then(
      () => "sent",
      (error: MemberlistError) => error.code,
    );
    // Packets need no descriptor of their own.
    const roundTrip = await two.ping(`one/${address}`);
    for (const file of files) closeSync(file);
    if (code !== "dial_failed") throw new Error(`with ${files.length} files open: ${code}`);
    if (!(roundTrip >= 0)) throw new Error("no ping");
    await two.sendReliable(`one/${address}`, new Uint8Array(100));
    // The caller sets a deadline.
    await arrival;
  } finally {
    await Promise.all([one, two].map((member) => member.shutdown()));
  }
  process.stdout.write("all is well\n");
}

main().catch((error: unknown) => {
  process.stderr.write(`${String(error)}\n`);
  process.exitCode = 1;
});
