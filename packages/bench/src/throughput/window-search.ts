/** How a sender does best: messages that may be on their way, and goroutines that send (of the Go node only). */
export interface Setting {
  readonly window: number;
  readonly senders: number;
}

export interface Trial {
  readonly rate: number;
  readonly lost: number;
}

export interface Best extends Trial {
  readonly setting: Setting;
}

/** What Linux gives to the library's sockets and to Go's, which ask for 2 MiB. */
const receiveBuffer = 4 * 1024 * 1024;
/** Of that, for the join, probes and whatever else comes. */
const usedShare = 0.85;
/** Each four times the one before: the rate is flat around the best. */
const ladder = [8, 32, 128, 512] as const;

/** The windows worth trying for messages of `bytes`: not more than the receiver's socket holds, so that none is lost while it looks away. */
export function windowsFor(bytes: number): number[] {
  const most = Math.floor((receiveBuffer * usedShare) / kernelBytes(bytes));
  return [...ladder.filter((window) => window < most), Math.min(most, 2048)];
}

/** What a packet takes of a receive buffer in Linux' accounting: a power of two that holds it, its headers and its bookkeeping. */
function kernelBytes(bytes: number): number {
  const headers = 420;
  const descriptor = 256;
  return 2 ** Math.ceil(Math.log2(bytes + headers)) + descriptor;
}

/** A larger window has to gain that much: the smaller ones keep further away from the receive buffer's end. */
const gain = 1.02;

/**
 * Tries the settings, and returns the one of the highest rate without any loss; where all lose something, the one that loses the
 * smallest share. A window that loses is the last one tried for that many senders.
 */
export async function searchWindow(
  { senders, windows }: { readonly senders: readonly number[]; readonly windows: readonly number[] },
  attempt: (setting: Setting) => Promise<Trial & { readonly sent: number }>,
): Promise<Best> {
  let best: Best | undefined;
  let leastLoss: { readonly share: number; readonly best: Best } | undefined;
  for (const count of senders) {
    for (const window of windows) {
      const setting = { window, senders: count };
      const { rate, lost, sent } = await attempt(setting);
      if (lost > 0) {
        const share = lost / sent;
        if (leastLoss === undefined || share < leastLoss.share) leastLoss = { share, best: { setting, rate, lost } };
        break;
      }
      if (best === undefined || rate > best.rate * gain) best = { setting, rate, lost };
    }
  }
  const found = best ?? leastLoss?.best;
  if (found === undefined) throw new Error("there is no setting to try");
  return found;
}
