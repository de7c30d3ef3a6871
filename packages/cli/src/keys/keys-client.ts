import { isObject } from "@memberlist/core/internal";
import { agentFetch } from "../agent/agent-fetch.ts";
import type { KeyAction, KeysAnswer, KeysRequest } from "./keys-handler.ts";

/** The answer of one agent, or its error. */
export interface AgentKeys {
  readonly url: string;
  readonly answer?: KeysAnswer;
  /** Its message names the URL. */
  readonly error?: Error;
}

/** Asks agents over HTTP to change their keys. */
export class KeysClient {
  readonly #agents: readonly string[];
  readonly #token: string;

  constructor(agents: readonly string[], token: string) {
    this.#agents = agents;
    this.#token = token;
  }

  /** Sends an action to all agents. The failure of one agent does not stop the others. */
  async all(action: KeyAction, key?: string): Promise<readonly AgentKeys[]> {
    return Promise.all(
      this.#agents.map(async (url) => {
        try {
          return { url, answer: await this.#ask(url, { action, key }) };
        } catch (error) {
          return { url, error: error as Error };
        }
      }),
    );
  }

  async #ask(url: string, request: KeysRequest): Promise<KeysAnswer> {
    const body = JSON.stringify(request);
    const headers = { "content-type": "application/json", "content-length": String(Buffer.byteLength(body)) };
    const response = await agentFetch(url, "keys", this.#token, {
      method: "POST",
      body,
      headers,
      // A redirect could send the key to another server.
      redirect: "error",
      signal: AbortSignal.timeout(10_000),
    });
    const answer: unknown = await response.json().catch(() => undefined);
    if (!isKeysAnswer(answer)) throw new Error(`${url} does not answer as an agent: check the URL`);
    return answer;
  }
}

/** Checks an answer. Fingerprints must be hex digits, so that they are safe to print. */
function isKeysAnswer(answer: unknown): answer is KeysAnswer {
  if (!isObject(answer)) return false;
  const { node, keys, members } = answer;
  return (
    typeof node === "string" &&
    Array.isArray(keys) &&
    keys.every((key) => typeof key === "string" && /^[0-9a-f]+$/.test(key)) &&
    Array.isArray(members) &&
    members.every((name) => typeof name === "string")
  );
}
