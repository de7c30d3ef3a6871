// Whether each member gets each message once and in order through churn and a partition, and how fast after its end. In virtual time.
// usage: node scripts/run.mjs --memory packages/topics/bench/faults.ts churn,partition 9,49,199 1
import process from "node:process";
import { churn, partition } from "../test/faults.ts";

const faults = { churn, partition };
const [names = "churn,partition", sizes = "9,49", seeds = "1"] = process.argv.slice(2);

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

print("| faults | members | seed | published | agreed after | complete after that | repaired | CPU |");
print("| --- | --- | --- | --- | --- | --- | --- | --- |");
for (const name of names.split(",") as (keyof typeof faults)[]) {
  for (const nodes of sizes.split(",").map(Number)) {
    for (const seed of seeds.split(",").map(Number)) {
      const before = process.cpuUsage();
      const { agreedAfter, completeAfter, problems, published, repaired } = await faults[name]({ nodes, seed });
      const { user } = process.cpuUsage(before);
      const seconds = (ms: number): string => `${(ms / 1_000).toFixed(1)} s`;
      const times = [seconds(agreedAfter), seconds(completeAfter)];
      print(`| ${[name, nodes, seed, published, ...times, repaired, seconds(user / 1_000)].join(" | ")} |`);
      for (const problem of problems.slice(0, 10)) print(problem);
      if (problems.length === 0) continue;
      print(`${problems.length} problems`);
      process.exitCode = 1;
    }
  }
}
