// Adds up vitest's JSON reports, names each test and step that failed, and prints the closing line of a CI run: `N passed, N failed`.
// usage: node scripts/ci-summary.mjs [--failed <step>]… <report.json>:<exit code of its run>…
// These count as failures, too: a missing report, a skipped test in CI, and a run that failed without a failed test. An unhandled rejection, for
// example, fails a run and is not in its report.
import { readFileSync } from "node:fs";
import { basename, relative } from "node:path";
import { parseArgs } from "node:util";

const { values, positionals } = parseArgs({
  options: { failed: { type: "string", multiple: true, default: [] } },
  allowPositionals: true,
});
let passed = 0;
let failed = 0;

for (const step of values.failed) fail(`step ${step}`);
for (const argument of positionals) {
  const at = argument.lastIndexOf(":");
  addReport(argument.slice(0, at), Number(argument.slice(at + 1)));
}
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);

function fail(what, count = 1) {
  failed += count;
  console.log(`failed: ${what}`);
}

function addReport(path, exitCode) {
  const suite = basename(path, ".json");
  let report;
  try {
    report = JSON.parse(readFileSync(path, "utf8"));
  } catch {
    fail(`${suite}: the report is missing`);
    return;
  }
  const failedBefore = failed;
  passed += report.numPassedTests;
  if (report.numPassedTests === 0) fail(`${suite}: no test ran`);
  if (report.numFailedTests > 0) fail(`${suite}: ${report.numFailedTests} tests`, report.numFailedTests);
  const skipped = report.numPendingTests + report.numTodoTests;
  if (skipped > 0 && process.env.CI) fail(`${suite}: ${skipped} skipped; CI allows none`, skipped);
  for (const { name, message, assertionResults } of report.testResults ?? []) {
    const unexpected = assertionResults.filter(({ status }) => status !== "passed" && (status === "failed" || process.env.CI));
    for (const { status, fullName, failureMessages } of unexpected) {
      console.log(`  ${status}: ${relative(process.cwd(), name)}: ${fullName}${firstLines(failureMessages?.[0])}`);
    }
    if (assertionResults.length === 0) console.log(`  no test ran: ${relative(process.cwd(), name)}${firstLines(message)}`);
  }
  if ((exitCode !== 0 || !report.success) && failed === failedBefore) {
    fail(`${suite}: the run failed outside its tests, with exit code ${exitCode}`);
  }
}

function firstLines(message = "") {
  return message
    .split("\n", 4)
    .map((line) => `\n    ${line}`)
    .join("");
}
