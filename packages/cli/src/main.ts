#!/usr/bin/env node
import { configFromEnv, createMemberlist, fetchMembers, NodeTransport } from "@memberlist/transport-node";
import { runCli } from "./cli.ts";

const bind = (host: string): Promise<NodeTransport> =>
  NodeTransport.create({ bindAddrs: [host], bindPort: 0, workers: { off: true } });
await runCli(process.argv.slice(2), { configFromEnv, createMemberlist, fetchMembers, bind });
