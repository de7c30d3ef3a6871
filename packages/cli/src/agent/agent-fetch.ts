/**
 * A request to an agent's HTTP server.
 *
 * @throws Error with a sentence that names the URL and the cause
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
    throw new Error(`${url} does not answer: ${causeOf(error)}`, { cause: error });
  }
  if (response.ok) return response;
  const text = (await response.text()).trim();
  throw new Error(`${url} answered ${response.status}: ${text.slice(0, 200)}`);
}

/** What fetch itself says is only "fetch failed". */
function causeOf(error: unknown): string {
  const { cause, message } = error as Error & { cause?: Error };
  return cause?.message === undefined || cause.message === "" ? message : cause.message;
}
