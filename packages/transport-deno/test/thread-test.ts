/** Run by Deno with its sanitizers: members in workers. Its argument is "denied" where the worker's program may not be read. */
import { deepStrictEqual, ok, rejects, strictEqual } from "node:assert/strict";
import { createMemberlist, type DenoConfig, type Memberlist, type MemberEvent } from "../src/index.ts";
import { denoGlobal, startThread } from "../src/start-thread.ts";
import { ca, certificateOf } from "./quic-support.ts";
import { pattern, testConfig, until } from "./support.ts";

const [what = "allowed"] = Deno.args;
const allowed = { ignore: what !== "allowed" };
const policy = new URL("./cluster-policy.ts", import.meta.url);
const endless = new URL("./endless-thread.ts", import.meta.url);
const other = new URL("./other-thread.ts", import.meta.url);
const missing = new URL("./no-such-thread.ts", import.meta.url);

function start(name: string, fields: Partial<DenoConfig> = {}): Promise<Memberlist> {
  return createMemberlist({
    ...testConfig(name),
    probeInterval: 300,
    gossipInterval: 20,
    pushPullInterval: 500,
    tcpTimeout: 10_000,
    ...fields,
  });
}

const seed = (member: Memberlist): string => `${member.localNode().name}/127.0.0.1:${member.localNode().port}`;

async function join(member: Memberlist, to: Memberlist): Promise<void> {
  await member.join([seed(to)]);
  await until(() => [member, to].every((one) => one.numMembers() === 2), "two members at each", 20_000);
}

function text(message: Uint8Array): string {
  return new TextDecoder().decode(message);
}

function bytes(message: string): Uint8Array {
  return new TextEncoder().encode(message);
}

for (const over of ["UDP and TCP", "streams alone", "QUIC"] as const) {
  Deno.test(`members in workers exchange messages of all sizes over ${over}`, allowed, async () => {
    const own = async (name: string): Promise<Partial<DenoConfig>> => {
      if (over === "streams alone") return { streamOnly: true };
      return over === "QUIC" ? { quic: { ca: ca.certificate, ...(await certificateOf(name)) } } : {};
    };
    const received = { a: [] as Uint8Array[], b: [] as Uint8Array[] };
    const delegate = (name: "a" | "b") => ({ notifyMsg: (message: Uint8Array) => void received[name].push(message) });
    const a = await start("a", { thread: true, delegate: delegate("a"), ...(await own("a")) });
    const b = await start("b", { thread: true, delegate: delegate("b"), ...(await own("b")) });
    await join(b, a);
    const sizes = [64, 100_000, ...(over === "UDP and TCP" ? [6 * 1024 * 1024] : [])];
    for (const size of sizes) {
      await a.sendReliable(b.localNode(), pattern(size));
      await b.sendReliable(a.localNode(), pattern(size));
    }
    a.sendBestEffort(b.localNode(), pattern(1_000));
    b.sendBestEffort(a.localNode(), pattern(1_000));
    await until(() => Object.values(received).every((messages) => messages.length > sizes.length), "all messages", 60_000);
    for (const messages of Object.values(received)) {
      deepStrictEqual(
        messages.map(({ length }) => length).sort((x, y) => x - y),
        [64, 1_000, ...sizes.slice(1)],
      );
      for (const message of messages) ok(message.every((byte, i) => byte === ((i * 31 + (i >>> 8)) & 0xff)));
    }
    await Promise.all([a.shutdown(), b.shutdown()]);
  });
}

Deno.test("a member in a worker calls delegates, reports events, and decides by its module", allowed, async () => {
  const heard: string[] = [];
  const a = await start("a", {
    thread: { module: policy },
    meta: bytes("one"),
    delegate: { localState: () => bytes("state of a"), mergeRemoteState: (state) => void heard.push(text(state)) },
    events: { notifyJoin: ({ name }) => void heard.push(`join ${name}`) },
  });
  const theirs: string[] = [];
  const b = await start("b", {
    delegate: { localState: () => bytes("state of b"), mergeRemoteState: (state) => void theirs.push(text(state)) },
  });
  const banned = await start("banned");
  await banned.join([seed(a)]);
  await join(a, b);
  await until(() => heard.includes("state of b") && theirs.includes("state of a"), "the states");
  ok(heard.includes("join b"));
  strictEqual(a.get("banned"), undefined);
  await a.updateNode({ meta: bytes("two") });
  await until(() => text(b.get("a")?.meta ?? bytes("")) === "two", "the metadata");
  await rejects(a.join(["127.0.0.1:1"]), { code: "join_failed" });
  await a.leave({ timeout: 20_000 });
  await Promise.all([a, b, banned].map((member) => member.shutdown()));
});

