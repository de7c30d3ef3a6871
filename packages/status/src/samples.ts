import type { MemberInfo, Traffic } from "@memberlist/core";
import { milliseconds, type StatusSample } from "./document.ts";
import type { StatusSource } from "./options.ts";

/** The number of kept samples: ten minutes with one every two seconds. */
const capacity = 300;

/** Samples of traffic and round-trip times. Each covers the time since the one before it. */
export class Samples {
  readonly #members: StatusSource;
  readonly #interval: number;
  readonly #samples: StatusSample[] = [];
  /** The time of the last sample. */
  #at: number;
  #traffic: Traffic;

  constructor(members: StatusSource, interval: number) {
    this.#members = members;
    this.#interval = interval;
    this.#at = members.config.clock.now();
    this.#traffic = members.traffic();
  }

  /** The oldest first. */
  get list(): readonly StatusSample[] {
    return this.#samples;
  }

  /** @returns the new sample, or undefined if the last one is too recent */
  take(infos: readonly MemberInfo[]): StatusSample | undefined {
    const { clock } = this.#members.config;
    const elapsed = clock.now() - this.#at;
    // Timers may fire a little early.
    if (elapsed < this.#interval / 2) return undefined;
    const [before, now] = [this.#traffic, this.#members.traffic()];
    const rate = (...counts: (keyof Traffic)[]): number => {
      const count = counts.reduce((sum, name) => sum + now[name] - before[name], 0);
      return Math.round((count * 10_000) / elapsed) / 10;
    };
    this.#at += elapsed;
    this.#traffic = now;
    const sample = {
      at: clock.wallTime(),
      elapsed: Math.round(elapsed),
      packetsIn: rate("packetsReceived"),
      packetsOut: rate("packetsSent"),
      bytesIn: rate("packetBytesReceived", "streamBytesReceived"),
      bytesOut: rate("packetBytesSent", "streamBytesSent"),
      streams: rate("streamsOpened", "streamsAccepted"),
      ...rttQuantiles(infos),
    };
    this.#samples.push(sample);
    if (this.#samples.length > capacity) this.#samples.shift();
    return sample;
  }
}

function rttQuantiles(infos: readonly MemberInfo[]): Pick<StatusSample, "rttMedian" | "rtt95"> {
  const rtts = infos.flatMap(({ rtt, state }) => (rtt === undefined || state !== "alive" ? [] : [rtt])).sort((a, b) => a - b);
  if (rtts.length === 0) return {};
  const quantile = (share: number): number => milliseconds(rtts[Math.ceil(share * rtts.length) - 1] ?? 0);
  return { rttMedian: quantile(0.5), rtt95: quantile(0.95) };
}
