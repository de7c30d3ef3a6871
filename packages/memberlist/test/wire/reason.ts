import { MemberlistError } from "../../src/api/errors.ts";
import { DecodeError } from "../../src/wire/errors.ts";

/** What `action` threw: the reason of a DecodeError, the code of a MemberlistError; "" for nothing. Anything else is thrown on. */
export function reasonOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    return reason(error);
  }
  return "";
}

export async function rejectionOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
  } catch (error) {
    return reason(error);
  }
  return "";
}

function reason(error: unknown): string {
  if (error instanceof DecodeError) return error.reason;
  if (error instanceof MemberlistError) return error.code;
  throw error;
}
