import type { Address } from "../api/address.ts";
import { onAbort } from "../util/on-abort.ts";
import type { Transport, TransportStream } from "../ports/transport.ts";

const byFirstByte: Readonly<Record<number, string>> = { 0x15: "TLS", 0x16: "TLS", 0x48: "HTTP", 0x53: "SSH" };

/** The protocol whose answers usually begin with this byte; undefined for others. */
export function protocolOfByte(byte: number | undefined): string | undefined {
  return byte === undefined ? undefined : byFirstByte[byte];
}

/** For a message: ` (it looks like HTTP)`, or nothing. */
export function looksLike(protocol: string | undefined): string {
  return protocol === undefined ? "" : ` (it looks like ${protocol})`;
}

/**
 * Asks an address that does not answer like a memberlist node for a web page: many servers answer nothing to bytes that they do not
 * understand, but answer this.
 *
 * @param timeout for the connection, in ms; the signal ends the rest
 * @returns the protocol's name; undefined if nothing that is known answers, or nothing at all. Never throws
 */
export async function identifyProtocol(
  transport: Pick<Transport, "dial">,
  to: Address,
  timeout: number,
  signal: AbortSignal,
): Promise<string | undefined> {
  let stream: TransportStream | undefined;
  const close = (): void => stream?.close();
  const stopListening = onAbort(signal, close);
  try {
    stream = await transport.dial(to, { timeout, signal });
    if (signal.aborted) return undefined;
    const writer = stream.writable.getWriter();
    await writer.write(new TextEncoder().encode("GET / HTTP/1.0\r\n\r\n"));
    const { value } = await stream.readable.getReader().read();
    return protocolOfByte(value?.[0]);
  } catch {
    return undefined;
  } finally {
    stopListening();
    close();
  }
}
