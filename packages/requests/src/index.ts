export { createRequests, type RequestAllOptions, type RequestOptions, type Requests } from "./requests.ts";
export { RequestError, type RequestErrorCode, type RequestErrorOptions } from "./errors.ts";
export type { Answers, RequestAnswer } from "./answers.ts";
export type { RequestCounters } from "./counters.ts";
export type { RequestContext, RequestHandler } from "./incoming-requests.ts";
export type { RequestsMember, RequestsOptions } from "./options.ts";
