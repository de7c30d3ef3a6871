import { afterAll, afterEach, beforeAll } from "vitest";
import { createMemberlist, localConfig, type Memberlist, type MemberEvent, type NodeConfig } from "../src/index.ts";
import { bundled, workerEntry } from "./worker-bundle.ts";
import { silent, until } from "./support.ts";

const threadEntry: URL = new URL("../src/thread.ts", import.meta.url);
export const policy: URL = new URL("./fixtures/cluster-policy.mjs", import.meta.url);

export interface ThreadTests {
  /** The thread's program, bundled. */
  readonly entry: () => URL;
  /** Starts a member in a thread of its own, which the end of the test shuts down. */
  readonly inThread: (name: string, fields?: Partial<NodeConfig>, thread?: object) => Promise<Memberlist>;
  /** Starts one on this event loop. */
  readonly onLoop: (name: string, fields?: Partial<NodeConfig>) => Promise<Memberlist>;
  /** Where the other programs were bundled to. */
  readonly program: (index: number) => URL;
}

/** @param programs that the tests start besides the thread's */
export function threadTests(...programs: readonly URL[]): ThreadTests {
  const bundles = bundled(threadEntry, workerEntry, ...programs);
  const running: Memberlist[] = [];
  const rejections: unknown[] = [];
  const note = (reason: unknown): void => void rejections.push(reason);
  beforeAll(() => void process.on("unhandledRejection", note));
  afterEach(async () => {
    await Promise.all(running.splice(0).map((member) => member.shutdown()));
    if (rejections.length > 0) throw new Error("a promise was rejected without a handler", { cause: rejections.splice(0)[0] });
  }, 60_000);
  afterAll(() => void process.off("unhandledRejection", note));
  const start = async (name: string, fields: Partial<NodeConfig>): Promise<Memberlist> => {
    const member = await createMemberlist({ ...testConfig(name), ...fields });
    running.push(member);
    return member;
  };
  return {
    entry: () => bundles.url(0),
    inThread: (name, fields = {}, thread = {}) => start(name, { thread: { entry: bundles.url(0), ...thread }, ...fields }),
    onLoop: (name, fields = {}) => start(name, fields),
    program: (index) => bundles.url(index + 2),
  };
}

export function testConfig(name: string): NodeConfig {
  const fast = { probeInterval: 300, gossipInterval: 20, pushPullInterval: 500, tcpTimeout: 10_000 };
  return { ...localConfig(), ...fast, name, bindAddr: "127.0.0.1", bindPort: 0, logger: silent };
}

/** `name/host:port`. */
export function seed(member: Memberlist): string {
  const { name, addr, port } = member.localNode();
  return `${name}/${addr}:${port}`;
}

export async function join(member: Memberlist, to: Memberlist): Promise<void> {
  await member.join([seed(to)]);
  await until(
    () => [member, to].every((one) => one.members().length === 2),
    `${member.localNode().name} and ${to.localNode().name} see each other`,
    20_000,
  );
}

/** The member's events from now on. */
export function eventsOf(member: Memberlist): MemberEvent[] {
  const events: MemberEvent[] = [];
  const follow = async (): Promise<void> => {
    for await (const event of member.events()) events.push(event);
  };
  follow().catch((error: unknown) => void setImmediate(rethrow, error));
  return events;
}

function rethrow(error: unknown): void {
  throw error;
}

export function text(message: Uint8Array | undefined): string {
  return new TextDecoder().decode(message);
}

export function bytes(message: string): Uint8Array {
  return new TextEncoder().encode(message);
}
