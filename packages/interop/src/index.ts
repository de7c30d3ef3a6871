export { FakePeer, type FakePeerOptions, type ReceivedPacket, type ReceivedStream } from "./fake-peer.ts";
export { buildGoPeer, goAvailable, goVersion } from "./go-toolchain.ts";
export { buildNodePeer } from "./node-toolchain.ts";
export { Peer, type PeerKind, type PeerOptions, type WaitOptions } from "./peer.ts";
export {
  epochMs,
  fromBase64,
  seededBytes,
  toBase64,
  type PeerCommands,
  type PeerConfig,
  type PeerEvent,
  type PeerMember,
  type PeerNode,
  type PeerNodeState,
} from "./peer-protocol.ts";
export { rawMessage, rawType, type RawMap, type RawValue } from "./raw-codec.ts";
export { fetchRuntime, findRuntime, type RuntimeId } from "./runtimes.ts";
export { UdpProxy, type ProxyCounts, type ProxyRules } from "./udp-proxy.ts";
export { until, type UntilOptions } from "./until.ts";
