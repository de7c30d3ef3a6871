import { queueBoundRules } from "../swim/broadcast-queue.ts";
import {
  boolean,
  clockRule,
  duration,
  durationOr,
  integer,
  isFunction,
  isObject,
  isPlainObject,
  randomRule,
  shape,
  text,
  type Rule,
  type Rules,
} from "../util/value-rules.ts";
import { canonicalIp } from "../api/address.ts";
import { parseCidr } from "./cidr.ts";
import type { Config, PresetConfig } from "./config.ts";
import { limitMaxima, type Limits } from "./limits.ts";
import { optionsRule } from "../api/check-arguments.ts";
import { closestName } from "../util/closest-name.ts";
import { isTags, packTags, type Tags } from "../util/tags.ts";
import {
  datagramMaxBytes,
  metaMaxSize,
  protocolVersionMax,
  protocolVersionMin,
  compoundHeaderOverhead,
  compoundOverhead,
  crcOverhead,
} from "../wire/constants.ts";
import { emptyBytes } from "../wire/bytes.ts";
import { labelMaxSize } from "../wire/label.ts";
import { maxTimerDelay } from "../ports/clock.ts";
import { encryptOverhead } from "../wire/encryption.ts";

/** A name of this many bytes leaves room for full metadata, a label and encryption in a packet of the default size. */
const nameMaxSize: number = 255;
/** The smallest `udpBufferSize`: it holds a small alive message. */
const udpBufferSizeMin: number = 128;

const countMax = 1_000;
const capacityMax = 1_000_000;

function utf8Length(text: string): number {
  return new TextEncoder().encode(text).length;
}

const transportShape: Rule = shape(
  ["finalAdvertiseAddr", "writeTo", "dial", "listen", "shutdown"],
  ["hasAddress", "resolve", "resolveSrv"],
);

const transportRule: Rule = {
  expected: `${transportShape.expected}, and optionally a crypto with the method aesGcm`,
  accepts: (value) => transportShape.accepts(value) && isCrypto((value as { readonly crypto?: unknown }).crypto),
};

function isCrypto(crypto: unknown): boolean {
  return crypto === undefined || (isObject(crypto) && typeof crypto["aesGcm"] === "function");
}

const keyringShape: Rule = shape(["addKey", "useKey", "removeKey", "getKeys", "getPrimaryKey"]);

/** Accepts a keyring of another copy of this library. Without size or revision it would look empty, and messages would be plaintext. */
function isKeyring(value: unknown): boolean {
  if (!keyringShape.accepts(value)) return false;
  const { size, revision } = value as { readonly size?: unknown; readonly revision?: unknown };
  return Number.isInteger(size) && Number.isInteger(revision);
}

const limitRules = Object.fromEntries(Object.entries(limitMaxima).map(([name, max]) => [name, integer(1, max)])) as Rules<Limits>;

/** The methods of all delegates. One object may serve as several of them. */
const delegateMethods = {
  delegate: ["nodeMeta", "notifyMsg", "getBroadcasts", "localState", "mergeRemoteState"],
  events: ["notifyJoin", "notifyLeave", "notifyUpdate"],
  conflict: ["notifyConflict"],
  merge: ["notifyMerge"],
  ping: ["ackPayload", "notifyPingComplete"],
  alive: ["notifyAlive"],
} as const;

const allDelegateMethods: readonly string[] = Object.values(delegateMethods).flat();

/**
 * A delegate with optional or required methods. In a plain object, a method that looks like a misspelt one is refused, since nobody would
 * ever call it. Instances of classes may have methods of any name.
 */
function delegateRule(kind: keyof typeof delegateMethods, need: "optional" | "required"): Rule {
  const names = delegateMethods[kind];
  const methods = need === "required" ? shape(names) : shape([], names);
  // A method of a similar name beside the right one is a helper.
  const missing = (value: Readonly<Record<string, unknown>>): readonly string[] =>
    names.filter((name) => value[name] === undefined);
  const misspelt = (value: unknown): string | undefined => {
    if (!isPlainObject(value)) return undefined;
    return Object.keys(value).find((name) => typeof value[name] === "function" && isMisspelt(name, missing(value)));
  };
  return {
    ...methods,
    accepts: (value) => methods.accepts(value) && misspelt(value) === undefined,
    problem: (value) => {
      const name = misspelt(value);
      if (name === undefined) return undefined;
      const meant = closestName(name, names) ?? names.filter((each) => each.startsWith("notify")).join(" or ");
      return `.${name} is never called; did you mean ${meant}?`;
    },
  };
}

function isMisspelt(name: string, names: readonly string[]): boolean {
  if (allDelegateMethods.includes(name)) return false;
  return name.startsWith("notify") || closestName(name, names) !== undefined;
}

