import { createInterface } from "node:readline";

/** Asks a question, and returns the answer without spaces at its ends; "" at the end of the input and for Ctrl-C. */
export function ask(question: string, input: NodeJS.ReadableStream, output: NodeJS.WritableStream): Promise<string> {
  const terminal = createInterface({ input, output });
  return new Promise((resolve) => {
    // After an answer it resolves for the second time, which changes nothing.
    terminal.once("close", () => resolve(""));
    terminal.question(question, (answer) => {
      resolve(answer.trim());
      terminal.close();
    });
  });
}
