import { isIp } from "@memberlist/core/internal";
import type { ResolvedOptions } from "./options.ts";
import { plainText } from "./responses.ts";

/** Refuses requests that must not see the status. */
export class Access {
  readonly #token: Promise<Uint8Array> | undefined;
  /** In lower case; undefined to allow all. */
  readonly #hosts: ReadonlySet<string> | undefined;

  constructor({ token, allowedHosts = token === undefined ? [] : undefined }: ResolvedOptions) {
    this.#token = token === undefined ? undefined : digest(token);
    this.#hosts = allowedHosts && new Set(allowedHosts.map((host) => host.toLowerCase()));
  }

  /** @returns the response to a refused request; undefined to allow it */
  async refuse(request: Request): Promise<Response | undefined> {
    if (!this.#allowsHost(hostOf(request))) {
      return plainText(421, "this host name is not allowed: use an IP address, or add the name to allowedHosts\n");
    }
    if (isFromOtherSite(request.headers)) return plainText(403, "requests of other web sites are refused\n");
    if (this.#token === undefined || (await this.#hasToken(request.headers, await this.#token))) return undefined;
    const headers = { "www-authenticate": 'Basic realm="memberlist status", charset="UTF-8"' };
    return plainText(401, "a token is needed: Authorization: Bearer TOKEN, or the token as the password\n", headers);
  }

  /** Any owner of a domain can let a name resolve to this machine. IP addresses and localhost are safe. */
  #allowsHost(host: string): boolean {
    return (
      this.#hosts === undefined || this.#hosts.has(host) || host === "localhost" || host.endsWith(".localhost") || isIp(host)
    );
  }

  /** Compares digests, so that the time does not reveal how much of a guess is right. */
  async #hasToken(headers: Headers, wanted: Uint8Array): Promise<boolean> {
    const given = tokenOf(headers.get("authorization") ?? "");
    if (given === undefined) return false;
    const actual = await digest(given);
    return wanted.reduce((difference, byte, i) => difference | (byte ^ (actual[i] ?? 0)), 0) === 0;
  }
}

/** Returns the host name without port and brackets, in lower case. */
function hostOf(request: Request): string {
  const host = request.headers.get("host") ?? new URL(request.url).host;
  return host
    .toLowerCase()
    .replace(/:\d+$/, "")
    .replace(/^\[(.*)\]$/, "$1")
    .replace(/\.$/, "");
}

/** Returns whether a page of another site sent the request. Such a page cannot read the response, but could occupy event streams. Links are allowed. */
function isFromOtherSite(headers: Headers): boolean {
  return headers.get("sec-fetch-site") === "cross-site" && headers.get("sec-fetch-mode") !== "navigate";
}

function tokenOf(authorization: string): string | undefined {
  const [, scheme = "", credentials = ""] = /^(\w+) +(\S+)$/.exec(authorization.trim()) ?? [];
  if (scheme.toLowerCase() === "bearer") return credentials;
  if (scheme.toLowerCase() !== "basic") return undefined;
  try {
    const pair = atob(credentials);
    return pair.slice(pair.indexOf(":") + 1);
  } catch {
    return undefined;
  }
}

async function digest(token: string): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(token)));
}
