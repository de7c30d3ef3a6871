import { decode, encode, type DecoderOptions } from "@msgpack/msgpack";
import { MemberlistError } from "../api/errors.ts";
import { metaMaxSize } from "../wire/constants.ts";
import { isPlainObject } from "./value-rules.ts";

/** Names and values of a member, such as `{ role: "web", zone: "eu-1" }`. Together they are its metadata. */
export type Tags = Readonly<Record<string, string>>;

/** The byte before the tags, as in Serf and Consul. */
const tagsMagic = 0xff;
/** Tags have no arrays, and the decoder allocates an array of the announced length before it reads the items. */
const tagsOptions: DecoderOptions = { maxArrayLength: 0 };

export function isTags(value: unknown): value is Tags {
  // The decoder of MessagePack refuses this name.
  if (!isPlainObject(value) || Object.hasOwn(value, "__proto__")) return false;
  return Object.values(value).every((tag) => typeof tag === "string");
}

/** The metadata for tags, of any length. */
export function packTags(tags: Tags): Uint8Array {
  const map = encode(tags);
  const meta = new Uint8Array(1 + map.length);
  meta[0] = tagsMagic;
  meta.set(map, 1);
  return meta;
}

/**
 * Encodes tags as metadata, in the format of Serf and Consul: the byte 0xff, then a MessagePack map of strings. `tags` of the config and
 * {@link Memberlist.setTags} do this.
 *
 * @throws MemberlistError `meta_too_large` over 512 bytes (`details.size`, `details.limit`); `invalid_argument` if a value is not a string
 */
export function encodeTags(tags: Tags): Uint8Array {
  if (!isTags(tags)) throw new MemberlistError("invalid_argument", "tags must be an object whose values are strings");
  const meta = packTags(tags);
  if (meta.length <= metaMaxSize) return meta;
  throw new MemberlistError(
    "meta_too_large",
    `the tags take ${meta.length} bytes of metadata, and the limit is ${metaMaxSize}: shorten them`,
    { details: { size: meta.length, limit: metaMaxSize } },
  );
}

/**
 * Decodes the tags in the metadata of a member, which may be a member of Serf or Consul.
 *
 * @returns undefined for metadata of any other form. Never throws
 *
 * @example
 * decodeTags(node.meta)?.["role"];
 */
export function decodeTags(meta: Uint8Array): Tags | undefined {
  if (meta[0] !== tagsMagic) return undefined;
  try {
    const tags = decode(meta.subarray(1), tagsOptions);
    return isTags(tags) ? tags : undefined;
  } catch {
    return undefined;
  }
}
