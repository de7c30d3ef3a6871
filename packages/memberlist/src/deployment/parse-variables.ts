import { isIp, parseAddress } from "../api/address.ts";
import { errorMessage, MemberlistError } from "../api/errors.ts";
import { srvSeeds, type Seed } from "../api/seeds.ts";
import type { PresetConfig } from "../config/config.ts";
import { kubernetesConfig, lanConfig, localConfig, wanConfig } from "../config/defaults.ts";
import { decodeKey } from "../encryption/key.ts";
import { Keyring } from "../encryption/keyring.ts";
import { encodeTags, type Tags } from "../util/tags.ts";

/** The presets by the names that MEMBERLIST_PRESET and `--preset` take. */
export const presets: Readonly<Record<PresetName, () => PresetConfig>> = {
  lan: lanConfig,
  wan: wanConfig,
  local: localConfig,
  kubernetes: kubernetesConfig,
};
export type PresetName = "lan" | "wan" | "local" | "kubernetes";
export const presetNames: readonly PresetName[] = ["lan", "wan", "local", "kubernetes"];

/** An address to bind or to advertise. */
export interface IpPort {
  readonly host: string;
  /** 0 lets the system choose a free port. */
  readonly port: number;
}

/**
 * Parses `IP` or `IP:port` (`[IP]:port` for IPv6).
 *
 * @throws MemberlistError `invalid_address`; the message does not repeat the text
 */
export function parseIpPort(text: string, defaultPort: number): IpPort {
  // `parseAddress` rejects port 0, because the address of a member cannot have it. Here it stands for a free port.
  const free = isIp(text) ? null : /^(.*):0$/.exec(text);
  let problem = "the host must be a literal IP";
  try {
    const { host, port, name } = parseAddress(free?.[1] ?? text, defaultPort);
    if (isIp(host) && name === "") return { host, port: free === null ? port : 0 };
  } catch (error) {
    problem = reasonOf(error);
  }
  throw new MemberlistError("invalid_address", `${problem}; write IP or IP:port, such as 10.0.0.5:7946 or [fd00::5]:7946`);
}

/** @throws MemberlistError `invalid_address`; the message does not repeat the text */
function checkAddress(text: string, what: string): void {
  try {
    parseAddress(text, 7946);
  } catch (error) {
    throw new MemberlistError("invalid_address", `${what}: ${reasonOf(error)}; write host, host:port or name/host:port`);
  }
}

/** The reason why an address is wrong, without the address. */
function reasonOf(error: unknown): string {
  const reason = error instanceof MemberlistError ? error.details["reason"] : undefined;
  return typeof reason === "string" ? reason : errorMessage(error);
}

/** A seed as a string, or the SRV records of a name that begins with an underscore (`_gossip._tcp.shop.internal`). */
function parseSeed(text: string): Seed {
  return text.startsWith("_") && !text.includes("/") ? srvSeeds(text) : text;
}

/**
 * Parses seeds that commas or white space separate.
 *
 * @throws MemberlistError `invalid_address` for a string that is not an address; the message does not repeat it
 */
export function parseSeeds(text: string): Seed[] {
  return text
    .split(/[\s,]+/)
    .filter((seed) => seed !== "")
    .map((seed, i) => {
      const parsed = parseSeed(seed);
      if (typeof parsed === "string") checkAddress(parsed, `seed ${i + 1}`);
      return parsed;
    });
}

/**
 * Parses tags: `name=value`, separated by commas.
 *
 * @throws MemberlistError `invalid_argument` for a part without a name and `=`, or a repeated name; `meta_too_large`. The messages show no tag
 */
export function parseTags(text: string): Tags {
  const tags = new Map<string, string>();
  for (const part of text.split(",").map((one) => one.trim())) {
    const [, name = "", value = ""] = /^([^=]+)=(.*)$/s.exec(part) ?? [];
    if (name === "") throw new MemberlistError("invalid_argument", "write name=value, separated by commas: role=web,zone=eu-1");
    if (tags.has(name)) throw new MemberlistError("invalid_argument", `tag ${tags.size + 1} has the name of another`);
    tags.set(name, value);
  }
  const parsed = Object.fromEntries(tags);
  encodeTags(parsed);
  return parsed;
}

/**
 * Parses keys in base64, one on each line. The first encrypts, all decrypt. Empty lines and lines that begin with `#`
 * do not count.
 *
 * @throws MemberlistError `invalid_argument` for a line that is not a key, or without any; the message shows no part of a line
 */
export function parseKeys(content: string): Keyring {
  const lines = content.split("\n").map((line) => line.trim());
  const keys = lines.filter((line) => line !== "" && !line.startsWith("#")).map(decodeKey);
  const [primary, ...others] = keys;
  if (primary === undefined)
    throw new MemberlistError("invalid_argument", "the key is missing: create one with memberlist keygen");
  return new Keyring(others, primary);
}
