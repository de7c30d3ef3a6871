/** `@memberlist/core/certificates`: an entry point of its own, since node-forge is large and few applications issue certificates. */
export {
  createClusterCa,
  issueNodeCertificate,
  type CertificateAndKey,
  type ClusterCaOptions,
  type NodeCertificateOptions,
} from "./cluster-ca.ts";
