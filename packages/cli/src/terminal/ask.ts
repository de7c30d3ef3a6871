import { createInterface } from "node:readline";

/** Asks a question, and returns the trimmed answer; "" for Ctrl-C and at the end of the input. */
export function ask(question: string, input: NodeJS.ReadableStream, output: NodeJS.WritableStream): Promise<string> {
  const terminal = createInterface({ input, output });
  return new Promise((resolve) => {
    // After an answer this is the second call of resolve, which changes nothing.
    terminal.once("close", () => resolve(""));
    terminal.question(question, (answer) => {
      resolve(answer.trim());
      terminal.close();
    });
  });
}
