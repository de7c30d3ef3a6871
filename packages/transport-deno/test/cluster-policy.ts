/** A module of `thread.module`: it decides in the thread of a member, and fails there by the name of a peer. */
import type { Config } from "../src/index.ts";

const scope = globalThis as unknown as { close(): void };

const policy: Partial<Config> = {
  alive: {
    notifyAlive: ({ name }) => {
      if (name === "exit") Deno.exit(7);
      if (name === "close") scope.close();
      if (name === "throw") setTimeout(fail, 0);
      if (name.startsWith("banned")) throw new Error(`${name} is banned`);
    },
  },
};

function fail(): never {
  throw new Error("the policy has failed");
}

export default policy;
