/** What Linux gives to the library's sockets and to Go's, which ask for 2 MiB. */
const receiveBuffer = 4 * 1024 * 1024;
/** Of that; the rest is for the join, probes and whatever else comes. */
const usedShare = 0.85;
/** Each four times the one before: the rate is flat around the best. */
const ladder = [8, 32, 128, 512];
const windowMax = 2048;

/** The windows worth trying for messages of `bytes`: not more than the receiver's socket holds, so that none is lost while it looks away. */
export function windowsFor(bytes: number): number[] {
  const most = Math.floor((receiveBuffer * usedShare) / kernelBytes(bytes));
  return [...ladder.filter((window) => window < most), Math.min(most, windowMax)];
}

/** What a packet takes of a receive buffer in Linux' accounting: a power of two that holds it, its headers and its bookkeeping. */
function kernelBytes(bytes: number): number {
  const headers = 420;
  const descriptor = 256;
  return 2 ** Math.ceil(Math.log2(bytes + headers)) + descriptor;
}
