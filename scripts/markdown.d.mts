export interface CodeBlock {
  readonly name: string | undefined;
  readonly code: string;
}

export function codeBlocks(text: string): CodeBlock[];
