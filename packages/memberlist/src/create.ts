import { isPublicIp } from "./api/address.ts";
import { checkMeta } from "./api/check-arguments.ts";
import { resolveConfig } from "./config/resolve.ts";
import type { Config } from "./config/config.ts";
import { metaOf } from "./config/rules.ts";
import { encryptionOf } from "./encryption/encryption.ts";
import { PendingOperations } from "./runtime/pending-operations.ts";
import { askAdvertiseAddr, finalAdvertiseAddr } from "./runtime/advertised-address.ts";
import { LocalMember } from "./runtime/local-member.ts";
import { NodeRuntime } from "./runtime/node-runtime.ts";
import { loadSavedState } from "./runtime/saved-state.ts";
import type { DiagnosticsChannels } from "./ports/diagnostics.ts";
import type { EngineHooks } from "./swim/simulation-hooks.ts";
import { configError } from "./api/errors.ts";

/** What our own packages may ask of a node that they start: see `createInstrumented` of `./internal`. */
export interface Instruments {
  readonly hooks?: Partial<EngineHooks>;
  /** Where the node reports what it does: the runtime's `node:diagnostics_channel`. */
  readonly diagnostics?: DiagnosticsChannels;
  /** Gets the member before it starts. Changes of its engine go through `runtime.run`, as every input does. */
  readonly onMember?: (member: LocalMember) => void;
}

/**
 * From a config to a running member: all or nothing.
 *
 * @throws ConfigError `invalid_config`; MemberlistError `advertise_address_failed`, `bind_failed`, `meta_too_large`. The transport is shut down then.
 */
export async function startMember(config: Config, instruments: Instruments): Promise<LocalMember> {
  try {
    return await start(config, instruments);
  } catch (error) {
    // No socket stays open behind a failed create.
    await shutDownTransport(config);
    throw error;
  }
}

async function start(config: Config, { diagnostics, hooks, onMember }: Instruments): Promise<LocalMember> {
  const resolved = resolveConfig(config);
  const { transport } = resolved;
  if (transport === undefined) {
    throw configError(
      "transport",
      "is missing: pass one, or use the createMemberlist of a transport package, which makes its own",
    );
  }
  const addr = await askAdvertiseAddr(resolved, new PendingOperations(resolved.clock));
  const advertised = await finalAdvertiseAddr(transport, addr, resolved.advertisePort);
  const encryption = await encryptionOf(resolved, transport.crypto);
  // From here on only the keyring has the key: it never shows one, where a config that is printed would.
  const running = Object.freeze({ ...resolved, keyring: encryption?.keyring, secretKey: undefined });
  const loaded = await loadSavedState(running);
  const runtime = new NodeRuntime({ config: running, transport, advertised, encryption, hooks, diagnostics, loaded });
  const meta = checkMeta(runtime.delegates.nodeMeta(metaOf(resolved)));
  if (isPublicIp(advertised.addr) && (encryption?.keyring.size ?? 0) === 0) {
    runtime.log.warn("public_without_encryption", `advertising the public address ${advertised.addr} without encryption`);
  }
  const member = new LocalMember(runtime, meta);
  onMember?.(member);
  runtime.start(meta);
  return member;
}

/** The transport of a config that nothing came of; it may be the very thing that is wrong. */
async function shutDownTransport(config: Config | undefined): Promise<void> {
  try {
    await config?.transport?.shutdown();
  } catch {
    // Why the start failed is what the caller has to know.
  }
}
