import type { Memberlist } from "@memberlist/core";
import { checkOptions, integer, shape, text, type Rules } from "@memberlist/core/internal";

/** The parts of a `Memberlist` that the status handler reads. */
export type StatusSource = Pick<
  Memberlist,
  "config" | "counters" | "events" | "get" | "members" | "protocolVersion" | "queues" | "recentEvents" | "toJSON" | "traffic"
>;

/** The source of the text of `/metrics`, such as the `Registry` of prom-client. */
export interface MetricsSource {
  /** The content type of the text. Default: `text/plain; version=0.0.4; charset=utf-8`, that of Prometheus. */
  readonly contentType?: string;
  /** Returns the metrics as text. */
  metrics(): string | Promise<string>;
}

/** Options of `statusHandler`. */
export interface StatusHandlerOptions {
  /** The path under which the handler is mounted, such as `/status`. Default "": for the root, and for a framework that strips the path. */
  readonly basePath?: string;
  /**
   * A secret of at least 16 characters that all requests except `/healthz` must have: as `Authorization: Bearer TOKEN`, or as the password
   * of Basic authentication (browsers ask for it; any user name works). Without it, each client that can send a request sees the cluster.
   */
  readonly token?: string;
  /**
   * The host names, without port, that requests may use. Requests with another name get status 421. This stops web sites whose own name resolves
   * to this machine (DNS rebinding) from reading the page. IP addresses and `localhost` are always allowed. Default: all names with a token, because
   * such a site does not have it; without a token only the names that are always allowed.
   */
  readonly allowedHosts?: readonly string[];
  /** Serves `/metrics`. Without it, `/metrics` gets status 404. */
  readonly metrics?: MetricsSource;
  /** The number of event streams that may be open at once. A page has one. Default 16. */
  readonly maxEventStreams?: number;
  /**
   * The interval of samples to open event streams, in ms. Without an open stream no timer runs. Samples also keep idle connections open: stay
   * below the idle timeouts of the server (Bun: 10 s) and of proxies. Default 2,000.
   */
  readonly sampleInterval?: number;
}

export type ResolvedOptions = Required<Omit<StatusHandlerOptions, "token" | "allowedHosts" | "metrics">> &
  Pick<StatusHandlerOptions, "token" | "allowedHosts" | "metrics">;

/** Shorter tokens can be guessed. */
const minTokenLength = 16;

const rules: Rules<StatusHandlerOptions> = {
  basePath: text('"" or a path such as "/status", without a slash at its end', (path) => /^(?:\/[^/?#\s]+)*$/.test(path)),
  token: { ...text(`a string of ${minTokenLength} visible ASCII characters or more`, isToken), secret: true },
  allowedHosts: {
    expected: "a list of host names without port",
    accepts: (value) => Array.isArray(value) && value.every((host) => typeof host === "string" && /^[^\s/:]+$/.test(host)),
  },
  metrics: shape(["metrics"]),
  maxEventStreams: integer(1, 10_000),
  sampleInterval: integer(100, 60_000),
};

/** @throws MemberlistError `invalid_argument` */
export function resolveOptions(options: StatusHandlerOptions): ResolvedOptions {
  checkOptions("statusHandler", options, rules);
  const { basePath = "", maxEventStreams = 16, sampleInterval = 2_000 } = options;
  return { ...options, basePath, maxEventStreams, sampleInterval };
}

function isToken(token: string): boolean {
  return token.length >= minTokenLength && /^[\x21-\x7e]+$/.test(token);
}
