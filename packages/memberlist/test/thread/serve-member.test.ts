import { expect, it } from "vitest";
import type { LocalMember } from "../../src/runtime/local-member.ts";
import { serveMember } from "../../src/thread/serve-member.ts";
import { shared, type ApplicationMessage, type StartMessage } from "../../src/thread/thread-messages.ts";

const start: StartMessage = {
  type: "start",
  config: {},
  given: [],
  module: "file:///policy.js",
  keys: undefined,
  seeds: [],
  functions: [],
  hasChannelState: false,
  hasMetrics: false,
  meta: new Uint8Array(),
  ackPayload: new Uint8Array(),
  applicationTimeout: 0,
  shared: new SharedArrayBuffer(shared.bytes),
};

it("asks for the state of a channel that was opened while the thread loaded its module", async () => {
  const posted: unknown[] = [];
  let toThread: (message: ApplicationMessage) => void = () => undefined;
  const member = new Promise<LocalMember>((resolve) => {
    const runtime = {
      delegates: { channels: undefined },
      engine: { trackChanges: () => undefined, outputs: {} },
      events: { follow: () => undefined },
      watch: () => undefined,
    };
    serveMember({
      port: { post: (message) => posted.push(message), listen: (onMessage) => (toThread = onMessage) },
      create: (_config, { onMember }) => {
        const created = { runtime } as unknown as LocalMember;
        onMember?.(created);
        resolve(created);
        // The member is still being started.
        return new Promise(() => undefined);
      },
      load: () => Promise.resolve({ default: {} }),
    });
  });
  toThread(start);
  toThread({ type: "channels", hasState: true });
  const { runtime } = await member;
  runtime.delegates.channels?.localState(false).catch(() => undefined);
  expect(posted).toContainEqual({ type: "question", id: 1, question: { about: "channelState", join: false } });
});
