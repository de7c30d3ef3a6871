import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { createRequestListener } from "@remix-run/node-fetch-server";
import type { Memberlist } from "@memberlist/core";
import { hostPort } from "@memberlist/core/internal";
import { statusHandler } from "@memberlist/status";
import { CommandError, exitCodes } from "../exit-codes.ts";
import { KeysHandler } from "../keys/keys-handler.ts";
import { listenAdvice } from "./listen-advice.ts";

/** How long requests may take after the shutdown of the member, in ms. */
const closeTimeout = 1_000;

/** The HTTP server of an agent. It serves the status page, which is read-only, and `/keys`, which requires the token. */
export class AgentServer {
  readonly url: string;
  readonly #server: Server;

  private constructor(server: Server, url: string) {
    this.#server = server;
    this.url = url;
  }

  /** @throws CommandError that names `--http` if the server cannot listen on the address */
  static async listen(
    members: Memberlist,
    { host, port }: { readonly host: string; readonly port: number },
    token: string | undefined,
  ): Promise<AgentServer> {
    const status = statusHandler(members, { token });
    const keys = new KeysHandler(members, token);
    const listener = createRequestListener((request) =>
      new URL(request.url).pathname === "/keys" ? keys.handle(request) : status(request),
    );
    const server = createServer((request, response) => {
      if (isWellFormed(request)) listener(request, response);
      else response.writeHead(400, { "content-type": "text/plain" }).end("this request is malformed\n");
    });
    await new Promise<void>((resolve, reject) => {
      server.once("error", (error: Error & { readonly code?: string }) => {
        const advice = listenAdvice("--http", error.code) ?? error.message;
        reject(new CommandError(`${hostPort(host, port)}: ${advice}`, exitCodes.failed, { cause: error }));
      });
      server.listen(port, host, resolve);
    });
    const address = server.address() as AddressInfo;
    return new AgentServer(server, `http://${hostPort(host, address.port)}`);
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#server.closeIdleConnections();
    const timer = setTimeout(() => this.#server.closeAllConnections(), closeTimeout);
    await closed;
    clearTimeout(timer);
  }
}

/** Returns false for an invalid Host header and for methods such as TRACE. Scanners send them: they get an answer, but cause no log line. */
function isWellFormed({ method = "", url = "", headers }: IncomingMessage): boolean {
  try {
    return new Request(`http://${headers.host ?? "localhost"}${url}`, { method }).url !== "";
  } catch {
    return false;
  }
}
