import type { Address } from "../api/address.ts";
import type { Effects, EngineEvent } from "../swim/effects.ts";
import { asMemberlistError, errorMessage, type MemberlistError } from "../api/errors.ts";
import type { Ping } from "../wire/messages/types.ts";
import type { NodeRuntime } from "./node-runtime.ts";
import { resolveSeed } from "./seed-resolver.ts";

/** What the engine asks for, done by the runtime's packets and streams; each outcome comes back as an input of its own. */
export function engineEffects(runtime: NodeRuntime, emit: (event: EngineEvent) => void): Effects {
  const { log, stats } = runtime;
  const { clock, tcpTimeout } = runtime.config;

  function answer<T>(work: Promise<T>, done: (result: T | undefined, error?: MemberlistError) => void): void {
    const tell = (result: T | undefined, error?: MemberlistError): void => {
      if (!runtime.isStopped) runtime.run(() => done(result, error));
    };
    work.then(
      (result) => tell(result),
      (error: unknown) => tell(undefined, asMemberlistError(error)),
    );
  }

  async function joinAddress(to: Address): Promise<void> {
    runtime.checkName(to);
    await runtime.streams.pushPull(to, true);
  }

  async function pingByStream(ping: Ping, to: Address, timeout: number, done: (contacted: boolean) => void): Promise<void> {
    const contacted = timeout > 0 && (await runtime.streams.ping(to, ping, timeout));
    if (!runtime.isStopped) runtime.run(() => done(contacted));
  }

  return {
    log,
    stats,
    emit,
    sendPacket: (message, to, crc, onFailed) => {
      try {
        runtime.checkName(to);
        runtime.packets.send(message, to, crc, onFailed);
      } catch (error) {
        // Later, as for every other failure: the engine does not expect an answer while it asks.
        clock.defer(() => runtime.packets.failed(error, 1, onFailed));
      }
    },
    pingByStream: (ping, to, deadline, done) => {
      pingByStream(ping, to, Math.ceil(deadline - clock.now()), done).catch((error: unknown) => {
        log.error("internal_error", `a ping over a stream failed: ${errorMessage(error)}`, { error });
      });
    },
    lookUpSeed: (seed, done) => {
      const deadline = clock.now() + tcpTimeout;
      const timeLeft = (): number => Math.max(1, Math.ceil(deadline - clock.now()));
      answer(resolveSeed(runtime, seed, { timeLeft }), (addresses, error) => done(addresses ?? [], error));
    },
    joinAddress: (to, done) => answer(joinAddress(to), (_, error) => done(error)),
    pushPull: (to) => {
      runtime.streams.pushPull(to, false).catch((error: unknown) => {
        if (runtime.isStopped) return;
        stats.count("push_pull_failed");
        log.warn("push_pull_failed", `push/pull with ${to.name} failed: ${errorMessage(error)}`, { to });
      });
    },
  };
}
