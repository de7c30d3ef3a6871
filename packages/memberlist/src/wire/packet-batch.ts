/** A message or a packet of a batch. */
export interface BatchedPacket {
  readonly bytes: Uint8Array;
  /** Whether it gets a checksum. */
  readonly crc: boolean;
}

/** Four bytes in front of each: its length, and in the highest bit whether it gets a checksum. */
const headerSize = 4;
const crcBit = 0x80;

/** Puts messages into one array, which changes threads in one go. */
export function packPackets(packets: readonly BatchedPacket[]): Uint8Array {
  let size = 0;
  for (const { bytes } of packets) size += headerSize + bytes.length;
  const batch = new Uint8Array(size);
  let at = 0;
  for (const { bytes, crc } of packets) {
    const { length } = bytes;
    batch[at] = (length >>> 24) | (crc ? crcBit : 0);
    batch[at + 1] = length >>> 16;
    batch[at + 2] = length >>> 8;
    batch[at + 3] = length;
    batch.set(bytes, at + headerSize);
    at += headerSize + length;
  }
  return batch;
}

/** Views of what {@link packPackets} was given. */
export function unpackPackets(batch: Uint8Array): BatchedPacket[] {
  const packets: BatchedPacket[] = [];
  for (let at = 0; at < batch.length;) {
    const [first, second, third, fourth] = batch.subarray(at, at + headerSize) as unknown as [number, number, number, number];
    const start = at + headerSize;
    at = start + (((first & (crcBit - 1)) << 24) | (second << 16) | (third << 8) | fourth);
    packets.push({ bytes: batch.subarray(start, at), crc: (first & crcBit) !== 0 });
  }
  return packets;
}
