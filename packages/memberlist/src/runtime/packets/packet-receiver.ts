import { formatAddress, type Address } from "../../api/address.ts";
import type { KeyringCipher } from "../../encryption/keyring-cipher.ts";
import type { Log } from "../../ports/log.ts";
import type { Crypto } from "../../ports/crypto.ts";
import type { ResolvedConfig } from "../../config/config.ts";
import { DecodeError } from "../../wire/errors.ts";
import { splitLabel } from "../../wire/label.ts";
import { decodePacket, type DecodePacketOptions } from "../../wire/packet.ts";
import type { LabelMismatches } from "../label-mismatch-events.ts";
import type { Stats } from "../stats.ts";

export interface PacketReceiverOptions {
  readonly config: Pick<ResolvedConfig, "skipInboundLabelCheck">;
  /** Ours; empty for none. */
  readonly label: Uint8Array;
  /** Undefined: no encryption. */
  readonly cipher: KeyringCipher | undefined;
  readonly crypto: Crypto | undefined;
  readonly log: Log;
  readonly stats: Stats;
  readonly labelMismatches: LabelMismatches;
}

/** Decodes the packets that come in, and rejects those that fail. Source: PROTOCOL.md section 2. */
export class PacketReceiver {
  readonly #options: PacketReceiverOptions;
  readonly #layers: DecodePacketOptions;

  constructor(options: PacketReceiverOptions) {
    this.#options = options;
    const { config, label, cipher, crypto } = options;
    this.#layers = { label, skipInboundLabelCheck: config.skipInboundLabelCheck, cipher, checksum: crypto?.crc32 };
  }

  /** @returns the message, without label, encryption and checksum; undefined for a packet that was rejected */
  decode(packet: Uint8Array, from: Address): Uint8Array | undefined {
    const { stats } = this.#options;
    stats.traffic.packetsReceived++;
    stats.traffic.packetBytesReceived += packet.length;
    stats.increment("memberlist.udp.received", packet.length);
    const { node, packetReceived } = stats.diagnostics;
    if (packetReceived.hasSubscribers) packetReceived.publish({ node, address: formatAddress(from), size: packet.length });
    try {
      return decodePacket(packet, this.#layers);
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      this.#reject(packet, from, error);
      return undefined;
    }
  }

  #reject(packet: Uint8Array, from: Address, { reason, message }: DecodeError): void {
    const { labelMismatches, log, stats } = this.#options;
    stats.count(`dropped.${reason}`, 1, from);
    if (reason === "label_mismatch") labelMismatches.add(from, "packet", splitLabel(packet).label);
    log.warn("packet_dropped", `dropping a packet: ${message}`, { reason, from });
  }
}
