import { statusHandler, type StatusDocument } from "@memberlist/status";
import { decodeKey, generateKey, localConfig, type Config, type Memberlist } from "@memberlist/core";

/** More than a packet holds, and more than is encrypted on the event loop. */
const messageSize = 1024 * 1024;

/** Two members in this process, encrypted and labelled: join, a reliable message, metadata, leave. Rejects when a step fails. The caller sets a deadline. */
export async function runCluster(createMemberlist: (config: Config) => Promise<Memberlist>): Promise<void> {
  const secretKey = decodeKey(generateKey());
  const base = { ...localConfig(), bindAddr: "127.0.0.1", bindPort: 0, label: "packed", tcpTimeout: 30_000, secretKey };
  let received: (message: Uint8Array) => void = () => undefined;
  const arrival = new Promise<Uint8Array>((resolve) => {
    received = resolve;
  });
  const one = await createMemberlist({ ...base, name: "one", delegate: { notifyMsg: (message) => received(message.slice()) } });
  const two = await createMemberlist({
    ...base,
    name: "two",
    delegate: { nodeMeta: () => new TextEncoder().encode("role=two") },
  });
  try {
    await two.join([`127.0.0.1:${one.localNode().port}`]);
    await Promise.all([one, two].map((member) => member.ready({ members: 2, timeout: 10_000 })));
    const meta = one.members().find((node) => node.name === "two")?.meta ?? new Uint8Array();
    expect(new TextDecoder().decode(meta), "role=two", "the metadata of two");

    const message = Uint8Array.from({ length: messageSize }, (_, i) => (i * 31 + (i >> 8)) & 255);
    await two.sendReliable(`one/127.0.0.1:${one.localNode().port}`, message);
    const arrived = await arrival;
    expect(arrived.length, messageSize, "the length of the message");
    expect(
      arrived.every((byte, i) => byte === message[i]),
      true,
      "that its bytes are the same",
    );
    await checkStatus(one);
    const events = one.events();
    await two.leave();
    for await (const event of events) if (event.type === "leave") break;
    expect(one.numMembers(), 1, "the number of members at the end");
  } finally {
    await Promise.all([one, two].map((member) => member.shutdown()));
  }
}

/** Reads all that the status handler serves, by requests of the web's own types. */
async function checkStatus(members: Memberlist): Promise<void> {
  const handler = statusHandler(members, { token: "a-token-for-a-test" });
  const get = (path: string, accept: string): Promise<Response> =>
    handler(new Request(`http://localhost${path}`, { headers: { accept, authorization: "Bearer a-token-for-a-test" } }));
  expect(await (await get("/healthz", "*/*")).text(), "ok\n", "the health");
  const { members: listed } = (await (await get("/", "application/json")).json()) as StatusDocument;
  expect(listed.length, 2, "the number of members in the status");
  expect((await (await get("/", "text/html")).text()).startsWith("<!doctype html>"), true, "that the page is HTML");
  const reader = (await get("/events", "text/event-stream")).body?.getReader();
  const { value } = (await reader?.read()) ?? {};
  expect(new TextDecoder().decode(value).startsWith("event: status\ndata: {"), true, "that the events begin with the state");
  await reader?.cancel();
}

function expect<T>(actual: T, expected: T, what: string): void {
  if (actual !== expected) throw new Error(`${what}: ${String(actual)} instead of ${String(expected)}`);
}
