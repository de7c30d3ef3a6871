import { addressChecks } from "./address-checks.ts";
import { Bench, type Check } from "./bench.ts";
import { connectionChecks } from "./connection-checks.ts";
import { dialChecks } from "./dial-checks.ts";
import type { ConformanceCase, ConformanceHarness } from "./harness.ts";
import { packetChecks } from "./packet-checks.ts";
import { shutdownChecks } from "./shutdown-checks.ts";
import { streamChecks, streamFailureChecks } from "./stream-checks.ts";

const checks: readonly Check[] = [
  ...packetChecks,
  ...addressChecks,
  ...dialChecks,
  ...streamChecks,
  ...streamFailureChecks,
  ...connectionChecks,
  ...shutdownChecks,
];

/**
 * The rules for every transport, for any test runner and in any order:
 *
 * ```ts
 * for (const { name, run } of transportConformance(harness)) it(name, run); // vitest
 * for (const { name, run } of transportConformance(harness)) test(name, run); // node:test
 * for (const { name, run } of transportConformance(harness)) Deno.test(name, run); // Deno
 * ```
 *
 * Each case makes its own transports and shuts them down. They run in real time, in a second or two altogether. The list is the same for
 * every harness: a case that needs what the harness does not offer says so in its name, and passes.
 */
export function transportConformance(harness: ConformanceHarness): ConformanceCase[] {
  return checks.map((each) => {
    const notApplicable = obstacle(harness, each);
    if (notApplicable === undefined) return { name: each.name, notApplicable, run: () => runCheck(harness, each) };
    return { name: `${each.name} (not applicable: ${notApplicable})`, notApplicable, run: () => Promise.resolve() };
  });
}

function obstacle(harness: ConformanceHarness, { needs = [], unless }: Check): string | undefined {
  const missing = needs.find((part) => harness[part] === undefined);
  if (missing !== undefined) return `the harness has no ${missing}`;
  return unless !== undefined && harness[unless] === true ? `the harness says ${unless}` : undefined;
}

async function runCheck(harness: ConformanceHarness, { run }: Check): Promise<void> {
  const bench = new Bench(harness);
  try {
    await run(bench);
  } catch (error) {
    // The first failure counts, not a failure of the clean-up.
    await bench.close().catch(() => undefined);
    throw error;
  }
  await bench.close();
}
