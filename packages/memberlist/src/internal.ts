/** What our own transport packages share with the core. Not for others: it changes without notice. */
export { canonicalIp, isIp } from "./address.ts";
export { readCertificate, type CertificateFields } from "./certificates/certificate.ts";
export { anyServerName, serverNameOf } from "./certificates/identity.ts";
export { certifiedNode, checkAuthority, type CertificateRole } from "./certificates/node-certificate.ts";
export { createLog, Log } from "./log.ts";
export { onAbort } from "./on-abort.ts";
export { nodeStateName } from "./engine/versions.ts";
export { SendGate } from "./engine/send-gate.ts";
export type { Engine } from "./engine/engine.ts";
export type { Tunables } from "./engine/tunables.ts";
export { createInstrumented } from "./memberlist.ts";
export type { Instruments } from "./start-driver.ts";
export { chooseAdvertiseAddress, defaultRoute, machineHas, type HostInterfaces } from "./net/advertise.ts";
export { createFileStore, type StoreFiles } from "./net/file-store.ts";
export { transportSlots, type InboundSlot } from "./net/inbound-slots.ts";
export { planBind, withoutMapping, type BindTarget } from "./net/ip.ts";
export {
  canonicalIps,
  firstNameServer,
  systemConfigPath,
  type NameServer,
  type ResolveContext,
  type SystemLookup,
} from "./net/name-server.ts";
export { lookUpBySystem, type SystemResolver } from "./net/system-lookup.ts";
export { packetObjection, RouteTable } from "./net/route.ts";
export { bindError, errnoOf } from "./net/socket-errors.ts";
export { DecodeError, type DecodeReason } from "./wire/decode-error.ts";
export { doOpenJob, doOpenJobInParts, doSealJob, doSealJobInParts, doSealPackets } from "./wire/offload-job.ts";
export { plainView } from "./wire/bytes.ts";
export { packetBytes } from "./wire/packet-bytes.ts";
