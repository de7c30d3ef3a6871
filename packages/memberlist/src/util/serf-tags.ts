import { decode, type DecoderOptions } from "@msgpack/msgpack";

/** The byte before the tags in the metadata of Serf and Consul. */
const tagsMagic = 0xff;
/** Tags have no arrays, and the decoder allocates an array of the announced length before it reads the items. */
const tagsOptions: DecoderOptions = { maxArrayLength: 0 };

/**
 * The tags in the metadata of a Serf or Consul member: the byte 0xff, then a MessagePack map of strings.
 *
 * @returns undefined for metadata of any other form. Never throws
 *
 * @example
 * decodeSerfTags(node.meta)?.["role"];
 */
export function decodeSerfTags(meta: Uint8Array): Readonly<Record<string, string>> | undefined {
  if (meta[0] !== tagsMagic) return undefined;
  try {
    const tags = decode(meta.subarray(1), tagsOptions);
    return isTags(tags) ? tags : undefined;
  } catch {
    return undefined;
  }
}

function isTags(value: unknown): value is Record<string, string> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  return Object.values(value).every((tag) => typeof tag === "string");
}
