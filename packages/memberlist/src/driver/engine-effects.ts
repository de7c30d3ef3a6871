import type { Address } from "../address.ts";
import type { Effects, EngineEvent } from "../engine/effects.ts";
import { errorMessage, type MemberlistError } from "../errors.ts";
import type { Ping } from "../wire/messages.ts";
import type { Driver } from "./driver.ts";
import { asMemberlistError, resolveSeed } from "./seed-resolver.ts";

/** What the engine asks for, done by the driver's packets and streams; each outcome comes back as an input of its own. */
export function engineEffects(driver: Driver, emit: (event: EngineEvent) => void): Effects {
  const { log, stats } = driver;
  const { clock, tcpTimeout } = driver.config;

  function answer<T>(work: Promise<T>, done: (result: T | undefined, error?: MemberlistError) => void): void {
    const tell = (result: T | undefined, error?: MemberlistError): void => {
      if (!driver.isStopped) driver.run(() => done(result, error));
    };
    work.then(
      (result) => tell(result),
      (error: unknown) => tell(undefined, asMemberlistError(error)),
    );
  }

  async function joinAddress(to: Address): Promise<void> {
    driver.checkName(to);
    await driver.streams.pushPull(to, true);
  }

  async function pingByStream(ping: Ping, to: Address, timeout: number, done: (contacted: boolean) => void): Promise<void> {
    const contacted = timeout > 0 && (await driver.streams.ping(to, ping, timeout));
    if (!driver.isStopped) driver.run(() => done(contacted));
  }

  return {
    log,
    stats,
    emit,
    sendPacket: (message, to, crc, onFailed) => {
      try {
        driver.sendPacket(message, to, crc, onFailed);
      } catch (error) {
        // Later, as for every other failure: the engine does not expect an answer while it asks.
        clock.defer(() => driver.packets.failed(error, onFailed));
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
      answer(resolveSeed(driver, seed, { timeLeft }), (addresses, error) => done(addresses ?? [], error));
    },
    joinAddress: (to, done) => answer(joinAddress(to), (_, error) => done(error)),
    pushPull: (to) => {
      driver.streams.pushPull(to, false).catch((error: unknown) => {
        if (driver.isStopped) return;
        stats.count("push_pull_failed");
        log.warn("push_pull_failed", `push/pull with ${to.name} failed: ${errorMessage(error)}`, { to });
      });
    },
  };
}
