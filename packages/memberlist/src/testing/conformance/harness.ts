import type { Address } from "../../address.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Transport } from "../../ports/transport.ts";

/** How the suite makes and asks the transports under test. What is optional adds cases. */
export interface ConformanceHarness {
  /** The clock of `receivedAt`; it must run in real time. */
  readonly clock: Clock;
  /** In bytes: the longest packet that must arrive whole; a longer one must fail. */
  readonly maxPacketBytes: number;
  /** In ms: how long anything that must happen may take. Default 5,000. */
  readonly deadline?: number;
  /** A transport, bound to one address, not yet listening; the suite shuts it down. */
  create(): Promise<Transport>;
  /** The same, bound to an IPv6 address. */
  readonly createIpv6?: () => Promise<Transport>;
  /** Where the other transports reach this one. */
  addressOf(transport: Transport): Address;
  /** Where a dial gets no answer, neither yes nor no. */
  readonly silentAddress?: () => Promise<Address>;
  /** A name that `resolve` knows, and all of its addresses. */
  readonly knownHost?: { readonly host: string; readonly addresses: readonly string[] };
  /** How many sockets, or whatever else a transport holds, are open in this process. */
  readonly openHandles?: () => number;
}

/** One thing that every transport must hold; `run` rejects with an error that says what to mend. */
export interface ConformanceCase {
  readonly name: string;
  readonly run: () => Promise<void>;
}
