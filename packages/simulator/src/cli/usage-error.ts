/** A mistake in the command line. The command prints it in one line, without a stack. */
export class UsageError extends Error {
  override readonly name: string = "UsageError";
}

/** Runs a command. @returns whether it went well; what the caller can put right has been shown, anything else is thrown */
export async function reportUsageErrors(run: () => Promise<unknown>): Promise<boolean> {
  try {
    await run();
    return true;
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    process.stderr.write(`error: ${error.message}\n`);
    return false;
  }
}
