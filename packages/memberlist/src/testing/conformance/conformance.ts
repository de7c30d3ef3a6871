import { addressChecks } from "./address-checks.ts";
import { Bench, type Check } from "./bench.ts";
import { dialChecks } from "./dial-checks.ts";
import type { ConformanceCase, ConformanceHarness } from "./harness.ts";
import { packetChecks } from "./packet-checks.ts";
import { shutdownChecks } from "./shutdown-checks.ts";
import { streamChecks } from "./stream-checks.ts";

/**
 * What every transport must hold, for any test runner and in any order:
 *
 * ```ts
 * for (const { name, run } of transportConformance(harness)) it(name, run); // vitest
 * for (const { name, run } of transportConformance(harness)) test(name, run); // node:test
 * for (const { name, run } of transportConformance(harness)) Deno.test(name, run); // Deno
 * ```
 *
 * Each case makes its own transports and shuts them down. They run in real time, in a second or two altogether.
 */
export function transportConformance(harness: ConformanceHarness): ConformanceCase[] {
  return [...packetChecks, ...addressChecks, ...dialChecks, ...streamChecks, ...shutdownChecks]
    .filter(({ offered }) => offered === undefined || offered(harness))
    .map((each) => ({ name: each.name, run: () => runCheck(harness, each) }));
}

async function runCheck(harness: ConformanceHarness, { run }: Check): Promise<void> {
  const bench = new Bench(harness);
  try {
    await run(bench);
  } catch (error) {
    // What failed first is what there is to say, whatever the clean-up comes to.
    await bench.close().catch(() => undefined);
    throw error;
  }
  await bench.close();
}