for (const [name, reason] of [
  ["exit", "it has exited"],
  ["close", "it has exited"],
  ["throw", "the policy has failed"],
] as const) {
  Deno.test(`a worker that fails by ${name} is started again`, allowed, async () => {
    const a = await start("a", { thread: { module: policy } });
    const b = await start("b");
    await join(b, a);
    const { incarnation } = a.localNode();
    const events: MemberEvent[] = [];
    const failing = start(name);
    const follow = (async () => {
      for await (const event of a.events()) events.push(event);
    })();
    const peer = await failing;
    await peer.join([seed(a)]).catch(() => undefined);
    await until(() => events.some(({ type }) => type === "thread_failed"), "the event");
    await peer.shutdown();
    const failure = events.find(({ type }) => type === "thread_failed") as MemberEvent & { readonly error: Error };
    ok(failure.error.message.includes(reason), failure.error.message);
    const isBack = (): boolean => a.localNode().incarnation > incarnation && a.get("b")?.state === "alive";
    await until(isBack, "the new thread", 40_000);
    await Promise.all([a.shutdown(), b.shutdown()]);
    await follow;
  });
}

Deno.test("a blocked application keeps its member in the cluster", allowed, async () => {
  const a = await start("a", { thread: true });
  const observer = new denoGlobal.Worker(new URL("./observer.ts", import.meta.url), { type: "module", name: "observer" });
  const report = (): Promise<readonly string[]> => {
    const next = new Promise<readonly string[]>((resolve) => {
      observer.addEventListener("message", ({ data }) => resolve(data as readonly string[]), { once: true });
    });
    observer.postMessage(seed(a), []);
    return next;
  };
  await report();
  await until(() => a.numMembers() === 2, "the observer", 20_000);
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 3_000);
  const pings = await report();
  ok(pings.filter((outcome) => outcome === "answered").length > 20, `answered: ${pings.length}`);
  ok(!pings.includes("leave"));
  observer.terminate();
  await a.shutdown();
});

Deno.test("what cannot be sent to a worker is refused by its name", allowed, async () => {
  const credentials = { ca: ca.certificate, ...(await certificateOf("a")) };
  const quic = { ...credentials, authorize: () => true };
  await rejects(start("a", { thread: true, quic }), (error: Error) => error.message.includes("quic.authorize must be left out"));
  await rejects(start("a", { thread: true, quic: { ...credentials, idleTimeout: 0 } }), { code: "invalid_config" });
});

Deno.test("without a program a member fails with thread_unavailable, or runs on the event loop", allowed, async () => {
  await rejects(start("a", { thread: { entry: missing } }), { code: "thread_unavailable" });
  const a = await start("a", { thread: { entry: missing, prefer: true } });
  await a.shutdown();
});

for (const [what, file, timeout, reason] of [
  ["runs for ever without a report", endless, 300, "endless-thread.ts did not report within 0.3 s that it runs"],
  ["reports something else", other, undefined, "other-thread.ts is not the program of a member's thread"],
] as const) {
  Deno.test(`an entry that ${what} is refused, and its worker ended`, allowed, async () => {
    const message = `${reason}: bundle @memberlist/transport-deno/thread`;
    await rejects(startThread(file, timeout), (error: Error & { readonly code?: unknown }) => {
      return error.code === "thread_unavailable" && error.message.includes(message);
    });
  });
}

Deno.test("without --allow-read a member names it, or runs on the event loop", { ignore: what !== "denied" }, async () => {
  await rejects(start("a", { thread: true }), (error: Error & { code?: unknown }) => {
    return error.code === "thread_unavailable" && error.message.includes("--allow-read");
  });
  const a = await start("a", { thread: "prefer" });
  await a.shutdown();
});
