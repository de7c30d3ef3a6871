import { compressMessage } from "../../../memberlist/src/wire/compression/compress.ts";
import { messageType } from "../../../memberlist/src/wire/constants.ts";
import { encodePing, encodeUser } from "../../../memberlist/src/wire/messages/encode.ts";
import { encodeUserStream } from "../../../memberlist/src/wire/messages/push-pull.ts";
import { collidingBytes } from "../../../memberlist/fuzz/colliding-bytes.ts";
import type { AttackerSockets } from "./attacker-sockets.ts";
import {
  emptyPushPull,
  madeUpMembers,
  nestedCompound,
  oddNames,
  oddPushPull,
  packetStream,
  pingsNaming,
  wideMap,
} from "./craft.ts";

const MiB = 2 ** 20;
const none = new Uint8Array(0);

export interface Attack {
  readonly name: string;
  /** As the table says it. */
  readonly title: string;
  /** Whether the member has a key; the attacker never has. */
  readonly encrypted?: boolean;
  /** The application's state in a push/pull, in bytes. Default 0. */
  readonly stateBytes?: number;
  /** Whether the member, and all who are honest, send packets over streams. */
  readonly streamOnly?: boolean;
  /** Goes on for so many seconds after the joins, in the second half of which it must not make the member write its store. Default 0. */
  readonly quietSeconds?: number;
  /** By how much the member's memory may grow, in MiB. Default 128. */
  readonly maxMemory?: number;
  /** Sends until {@link AttackerSockets.isOver}. */
  readonly run: (sockets: AttackerSockets) => Promise<void>;
}

/** The name of the member that is attacked. */
export const victimName = "victim";

/** Somebody else, whom an attacker wants to hit. */
const elsewhere = { host: "127.9.9.9", port: 19_009 } as const;
/** Hosts that an attacker has. */
const hosts = ["127.0.1.1", "127.0.1.2", "127.0.1.3", "127.0.1.4"] as const;
const oneHost = hosts.slice(0, 1);

