import { errorMessage } from "@memberlist/core/internal";
import { Access } from "./access.ts";
import { EventFeed } from "./event-feed.ts";
import { resolveOptions, type MetricsSource, type StatusHandlerOptions, type StatusSource } from "./options.ts";
import { pageHtml, pageSources } from "./page-html.ts";
import { plainText, respond } from "./responses.ts";
import { prefersHtml } from "./accept.ts";

const varies = { vary: "accept" };

/** Allows the page only its own script, style and server. */
const pageHeaders = {
  ...varies,
  "content-security-policy": [
    "default-src 'none'",
    `script-src ${pageSources.script}`,
    `style-src ${pageSources.style}`,
    "connect-src 'self'",
    "img-src data:",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
  ].join("; "),
};

const prometheusText = "text/plain; version=0.0.4; charset=utf-8";

/**
 * Makes a handler for web-standard requests that shows the state of a node. It is read-only, and shows neither keys nor messages.
 *
 * | path | response |
 * | --- | --- |
 * | `/` | the status page for browsers; a {@link StatusDocument} as JSON for clients that do not accept HTML |
 * | `/events` | server-sent events: `status` (a {@link StatusDocument}), `event`, `update`, and `end` at the shutdown |
 * | `/healthz` | 200 while the node is a member, 503 after `leave` or `shutdown`; needs no token |
 * | `/metrics` | the text of `options.metrics`, if given |
 *
 * @throws MemberlistError `invalid_argument` for a wrong option
 *
 * @example
 * Deno.serve({ hostname: "127.0.0.1", port: 8080 }, statusHandler(members));
 */
export function statusHandler(
  members: StatusSource,
  options: StatusHandlerOptions = {},
): (request: Request) => Promise<Response> {
  const handler = new StatusHandler(members, options);
  return (request) => handler.handle(request);
}

class StatusHandler {
  readonly #members: StatusSource;
  readonly #basePath: string;
  readonly #metrics: MetricsSource | undefined;
  readonly #access: Access;
  readonly #feed: EventFeed;

  constructor(members: StatusSource, options: StatusHandlerOptions) {
    const resolved = resolveOptions(options);
    this.#members = members;
    this.#basePath = resolved.basePath;
    this.#metrics = resolved.metrics;
    this.#access = new Access(resolved);
    this.#feed = new EventFeed(members, resolved);
  }

  async handle(request: Request): Promise<Response> {
    const { method } = request;
    if (method !== "GET" && method !== "HEAD") return plainText(405, "this page can only be read\n", { allow: "GET, HEAD" });
    const response = await this.#get(request);
    return method === "HEAD" ? new Response(null, response) : response;
  }

  async #get(request: Request): Promise<Response> {
    const path = this.#pathOf(request);
    if (path === "/healthz") return this.#health();
    const refused = await this.#access.refuse(request);
    if (refused !== undefined) return refused;
    if (path === "/") return this.#root(request);
    if (path === "/events") return this.#events(request);
    if (path === "/metrics" && this.#metrics !== undefined) return metricsResponse(this.#metrics);
    return plainText(404, "page not found\n");
  }

  /** Returns the path under the base path; undefined for other paths. */
  #pathOf(request: Request): string | undefined {
    const { pathname } = new URL(request.url);
    if (pathname === this.#basePath) return "/";
    return pathname.startsWith(`${this.#basePath}/`) ? pathname.slice(this.#basePath.length) : undefined;
  }

  #health(): Response {
    const { state } = this.#members.toJSON();
    return state === "left" || state === "shutdown" ? plainText(503, `${state}\n`) : plainText(200, "ok\n");
  }

  #root({ headers }: Request): Response {
    if (prefersHtml(headers.get("accept") ?? "")) return respond(200, "text/html; charset=utf-8", pageHtml, pageHeaders);
    const { document } = this.#feed.status();
    return respond(200, "application/json", JSON.stringify(document), varies);
  }

  #events({ method, signal }: Request): Response {
    if (this.#members.toJSON().state === "shutdown") return plainText(503, "the node was shut down\n");
    if (method === "HEAD") return respond(200, "text/event-stream", "");
    if (this.#feed.isFull) {
      return plainText(503, "too many event streams are open: close one, or raise maxEventStreams\n", { "retry-after": "10" });
    }
    // Without this header, proxies such as nginx wait until a buffer is full.
    return respond(200, "text/event-stream", this.#feed.open(signal), { "x-accel-buffering": "no" });
  }
}

async function metricsResponse(source: MetricsSource): Promise<Response> {
  try {
    return respond(200, source.contentType ?? prometheusText, await source.metrics());
  } catch (error) {
    return plainText(500, `the metrics could not be read: ${errorMessage(error)}\n`);
  }
}
