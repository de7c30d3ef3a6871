/** The interop suite's TypeScript peer: another member, in a process of its own. */
import "../../../interop/src/node-peer.ts";
