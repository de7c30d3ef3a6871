import { isPublicIp } from "./address.ts";
import { checkMeta } from "./arguments.ts";
import { loadFallbackCodec } from "./codec/fallback-codec.ts";
import { resolveConfig, type Config, type ResolvedConfig } from "./config.ts";
import { askAdvertiseAddr, finalAdvertiseAddr } from "./driver/advertised-address.ts";
import { Driver } from "./driver/driver.ts";
import { loadSnapshot } from "./driver/snapshot-keeper.ts";
import type { Engine } from "./engine/engine.ts";
import type { Tunables } from "./engine/tunables.ts";
import { MemberlistError } from "./errors.ts";
import { Keyring } from "./keyring.ts";
import { emptyBytes } from "./wire/bytes.ts";

/** What our own packages may ask of a node that they start: see `createInstrumented` of `./internal`. */
export interface Instruments {
  readonly tunables?: Partial<Tunables>;
  /** Gets the engine before it starts. It may be looked at; what changes it goes through `run`, as every input does. */
  readonly onEngine?: (engine: Engine, run: (input: () => void) => void) => void;
}

/** A driver that runs, and the metadata that it started with. */
export interface Started {
  readonly driver: Driver;
  readonly meta: Uint8Array;
}

/**
 * From a config to a running driver: all or nothing.
 *
 * @throws ConfigError `invalid_config`; MemberlistError `advertise_address`, `bind_failed`, `meta_too_large`. The transport is shut down then.
 */
export async function startDriver(config: Config, instruments: Instruments): Promise<Started> {
  try {
    return await start(config, instruments);
  } catch (error) {
    // No socket stays open behind a failed create.
    await shutDownTransport(config);
    throw error;
  }
}

async function start(config: Config, { tunables, onEngine }: Instruments): Promise<Started> {
  const resolved = resolveConfig(config);
  const { transport } = resolved;
  if (transport === undefined) {
    throw new MemberlistError(
      "invalid_config",
      "config.transport is missing; a transport package's createMemberlist brings its own",
    );
  }
  const advertised = await finalAdvertiseAddr(transport, await askAdvertiseAddr(resolved), resolved.advertisePort);
  const keyring = keyringOf(resolved);
  const encryption = keyring === undefined ? undefined : { keyring, codec: transport.codec ?? (await loadFallbackCodec()) };
  // From here on only the keyring has the key: it never shows one, where a config that is printed would.
  const running = Object.freeze({ ...resolved, keyring, secretKey: undefined });
  const loaded = await loadSnapshot(running);
  const driver = new Driver({ config: running, transport, advertised, encryption, tunables, loaded });
  onEngine?.(driver.engine, (input) => driver.run(input));
  const meta = checkMeta(driver.application.nodeMeta(resolved.meta ?? emptyBytes));
  if (isPublicIp(advertised.addr) && (keyring?.size ?? 0) === 0) {
    driver.log.warn("public_without_encryption", `advertising the public address ${advertised.addr} without encryption`);
  }
  driver.start(meta);
  return { driver, meta };
}

/** The transport of a config that nothing came of; it may be the very thing that is wrong. */
async function shutDownTransport(config: Config | undefined): Promise<void> {
  try {
    await config?.transport?.shutdown();
  } catch {
    // Why the start failed is what the caller has to know.
  }
}

/** The keys that a config asks for; its `secretKey` is the one that encrypts. */
function keyringOf({ keyring, secretKey }: ResolvedConfig): Keyring | undefined {
  if (secretKey === undefined) return keyring;
  if (keyring === undefined) return new Keyring([], secretKey);
  keyring.addKey(secretKey);
  keyring.useKey(secretKey);
  return keyring;
}
