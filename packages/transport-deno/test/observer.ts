/** A worker with a member that joins the seed it gets, pings it all the time, and answers each message with the outcomes since the last one. */
import { createMemberlist } from "../src/index.ts";
import { testConfig } from "./support.ts";

const outcomes: string[] = [];
const member = await createMemberlist({
  ...testConfig("observer"),
  probeInterval: 300,
  tcpTimeout: 10_000,
  events: { notifyLeave: () => void outcomes.push("leave") },
});
const scope = globalThis as unknown as {
  addEventListener(type: "message", listener: (event: { readonly data: string }) => void): void;
  postMessage(message: unknown, transfer: readonly ArrayBuffer[]): void;
};

async function ping(seed: string): Promise<void> {
  for (;;) {
    await member.ping(seed).then(
      () => outcomes.push("answered"),
      () => outcomes.push("failed"),
    );
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

async function joinAndPing(seed: string): Promise<void> {
  await member.join([seed]);
  scope.postMessage(outcomes.splice(0), []);
  await ping(seed);
}

let isStarted = false;
scope.addEventListener("message", ({ data }) => {
  if (isStarted) scope.postMessage(outcomes.splice(0), []);
  else joinAndPing(data).catch(() => scope.postMessage(["not joined"], []));
  isStarted = true;
});
