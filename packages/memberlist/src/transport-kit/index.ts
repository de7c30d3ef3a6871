/** `@memberlist/core/transport`: for authors of transports, and for those who read or write addresses. */
export { formatAddress, parseAddress, type Address } from "../api/address.ts";
export type { NodeIdentity } from "../certificates/node-identity.ts";
export { systemClock, type Clock, type ClockTimer } from "../ports/clock.ts";
export type { AesGcm, Crypto } from "../ports/crypto.ts";
export type { Random } from "../ports/random.ts";
export type {
  AdvertisedAddress,
  DialOptions,
  ResolveOptions,
  SrvRecord,
  Transport,
  TransportListener,
  TransportStream,
} from "../ports/transport.ts";
export { streamOnly, type StreamOnlyOptions } from "../stream-only/stream-only.ts";
