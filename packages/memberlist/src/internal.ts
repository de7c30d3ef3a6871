/** What our own transport packages share with the core. Not for others: it changes without notice. */
export { canonicalIp, isIp } from "./api/address.ts";
export { readCertificate, type CertificateFields } from "./certificates/certificate.ts";
export { anyServerName, serverNameOf } from "./certificates/identity.ts";
export { certifiedNode, checkAuthority, type CertificateRole } from "./certificates/node-certificate.ts";
export { createLog, Log } from "./ports/log.ts";
export { onAbort } from "./util/on-abort.ts";
export { nodeStateName } from "./swim/versions.ts";
export { SendGate } from "./swim/send-gate.ts";
export type { Engine } from "./swim/engine.ts";
export type { Tunables } from "./swim/tunables.ts";
export { createInstrumented } from "./memberlist.ts";
export type { Instruments } from "./create.ts";
export { chooseAdvertiseAddress, defaultRoute, machineHas, type HostInterfaces } from "./transport-kit/advertise.ts";
export { createFileStore, type StoreFiles } from "./transport-kit/file-store.ts";
export { transportSlots, type InboundSlot } from "./transport-kit/inbound-slots.ts";
export { planBind, withoutMapping, type BindTarget } from "./transport-kit/bind-target.ts";
export {
  canonicalIps,
  firstNameServer,
  systemConfigPath,
  type NameServer,
  type ResolveContext,
  type SystemLookup,
} from "./transport-kit/name-server.ts";
export { lookUpBySystem, type SystemResolver } from "./transport-kit/system-lookup.ts";
export { packetObjection, RouteTable } from "./transport-kit/route.ts";
export { bindError, errnoOf } from "./transport-kit/socket-errors.ts";
export { DecodeError, type DecodeReason } from "./wire/decode-error.ts";
export { doDecodeJob, doDecodeJobInParts, doEncodeJob, doEncodeJobInParts } from "./wire/stream-jobs.ts";
export { plainView } from "./wire/bytes.ts";
export { packetBytes } from "./wire/packet-bytes.ts";
