/**
 * That Deno may use a file. It is looked at, never asked for: a question would hold the program up.
 *
 * @throws Error that names the missing permission
 */
export async function requireFile(path: string, ...names: readonly ("read" | "write")[]): Promise<void> {
  for (const name of names) {
    const { state } = await Deno.permissions.query({ name, path });
    if (state !== "granted") throw new Error(`no permission to ${name} ${path}: it needs --allow-${name}=${path}`);
  }
}
