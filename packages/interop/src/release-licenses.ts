import { existsSync, readdirSync } from "node:fs";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { say, workspace, type Tarball } from "./packed-tarball.ts";
import { Figure, type Check } from "./release-checks.ts";

/** The allowed licenses of the packages that users install. One of them is enough in an OR with others. */
const allowed = new Set(["MIT", "ISC", "BSD-2-Clause", "BSD-3-Clause", "Apache-2.0", "0BSD", "MPL-2.0"]);

/** The folder of the SBOMs, which the release workflow publishes. */
const sbomFolder = join(workspace, "node_modules/.cache/release");

interface Licensed {
  readonly name: string;
  readonly versions: readonly string[];
}

/** A package that a bundler copied into a build. */
interface Contained {
  readonly name: string;
  readonly version: string;
  readonly license: string;
}

interface Sbom {
  readonly bomFormat: string;
  readonly metadata: { readonly component: { readonly group?: string; readonly name: string } };
  readonly components: readonly { readonly purl: string }[];
}

/** Checks the licenses of all packages that users install or get in a build, and writes a CycloneDX SBOM for each package. */
export async function checkLicenses(tarballs: readonly Tarball[], check: Check): Promise<void> {
  const filters = tarballs.flatMap(({ name }) => ["--filter", name]);
  const pnpm = ["-y", "pnpm@12", ...filters];
  let installed: Licensed[] = [];
  await check("the licenses of the packages that users install", async () => {
    const listed = await say(workspace, "npx", ...pnpm, "licenses", "list", "--prod", "--json");
    const byLicense = Object.entries(JSON.parse(listed) as Readonly<Record<string, Licensed[]>>);
    installed = byLicense.flatMap(([, packages]) => packages);
    if (installed.length === 0) throw new Error(`pnpm lists no package: ${listed}`);
    const refused = byLicense.filter(([license]) => !isAllowed(license));
    if (refused.length > 0) throw new Error(refused.map(([license, them]) => `${license}: ${namesOf(them)}`).join("\n"));
    return new Figure(`${installed.length} packages: ${byLicense.map(([license]) => license).join(", ")}`);
  });
  const contained = new Map<string, readonly Contained[]>();
  for (const tarball of tarballs) {
    await check(`${tarball.name}: the licenses of the packages in its build`, async () => {
      const found = await containedIn(tarball);
      const problems = found.flatMap((one) => problemsOf(one, join(tarball.content, "dist")));
      if (problems.length > 0) throw new Error(problems.join("\n"));
      contained.set(tarball.name, found);
    });
  }
  await check("an SBOM for each package", async () => {
    await rm(sbomFolder, { recursive: true, force: true });
    await mkdir(sbomFolder, { recursive: true });
    const out = join(sbomFolder, "%s-%v.cdx.json");
    await say(workspace, "npx", ...pnpm, "sbom", "--sbom-format", "cyclonedx", "--prod", "--split", "--out", out);
    const boms = await Promise.all(readdirSync(sbomFolder).map((file) => completeSbom(join(sbomFolder, file), contained)));
    if (boms.length !== tarballs.length) throw new Error(`pnpm wrote ${boms.length} SBOMs for ${tarballs.length} packages`);
    const components = new Set(boms.flatMap((bom) => bom.components.map(({ purl }) => decodeURIComponent(purl))));
    const expected = installed.flatMap(({ name, versions }) => versions.map((version) => `pkg:npm/${name}@${version}`));
    const absent = expected.filter((purl) => !components.has(purl));
    if (absent.length > 0) throw new Error(`the SBOMs lack ${absent.join(", ")}`);
    return new Figure(`CycloneDX in ${sbomFolder.slice(workspace.length)}`);
  });
}

/** Returns whether an SPDX expression allows a use: one allowed choice of an OR is enough. */
function isAllowed(license: string): boolean {
  const choices = license.replaceAll(/[()]/g, "").split(" OR ");
  return choices.some((choice) => choice.split(" AND ").every((one) => allowed.has(one)));
}

function namesOf(packages: readonly Licensed[]): string {
  return packages.map(({ name, versions }) => `${name}@${versions.join(", ")}`).join(", ");
}

/** Returns the packages that the source maps of a build name. */
async function containedIn({ source, content }: Tarball): Promise<Contained[]> {
  const dist = join(content, "dist");
  const maps = readdirSync(dist, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".js.map"));
  if (maps.length === 0) throw new Error("the build has no source maps, which name the packages in it");
  const folders = new Set<string>();
  for (const file of maps) {
    const { sources } = JSON.parse(await readFile(join(dist, file), "utf8")) as { sources: readonly string[] };
    for (const path of sources) {
      const [folder] = /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path) ?? [];
      if (folder !== undefined) folders.add(resolve(source, "dist", dirname(file), folder));
    }
  }
  return Promise.all(
    [...folders].map(async (folder) => JSON.parse(await readFile(join(folder, "package.json"), "utf8")) as Contained),
  );
}

/** Each package in a build needs an allowed license, and the file `dist/<name>.LICENSE`. */
function problemsOf({ name, license }: Contained, dist: string): string[] {
  const problems = isAllowed(license) ? [] : [`the build contains ${name}, whose license is ${license}`];
  const file = `${name.replace(/^@[^/]+\//, "")}.LICENSE`;
  return existsSync(join(dist, file)) ? problems : [...problems, `the build contains ${name} without dist/${file}`];
}

/** Adds the packages in the build to an SBOM, in which pnpm lists only the dependencies. */
async function completeSbom(path: string, contained: ReadonlyMap<string, readonly Contained[]>): Promise<Sbom> {
  const bom = JSON.parse(await readFile(path, "utf8")) as Sbom;
  if (bom.bomFormat !== "CycloneDX") throw new Error(`${path} is not a CycloneDX SBOM`);
  const { group = "", name } = bom.metadata.component;
  const added = (contained.get(group === "" ? name : `${group}/${name}`) ?? []).map((one) => {
    const purl = `pkg:npm/${one.name.replace("@", "%40")}@${one.version}`;
    return {
      type: "library",
      name: one.name,
      version: one.version,
      purl,
      "bom-ref": purl,
      licenses: [{ license: { id: one.license } }],
    };
  });
  const complete: Sbom = { ...bom, components: [...bom.components, ...added] };
  await writeFile(path, `${JSON.stringify(complete, undefined, 2)}\n`);
  return complete;
}
