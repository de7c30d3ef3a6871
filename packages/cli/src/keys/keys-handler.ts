import { createHash, timingSafeEqual } from "node:crypto";
import { decodeKey, MemberlistError, type Keyring, type Memberlist } from "@memberlist/core";
import { errorMessage, isObject } from "@memberlist/core/internal";
import { fingerprint } from "./fingerprint.ts";

/** "keep" removes all keys but the given one, which must be the primary one. */
export type KeyAction = "list" | "add" | "use" | "remove" | "keep";

/** The body of a request to `/keys`. */
export interface KeysRequest {
  readonly action: KeyAction;
  /** The key in base64; absent for "list". */
  readonly key?: string;
}

/** The answer of an agent: the fingerprints of its keys, the primary key first. */
export interface KeysAnswer {
  readonly node: string;
  readonly keys: readonly string[];
  /** The names of the members that are alive or suspect. */
  readonly members: readonly string[];
}

/** The longest body of a request, in bytes. */
const maxBody = 4_096;

/** Handles `POST /keys` of an agent: lists, adds, uses and removes keys of the running member. It requires the agent's token, even on loopback. */
export class KeysHandler {
  readonly #members: Memberlist;
  readonly #token: string | undefined;

  constructor(members: Memberlist, token: string | undefined) {
    this.#members = members;
    this.#token = token;
  }

  async handle(request: Request): Promise<Response> {
    if (request.method !== "POST") return problem(405, "POST a JSON object");
    if (this.#token === undefined) return problem(403, "this agent has no token: start it with --http-token-file");
    if (!isToken(request.headers.get("authorization") ?? "", this.#token)) return problem(401, "wrong token");
    const { keyring } = this.#members;
    if (keyring === undefined) return problem(409, "this agent was started without a key");
    try {
      const { action, key } = await readRequest(request);
      if (action !== "list") {
        const bytes = decodeKey(key ?? "");
        if (action === "add") keyring.addKey(bytes);
        else if (action === "use") keyring.useKey(bytes);
        else if (action === "remove") keyring.removeKey(bytes);
        else keepOnly(keyring, bytes);
      }
    } catch (error) {
      return problem(400, errorMessage(error));
    }
    const answer: KeysAnswer = {
      node: this.#members.localNode().name,
      keys: keyring.getKeys().map(fingerprint),
      members: this.#members.members().map(({ name }) => name),
    };
    return Response.json(answer);
  }
}

/** @throws MemberlistError `invalid_argument` if the key is not the primary one */
function keepOnly(keyring: Keyring, key: Uint8Array): void {
  const [primary, ...others] = keyring.getKeys();
  if (primary === undefined || fingerprint(primary) !== fingerprint(key)) {
    throw new MemberlistError("invalid_argument", "the key to keep must be the one that encrypts: use it first");
  }
  for (const other of others) keyring.removeKey(other);
}

function problem(status: number, error: string): Response {
  return Response.json({ error }, { status });
}

/** Compares digests, so that the time does not reveal how much of a guess is right. */
function isToken(authorization: string, token: string): boolean {
  const digest = (text: string): Buffer => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(authorization), digest(`Bearer ${token}`));
}

async function readRequest(request: Request): Promise<KeysRequest> {
  const length = Number(request.headers.get("content-length") ?? maxBody + 1);
  if (!(length <= maxBody)) throw new RangeError(`the body exceeds ${maxBody} bytes, or has no content-length`);
  const body: unknown = JSON.parse(await request.text());
  if (!isObject(body)) throw new TypeError("the body must be a JSON object");
  const { action, key } = body;
  if (action !== "list" && action !== "add" && action !== "use" && action !== "remove" && action !== "keep")
    throw new TypeError("unknown action");
  return { action, key: typeof key === "string" ? key : undefined };
}
