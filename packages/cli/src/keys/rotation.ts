import { isObject } from "@memberlist/core/internal";
import { agentFetch } from "../agent/agent-fetch.ts";
import type { KeyAction, KeysAnswer, KeysRequest } from "./keys-handler.ts";

/** What one agent answered: its keys, or what is wrong. */
export interface AgentKeys {
  readonly url: string;
  readonly answer?: KeysAnswer;
  /** Names the URL, too. */
  readonly error?: Error;
}

/** Asks agents over HTTP to change their keys. */
export class KeyRotation {
  readonly #agents: readonly string[];
  readonly #token: string;

  constructor(agents: readonly string[], token: string) {
    this.#agents = agents;
    this.#token = token;
  }

  /** Does the same on all agents. An agent that fails does not keep the others from it. */
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
      // A key goes to the agents that were given, and nowhere else.
      redirect: "error",
      signal: AbortSignal.timeout(10_000),
    });
    const answer: unknown = await response.json().catch(() => undefined);
    if (!isKeysAnswer(answer)) throw new Error(`${url} does not answer as an agent: check the URL`);
    return answer;
  }
}

/** Fingerprints are digits, so that they can be printed as they are. */
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
