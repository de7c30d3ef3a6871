import type { Address } from "../../api/address.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Transport } from "../../ports/transport.ts";

/** How the suite makes and asks the transports under test. A case that lacks an optional part is reported as not applicable. */
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
  /** A transport bound to this very address, which one that has shut down was bound to before. For transports that can choose theirs. */
  readonly createAt?: (address: Address) => Promise<Transport>;
  /** Where the other transports reach this one. */
  addressOf(transport: Transport): Address;
  /** Where a dial gets no answer, neither yes nor no. */
  readonly silentAddress?: () => Promise<Address>;
  /** An address that passes connections on to `to` until they are broken, as by a reset or a cut cable. For transports over connections. */
  readonly relay?: (to: Address) => Promise<ConformanceRelay>;
  /** True if the network's API has no way to reset a stream (TCP and QUIC on Deno): a peer cannot distinguish `writable.abort()` from an end then. */
  readonly cannotReset?: boolean;
  /** Where a connection is made, but the transport's own handshake (of TLS, QUIC, WebSocket) is never answered. For transports with one. */
  readonly unansweredHandshake?: () => Promise<Address>;
  /** Connects to `to` and then sends nothing, not even the rest of a handshake, until it is closed. */
  readonly muteClient?: (to: Address) => Promise<ConformanceResource>;
  /** A name that `resolve` knows, and all of its addresses. */
  readonly knownHost?: { readonly host: string; readonly addresses: readonly string[] };
  /** How many sockets, or whatever else a transport holds, are open in this process. */
  readonly openHandles?: () => number;
}

/** A resource that the suite closes after a case. */
export interface ConformanceResource {
  /** Frees the resource. */
  close(): void | Promise<void>;
}

/** A relay that the suite dials through, and whose connections it breaks. */
export interface ConformanceRelay extends ConformanceResource {
  /** The address at which the relay receives. */
  readonly address: Address;
  /** Breaks every connection through it. */
  break(): void;
}

/** One thing that every transport must hold; `run` rejects with an error that says what to mend. */
export interface ConformanceCase {
  /** It ends in the reason where the case is not applicable. */
  readonly name: string;
  /** Why this case cannot be run: what the harness lacks. Then `run` does nothing. */
  readonly notApplicable: string | undefined;
  /** Runs the case. It rejects if the transport breaks the rule. */
  readonly run: () => Promise<void>;
}
