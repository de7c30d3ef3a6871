import type { Config, PresetConfig } from "./fields.ts";
import { utf8Length } from "./rules.ts";
import { maxTimerDelay } from "../ports/clock.ts";
import { compoundHeaderOverhead, compoundOverhead, crcOverhead } from "../wire/constants.ts";
import { encryptOverhead } from "../wire/encryption.ts";

/** The config with the defaults filled in. Single fields may still be wrong. */
export type MergedConfig = PresetConfig & Pick<Config, "name">;

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
  const message = Math.max(aliveFixedBytes + name + (config.meta?.length ?? 0), deadFixedBytes + 2 * name);
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
    fields: ["udpBufferSize", "name", "label", "meta", "secretKey", "keyring"],
    violated: (config) => {
      const bytes = ownMessageBytes(config);
      return config.udpBufferSize < bytes
        ? `at least ${bytes}, which this node's own messages take with its name, label, meta and encryption`
        : undefined;
    },
  },
];
