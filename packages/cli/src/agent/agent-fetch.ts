import { isObject } from "@memberlist/core/internal";
import { CommandError, exitCodes } from "../exit-codes.ts";

/**
 * Sends a request to an agent.
 *
 * @throws CommandError that names the URL and the cause
 */
export async function agentFetch(
  url: string,
  path: string,
  token: string | undefined,
  init: RequestInit = {},
): Promise<Response> {
  const target = new URL(path, url.endsWith("/") ? url : `${url}/`);
  const headers = {
    ...(init.headers as Record<string, string> | undefined),
    ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
  };
  let response: Response;
  try {
    response = await fetch(target, { ...init, headers });
  } catch (error) {
    throw new CommandError(`${url} does not answer: ${causeOf(error)}`, exitCodes.unreachable, { cause: error });
  }
  if (response.ok) return response;
  const isRefused = response.status === 401 || response.status === 403;
  const message = response.status === 401 ? tokenProblem(token) : problemOf(await response.text());
  throw new CommandError(`${url} answered ${response.status}: ${message}`, isRefused ? exitCodes.refused : exitCodes.failed);
}

function tokenProblem(token: string | undefined): string {
  return token === undefined
    ? "it needs a token: pass --token-file, or set MEMBERLIST_HTTP_TOKEN"
    : "the token is wrong: compare --token-file (or MEMBERLIST_HTTP_TOKEN) with the agent's --http-token-file";
}

/** Returns the error in the agent's JSON, or the start of an answer of another server. */
function problemOf(answer: string): string {
  const text = answer.trim();
  try {
    const body: unknown = JSON.parse(text);
    if (isObject(body) && typeof body["error"] === "string") return body["error"];
  } catch {
    // The answer is not JSON.
  }
  return text.slice(0, 200);
}

/** Returns the message of the cause: that of fetch is only "fetch failed". */
function causeOf(error: unknown): string {
  const { cause, message } = error as Error & { cause?: Error };
  return cause?.message === undefined || cause.message === "" ? message : cause.message;
}