function isUnspecified(ip: string): boolean {
  return ip === "0.0.0.0" || ip === "::";
}

function isReachable(addr: string): boolean {
  const ip = canonicalIp(addr);
  return addr === "" || (ip !== undefined && !isUnspecified(ip) && !ip.includes("%"));
}

const port: Rule = integer(0, 65_535);
const multiplier: Rule = integer(1, countMax);
const delegateVersion: Rule = integer(0, 255);

/** A rule for each field. A missing or undefined field is not checked, except `name`. */
export const configRules: Rules<Config> = {
  name: text(`a string of 1 to ${nameMaxSize} bytes (UTF-8)`, (value) => value !== "" && utf8Length(value) <= nameMaxSize),
  transport: transportRule,
  label: text(`a string of at most ${labelMaxSize} bytes (UTF-8)`, (value) => utf8Length(value) <= labelMaxSize),
  skipInboundLabelCheck: boolean,
  bindAddr: text("a literal IP address", (value) => canonicalIp(value) !== undefined),
  bindPort: port,
  advertiseAddr: {
    expected: '"" or a literal IP address that others can reach (not 0.0.0.0 or ::, no zone), or a function that returns one',
    accepts: (value) => typeof value === "function" || (typeof value === "string" && isReachable(value)),
  },
  advertisePort: port,
  addressCheckInterval: durationOr("off"),
  protocolVersion: integer(protocolVersionMin, protocolVersionMax),
  tcpTimeout: duration,
  indirectChecks: integer(0, countMax),
  retransmitMult: multiplier,
  suspicionMult: multiplier,
  suspicionMaxTimeoutMult: multiplier,
  pushPullInterval: durationOr("off"),
  probeInterval: durationOr("off"),
  probeTimeout: duration,
  disableTcpPings: boolean,
  disableTcpPingsForNode: isFunction,
  awarenessMaxMultiplier: multiplier,
  lagAwareness: boolean,
  gossipInterval: durationOr("off"),
  gossipNodes: integer(0, countMax),
  gossipToTheDeadTime: durationOr("not at all"),
  gossipVerifyIncoming: boolean,
  gossipVerifyOutgoing: boolean,
  enableCompression: boolean,
  coalesceMessages: boolean,
  userBroadcastShare: {
    expected: "a number from 0 to 1",
    accepts: (value) => typeof value === "number" && value >= 0 && value <= 1,
  },
  broadcastQueue: optionsRule(queueBoundRules),
  selectNodes: isFunction,
  secretKey: {
    expected: "a Uint8Array of 16, 24 or 32 bytes (or empty: no key)",
    accepts: (value) => value instanceof Uint8Array && [0, 16, 24, 32].includes(value.length),
    secret: true,
  },
  keyring: { expected: "a Keyring", accepts: isKeyring, secret: true },
  delegate: delegateRule("delegate", "optional"),
  delegateProtocolVersion: delegateVersion,
  delegateProtocolMin: delegateVersion,
  delegateProtocolMax: delegateVersion,
  events: delegateRule("events", "optional"),
  conflict: delegateRule("conflict", "required"),
  merge: delegateRule("merge", "required"),
  ping: delegateRule("ping", "optional"),
  alive: delegateRule("alive", "required"),
  dnsConfigPath: text('a file path, or ""', (value) => !value.includes("\0")),
  logOutput: shape(["write"]),
  logger: shape(["debug", "info", "warn", "error"]),
  handoffQueueDepth: integer(1, capacityMax),
  udpBufferSize: integer(udpBufferSizeMin, datagramMaxBytes),
  deadNodeReclaimTime: durationOr("never"),
  requireNodeNames: boolean,
  cidrsAllowed: {
    expected: 'a list of CIDRs such as "10.0.0.0/8" or "fd00::/8"',
    accepts: (value) => Array.isArray(value) && value.every((cidr) => typeof cidr === "string" && parseCidr(cidr) !== undefined),
  },
  limits: optionsRule(limitRules),
  metricLabels: {
    expected: "an object whose values are strings",
    accepts: (value) => isObject(value) && Object.values(value).every((label) => typeof label === "string"),
  },
  queueCheckInterval: duration,
  meta: {
    expected: `a Uint8Array of at most ${metaMaxSize} bytes`,
    accepts: (value) => value instanceof Uint8Array && value.length <= metaMaxSize,
  },
  tags: {
    expected: "an object whose values are strings",
    accepts: (value) => isTags(value) && packTags(value).length <= metaMaxSize,
    problem: (value) =>
      isTags(value)
        ? ` take ${packTags(value).length} bytes of metadata, and the limit is ${metaMaxSize}: shorten them`
        : undefined,
  },
  metrics: shape(["increment", "gauge", "sample"]),
  clock: clockRule,
  random: randomRule,
  eventsCapacity: integer(1, capacityMax),
  healingInterval: durationOr("off"),
  healingTimeout: durationOr("for ever"),
  store: shape(["load", "save"]),
};

