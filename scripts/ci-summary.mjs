// Adds up vitest's JSON reports and prints the closing line of a CI run: `N passed, N failed`.
// usage: node scripts/ci-summary.mjs <failed steps> <report.json>:<exit code of its run>…
// A report that is missing counts as a failure, and so does, in CI, every skipped test. So does a run that failed although none of
// its tests did: an unhandled rejection, say, which is in no report.
import { readFileSync } from "node:fs";

const [failedSteps, ...reports] = process.argv.slice(2);
let passed = 0;
let failed = Number(failedSteps);

for (const argument of reports) {
  const at = argument.lastIndexOf(":");
  const path = argument.slice(0, at);
  const exitCode = Number(argument.slice(at + 1));
  let report;
  try {
    report = JSON.parse(readFileSync(path, "utf8"));
  } catch {
    console.log(`no test report at ${path}`);
    failed++;
    continue;
  }
  const skipped = report.numPendingTests + report.numTodoTests;
  passed += report.numPassedTests;
  failed += report.numFailedTests;
  if (report.numPassedTests === 0) {
    console.log(`${path}: no test ran`);
    failed++;
  }
  if (skipped > 0 && process.env.CI) {
    console.log(`${path}: ${skipped} skipped; in CI nothing may be`);
    failed += skipped;
  }
  if ((exitCode !== 0 || !report.success) && report.numFailedTests === 0) {
    console.log(`${path}: the run failed outside its tests, with exit code ${exitCode}`);
    failed++;
  }
}

console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
