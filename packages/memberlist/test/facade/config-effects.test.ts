import { describe, expect, it } from "vitest";
import { clusters } from "./cluster.ts";
import { identityEffects } from "./identity-effects.ts";
import { protocolEffects } from "./protocol-effects.ts";

const cluster = clusters();

describe("each field of the config has an effect:", () => {
  it.each(Object.entries({ ...identityEffects, ...protocolEffects }))("%s", async (_, effect) => {
    await expect(effect(cluster())).resolves.not.toThrow();
  });
});
