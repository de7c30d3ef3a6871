import type { Memberlist } from "@memberlist/core";
import { checkOptions, integer, shape, text, type Rules } from "@memberlist/core/internal";

/** What the status handler reads of a `Memberlist`. */
export type StatusSource = Pick<
  Memberlist,
  "config" | "counters" | "events" | "get" | "members" | "protocolVersion" | "queues" | "recentEvents" | "toJSON" | "traffic"
>;

/** Where the text of `/metrics` comes from, such as the `Registry` of prom-client. */
export interface MetricsSource {
  /** The content type of the text. Default: `text/plain; version=0.0.4; charset=utf-8`, that of Prometheus. */
  readonly contentType?: string;
  metrics(): string | Promise<string>;
}

/** Options of `statusHandler`. */
export interface StatusHandlerOptions {
  /** The path below which the handler is mounted, such as `/status`. Default "": the root, or a framework that strips the path. */
  readonly basePath?: string;
  /**
   * A secret of 16 characters or more that every request but `/healthz` must have: as `Authorization: Bearer TOKEN`, or as the password
   * of Basic authentication (browsers ask for it; any user name will do). Without it, whoever can send a request sees the cluster.
   */
  readonly token?: string;
  /**
   * The host names, without port, under which requests may come: others get status 421. It keeps web sites that resolve their own name to this
   * machine (DNS rebinding) from reading the page. IP addresses and `localhost` are always allowed. Default: with a token all names,
   * since such a site does not have it; without a token none.
   */
  readonly allowedHosts?: readonly string[];
  /** Serves `/metrics`. Default: there is no such page. */
  readonly metrics?: MetricsSource;
  /** How many event streams may be open at once. A page has one. Default 16. */
  readonly maxEventStreams?: number;
  /**
   * How often open event streams get new samples, in ms. No timer runs while none is open. The samples also keep idle connections open: stay
   * below the limit of the server (Bun: 10 s) and of proxies. Default 2,000.
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
