import { describe, expect, it } from "vitest";
import { clusters, inThread } from "./cluster.ts";
import { identityEffects } from "./identity-effects.ts";
import { protocolEffects } from "./protocol-effects.ts";

const cluster = clusters();

// A thread has timers of its own, and reports metrics every 100 ms.
const onEventLoop = ["clock", "queueCheckInterval"];
const effects = Object.entries({ ...identityEffects, ...protocolEffects }).filter(
  ([field]) => !inThread || !onEventLoop.includes(field),
);

describe("each field of the config", () => {
  it.each(effects)("changes the behaviour of a member: %s", async (_, effect) => {
    await expect(effect(cluster())).resolves.not.toThrow();
  });
});