/** The config with the defaults filled in. Single fields may still be wrong. */
export type MergedConfig = PresetConfig & Pick<Config, "name">;

/** The metadata of the config, for a node without `delegate.nodeMeta`. */
export function metaOf({ meta, tags }: { readonly meta?: Uint8Array; readonly tags?: Tags }): Uint8Array {
  return tags === undefined ? (meta ?? emptyBytes) : packTags(tags);
}

/** A rule between fields. It applies only if each of `fields` is valid by itself. A violation is reported for the first of them. */
export interface ConfigCrossRule {
  readonly fields: readonly [keyof Config, ...(keyof Config)[]];
  /** The end of the sentence "must be …" for the first field; undefined if the rule holds. */
  readonly violated: (config: MergedConfig) => string | undefined;
}

/** The common logarithm of the largest cluster that the rules support: ten million nodes. */
const clusterScaleMax = 7;
/** The longest alive message without name and metadata: type byte, map header, six keys, their headers, numbers and an IPv6 address. */
const aliveFixedBytes = 76;
/** The longest dead message without its two names. A node leaves with a dead message. */
const deadFixedBytes = 40;
/** The largest overhead of encryption, with the padding of version 0. */
const encryptionBytes = encryptOverhead(0);

/** The smallest packet with room for the node's own alive and dead messages, which it must be able to send. */
function ownMessageBytes(config: MergedConfig): number {
  // An empty keyring counts, too, because it may get keys while the node runs.
  const encrypted = (config.secretKey?.length ?? 0) > 0 || config.keyring !== undefined;
  const label = config.label === "" ? 0 : 2 + utf8Length(config.label);
  const name = utf8Length(config.name);
  const message = Math.max(aliveFixedBytes + name + metaOf(config).length, deadFixedBytes + 2 * name);
  return message + compoundHeaderOverhead + compoundOverhead + crcOverhead + (encrypted ? encryptionBytes : 0) + label;
}

export const configCrossRules: readonly ConfigCrossRule[] = [
  {
    fields: ["probeTimeout", "probeInterval"],
    violated: ({ probeTimeout, probeInterval }) =>
      probeInterval > 0 && probeTimeout >= probeInterval ? `less than probeInterval (${probeInterval} ms)` : undefined,
  },
  {
    fields: ["probeInterval", "suspicionMult", "suspicionMaxTimeoutMult"],
    violated: ({ probeInterval, suspicionMult, suspicionMaxTimeoutMult }) =>
      probeInterval * suspicionMult * suspicionMaxTimeoutMult * clusterScaleMax > maxTimerDelay
        ? `so short that the longest suspicion (probeInterval · suspicionMult · suspicionMaxTimeoutMult · ${clusterScaleMax}) ` +
          `is at most ${maxTimerDelay} ms; 0 switches probing off`
        : undefined,
  },
  {
    fields: ["probeInterval", "awarenessMaxMultiplier"],
    violated: ({ probeInterval, awarenessMaxMultiplier }) =>
      probeInterval * awarenessMaxMultiplier > maxTimerDelay
        ? `so short that probeInterval · awarenessMaxMultiplier is at most ${maxTimerDelay} ms; 0 switches probing off`
        : undefined,
  },
  {
    fields: ["delegateProtocolVersion", "delegateProtocolMin", "delegateProtocolMax"],
    violated: ({ delegateProtocolVersion: version, delegateProtocolMin: min, delegateProtocolMax: max }) =>
      version < min || version > max ? `from delegateProtocolMin (${min}) to delegateProtocolMax (${max})` : undefined,
  },
  {
    fields: ["logOutput", "logger"],
    violated: ({ logOutput, logger }) =>
      logOutput !== undefined && logger !== undefined
        ? "left out when logger is given, because a line goes to one of them"
        : undefined,
  },
  {
    fields: ["tags", "meta"],
    violated: ({ tags, meta }) =>
      tags !== undefined && meta !== undefined ? "left out when meta is given, because tags are the whole metadata" : undefined,
  },
  {
    fields: ["tags", "delegate"],
    violated: ({ tags, delegate }) =>
      tags !== undefined && delegate?.nodeMeta !== undefined
        ? "left out when the delegate has nodeMeta, because both are the whole metadata: return encodeTags(…) from nodeMeta"
        : undefined,
  },
  {
    fields: ["udpBufferSize", "name", "label", "meta", "tags", "secretKey", "keyring"],
    violated: (config) => {
      const bytes = ownMessageBytes(config);
      return config.udpBufferSize < bytes
        ? `at least ${bytes}, which this node's own messages take with its name, label, metadata and encryption`
        : undefined;
    },
  },
];