/** Each is what once stopped a member, or might. */
export const attacks: readonly Attack[] = [
  { name: "none", title: "nothing", run: (sockets) => sockets.packets([], 10) },
  {
    name: "nested-compound",
    title: "compounds of empty parts in a compound, compressed: 64,770 parts a packet",
    run: (sockets) => sockets.packets([nestedCompound()], 3),
  },
  {
    name: "reflection",
    title: "pings that name somebody else's address, compressed: thousands a packet",
    run: async (sockets) => {
      await sockets.countReflected(elsewhere.host, elsewhere.port);
      await sockets.packets(pingsNaming(elsewhere.host, elsewhere.port, victimName), 6);
    },
  },
  {
    name: "odd-names",
    title: "names that are not UTF-8, in packets",
    run: (sockets) =>
      sockets.packets(
        Array.from({ length: 20 }, (_, round) => oddNames(round)),
        3,
      ),
  },
  {
    name: "odd-push-pull",
    title: "1,000 members with names that are not UTF-8, in push/pulls",
    run: (sockets) => sockets.streams([oddPushPull(1_000)], { perSecond: 2, hosts: oneHost }),
  },
  {
    name: "wide-maps",
    title: "maps of 30,000 unknown keys in packets",
    run: (sockets) => sockets.packets([wideMap(messageType.ping, 30_000), wideMap(messageType.alive, 30_000)], 50),
  },
  {
    name: "packet-bombs",
    title: "packets that decompress to 1 MiB, and more",
    run: (sockets) =>
      sockets.packets(
        [compressMessage(encodeUser(new Uint8Array(MiB - 100))), compressMessage(encodeUser(new Uint8Array(8 * MiB)))],
        20,
      ),
  },
  {
    name: "stream-bombs",
    title: "messages of 31 kB on streams that decompress to 38 MiB",
    maxMemory: 384,
    run: (sockets) =>
      sockets.streams([compressMessage(encodeUserStream(new Uint8Array(38 * MiB)))], { perSecond: 3, hosts: oneHost }),
  },
  {
    name: "colliding-metadata",
    title: "made-up members with metadata chosen for the compressor's hash, then push/pulls of 29 bytes",
    run: async (sockets) => {
      const bytes = collidingBytes(512 * 1_024);
      const meta = (index: number): Uint8Array => bytes.slice((index % 1_024) * 512, (index % 1_024) * 512 + 512);
      await sockets.packets(
        Array.from({ length: 512 }, (_, i) => madeUpMembers(2 * i, 2, meta)),
        1_000,
        512,
      );
      await sockets.streams([emptyPushPull()], { perSecond: 5, hosts: oneHost });
    },
  },
  {
    name: "push-pulls",
    title: "push/pulls of 29 bytes, 128 at a time, 8 MiB of application state",
    maxMemory: 320,
    stateBytes: 8 * MiB,
    run: (sockets) => sockets.streams([emptyPushPull()], { perSecond: 200, hosts: hosts.slice(0, 2), atOnce: 128, reads: false }),
  },
  {
    name: "made-up-members",
    title: "10,000 made-up members a second",
    // In ten seconds some 93,000 get in, with their suspicions.
    maxMemory: 320,
    run: async (sockets) => {
      const meta = (): Uint8Array => new Uint8Array(20);
      for (let round = 0; !sockets.isOver; round++) {
        const packets = Array.from({ length: 50 }, (_, i) => madeUpMembers((round * 50 + i) * 10, 10, meta));
        await sockets.packets(packets, 1_000, packets.length);
      }
    },
  },
  {
    name: "labels",
    title: "packets of 4 bytes with another label",
    encrypted: true,
    quietSeconds: 12,
    run: (sockets) => sockets.packets([Uint8Array.of(messageType.hasLabel, 1, 0x78, messageType.ping)], 500),
  },
  {
    name: "junk-packets",
    title: "packets of 1,400 bytes that do not decrypt",
    encrypted: true,
    run: (sockets) => sockets.packets([junk(1_400)], 3_000),
  },
  {
    name: "junk-streams",
    title: "streams of 5 MiB that do not decrypt",
    maxMemory: 256,
    encrypted: true,
    run: (sockets) => sockets.streams([encryptedJunk(5 * MiB)], { perSecond: 4, hosts: oneHost }),
  },
  {
    name: "wrong-byte",
    title: "streams that begin with a wrong byte, from one address",
    maxMemory: 320,
    run: (sockets) =>
      sockets.streams([Uint8Array.of(0xff)], { perSecond: 1_400, hosts: oneHost, atOnce: 4_000, staysOpen: true }),
  },
  {
    name: "silent-streams",
    title: "as many open streams as there is room for, from four addresses, a byte each",
    maxMemory: 320,
    run: (sockets) =>
      sockets.streams([Uint8Array.of(messageType.user)], { perSecond: 1_000, hosts, atOnce: 1_500, staysOpen: true }),
  },
  {
    name: "packet-streams",
    title: "streamOnly: streams of 2 MB of packets of one byte that do not decode",
    streamOnly: true,
    run: (sockets) => sockets.streams([packetStream([Uint8Array.of(99)], 700_000)], { perSecond: 40, hosts, staysOpen: true }),
  },
  {
    name: "packet-streams-encrypted",
    title: "streamOnly: streams of 2 MB of packets of one byte that do not decrypt",
    streamOnly: true,
    encrypted: true,
    run: (sockets) => sockets.streams([packetStream([Uint8Array.of(1)], 700_000)], { perSecond: 40, hosts, staysOpen: true }),
  },
  {
    name: "message-streams",
    title: "streamOnly: streams of 2 MB of user messages without content",
    streamOnly: true,
    run: (sockets) =>
      sockets.streams([packetStream([encodeUser(none)], 700_000)], { perSecond: 10, hosts, atOnce: 32, staysOpen: true }),
  },
  {
    name: "dead-addresses",
    title: "streamOnly: 700 pings a second that name addresses without a node",
    streamOnly: true,
    run: (sockets) => {
      const name = (i: number): Uint8Array =>
        encodePing({ seqNo: i, node: victimName, sourceAddr: `10.255.${i >> 8}.${i & 255}`, sourcePort: 7946, sourceNode: "" });
      const streams = Array.from({ length: 100 }, (_, i) =>
        packetStream(
          Array.from({ length: 70 }, (_each, k) => name(i * 70 + k)),
          70,
          i,
        ),
      );
      return sockets.streams(streams, { perSecond: 10, hosts: oneHost });
    },
  },
  {
    name: "pings",
    title: "pings, as fast as one core sends them",
    run: (sockets) =>
      sockets.packets([encodePing({ seqNo: 1, node: victimName, sourceAddr: "", sourcePort: 0, sourceNode: "" })], 20_000),
  },
];

function junk(size: number): Uint8Array {
  return Uint8Array.from({ length: size }, (_, i) => (i === 0 ? 1 : (i * 151) & 255));
}

function encryptedJunk(size: number): Uint8Array {
  const bytes = junk(5 + size);
  bytes[0] = messageType.encrypt;
  new DataView(bytes.buffer).setUint32(1, size);
  bytes[5] = 1;
  return bytes;
}
