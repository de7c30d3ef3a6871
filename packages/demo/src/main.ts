import { runDemo } from "./demo.ts";
import { runGuest } from "./guest.ts";
import { Interruption } from "./interruption.ts";
import { optionsOf, usage, type DemoOptions } from "./options.ts";
import { chooseView } from "./view.ts";

/** The program: `node dist/main.js`, see {@link usage}. `start` builds what it needs and runs it. */
async function main(options: DemoOptions): Promise<number> {
  if (options.help) {
    process.stdout.write(usage);
    return 0;
  }
  const interruption = new Interruption();
  const view = chooseView(options.json, process.stdout);
  try {
    const run = options.join.length > 0 ? runGuest : runDemo;
    return await run(options, (event) => view.show(event), interruption);
  } finally {
    view.close();
    interruption.dispose();
  }
}

const options = optionsOf(process.argv.slice(2));
process.exitCode = options === undefined ? 2 : await main(options);
