import { protocolVersionMax, protocolVersionMin } from "../wire/constants.ts";
import type { Alive } from "../wire/messages/types.ts";
import type { EngineContext } from "./context.ts";

const incarnationMax = 0xffff_ffff;

/** Raises our incarnation to the next one, and above `accused`. It stays a u32: the last number of the range has no successor. */
export function nextIncarnation(context: EngineContext, accused: number = 0): number {
  context.incarnation = Math.min(Math.max(context.incarnation, accused) + 1, incarnationMax);
  return context.incarnation;
}

/** An alive message about ourselves. */
export function makeAlive({ advertised, config }: EngineContext, meta: Uint8Array, incarnation: number): Alive {
  const { protocolVersion, delegateProtocolMin, delegateProtocolMax, delegateProtocolVersion } = config;
  const delegateVersions = [delegateProtocolMin, delegateProtocolMax, delegateProtocolVersion];
  const vsn = [protocolVersionMin, protocolVersionMax, protocolVersion, ...delegateVersions];
  return { incarnation, node: config.name, addr: advertised.addr, port: advertised.port, meta, vsn };
}
