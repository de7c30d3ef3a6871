// The packages of the workspace.
import { existsSync, readdirSync, readFileSync } from "node:fs";

/** Each package of packages/: its folder, and its package.json as text and parsed. */
export function workspacePackages() {
  return readdirSync("packages")
    .map((name) => `packages/${name}`)
    .filter((folder) => existsSync(`${folder}/package.json`))
    .map((folder) => {
      const text = readFileSync(`${folder}/package.json`, "utf8");
      return { folder, text, manifest: JSON.parse(text) };
    });
}

/** The packages that a release publishes. */
export function publishedPackages() {
  return workspacePackages().filter(({ manifest }) => !manifest.private);
}
