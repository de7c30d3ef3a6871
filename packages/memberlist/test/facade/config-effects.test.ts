import { describe, expect, it } from "vitest";
import { clusters } from "./cluster.ts";
import { identityEffects } from "./identity-effects.ts";
import { protocolEffects } from "./protocol-effects.ts";

const cluster = clusters();

describe("each field of the config", () => {
  it.each(Object.entries({ ...identityEffects, ...protocolEffects }))(
    "changes the behaviour of a member: %s",
    async (_, effect) => {
      await expect(effect(cluster())).resolves.not.toThrow();
    },
  );
});
