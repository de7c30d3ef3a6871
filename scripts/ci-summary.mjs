// Adds up vitest's JSON reports and prints the closing line of a CI run: `N passed, N failed`.
// usage: node scripts/ci-summary.mjs <failed steps> <report.json>…
// A report that is missing counts as a failure, and so does, in CI, every skipped test.
import { readFileSync } from "node:fs";

const [failedSteps, ...reports] = process.argv.slice(2);
let passed = 0;
let failed = Number(failedSteps);

for (const path of reports) {
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
  // A file that cannot even be loaded has no failed tests, only a failed suite.
  if (!report.success && report.numFailedTests === 0) {
    console.log(`${path}: a test file failed outside its tests`);
    failed++;
  }
}

console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
