import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { createRequestListener } from "@remix-run/node-fetch-server";
import { Hono } from "hono";
import { afterEach, expect, it } from "vitest";
import { createMemberlist, localConfig, type Memberlist } from "@memberlist/transport-node";
import { statusHandler } from "../src/index.ts";
import { EventReader } from "./support.ts";

const servers: Server[] = [];
const running: Memberlist[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map((members) => members.shutdown()));
  await Promise.all(
    servers.splice(0).map((server) => {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(resolve));
    }),
  );
});

async function start(): Promise<Memberlist> {
  const logOutput = { write: () => undefined };
  const config = { ...localConfig(), name: "web-1", bindAddr: "127.0.0.1", bindPort: 0, logOutput };
  const members = await createMemberlist(config);
  running.push(members);
  return members;
}

async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** Mounts the handler in Hono, beside a route of the application. */
function hono(members: Memberlist): RequestListener {
  const app = new Hono();
  const status = statusHandler(members, { basePath: "/status" });
  app.get("/", (context) => context.text("the application"));
  app.all("/status/*", (context) => status(context.req.raw));
  return createRequestListener((request) => app.fetch(request));
}

it.each([
  ["node:http", "", (members: Memberlist) => createRequestListener(statusHandler(members))],
  ["Hono", "/status", hono],
])("serves all pages in %s, and ends its streams with the node", async (_, path, listenerOf) => {
  const members = await start();
  const base = (await serve(listenerOf(members))) + path;
  expect(await (await fetch(`${base}/healthz`)).text()).toBe("ok\n");
  expect(await (await fetch(`${base}/`)).json()).toMatchObject({ node: { name: "web-1" } });
  expect((await fetch(`${base}/`, { method: "POST", body: "x" })).status).toBe(405);
  expect((await fetch(`${base}/`, { method: "HEAD" })).status).toBe(200);
  const reader = new EventReader(await fetch(`${base}/events`)).readAll();
  await expect.poll(() => reader.of("status")).toHaveLength(1);
  await members.updateNode({ meta: new TextEncoder().encode("new") });
  await expect.poll(() => reader.of("event").map(({ event }) => event.type)).toContain("update");
  await members.shutdown();
  await expect.poll(() => reader.isClosed).toBe(true);
  expect(reader.received.at(-1)?.type).toBe("end");
});

it("frees the place of a client that disconnects", async () => {
  const members = await start();
  const base = await serve(createRequestListener(statusHandler(members, { maxEventStreams: 1 })));
  const abort = new AbortController();
  const response = await fetch(`${base}/events`, { signal: abort.signal });
  const reader = new EventReader(response);
  await reader.read();
  expect((await fetch(`${base}/events`)).status).toBe(503);
  abort.abort();
  await expect
    .poll(async () => {
      const again = await fetch(`${base}/events`);
      await again.body?.cancel();
      return again.status;
    })
    .toBe(200);
});
