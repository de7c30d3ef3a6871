import { lanConfig } from "./defaults.ts";
import type { Config, ResolvedConfig } from "./fields.ts";
import { checkConfig } from "./validation.ts";
import { resolveLimits } from "./limits.ts";
import { systemClock } from "../ports/clock.ts";
import { systemRandom } from "../ports/random.ts";
import { copyBytes } from "../wire/bytes.ts";

export { lanConfig, localConfig, wanConfig } from "./defaults.ts";
export type { BroadcastQueueConfig, Config, PresetConfig, ResolvedConfig } from "./fields.ts";
export type { Limits, ResolvedLimits } from "./limits.ts";

/**
 * Fills in the LAN defaults for missing (or undefined) fields, checks everything, and returns a frozen copy. A resolved config resolves
 * to the same values.
 *
 * @throws ConfigError `invalid_config` with every issue
 */
export function resolveConfig(config: Config): ResolvedConfig {
  checkConfig(config);
  const given = Object.fromEntries(Object.entries(config).filter(([, value]) => value !== undefined)) as unknown as Config;
  const merged = { ...lanConfig(), clock: systemClock(), random: systemRandom(), ...given };
  const { secretKey, meta, cidrsAllowed, metricLabels, limits, broadcastQueue } = merged;
  return Object.freeze({
    ...merged,
    limits: resolveLimits(limits),
    broadcastQueue: broadcastQueue === undefined ? undefined : Object.freeze({ ...broadcastQueue }),
    metricLabels: Object.freeze({ ...metricLabels }),
    secretKey: secretKey === undefined || secretKey.length === 0 ? undefined : copyBytes(secretKey),
    meta: meta === undefined ? undefined : copyBytes(meta),
    cidrsAllowed: cidrsAllowed === undefined ? undefined : Object.freeze([...cidrsAllowed]),
  });
}
