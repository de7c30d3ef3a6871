import { readFileSync } from "node:fs";
import { Writable } from "node:stream";
import { runInNewContext } from "node:vm";
import { transform } from "esbuild";
import { pino, type LoggerOptions } from "pino";
import { expect, it } from "vitest";
import winston from "winston";
import { lanConfig, type Config, type Logger } from "../../src/index.ts";
import { createLog } from "../../src/ports/log.ts";
import { VirtualClock } from "../../src/testing/virtual-clock.ts";

const guide = readFileSync(new URL("../../../../docs/guide/metrics.md", import.meta.url), "utf8");
const [, section = ""] = guide.split("\n## Logs\n");
const examples = [...section.matchAll(/```ts\n([\s\S]*?)```/g)].map(([, code = ""]) => code);

/** Runs an example of the guide. @returns the logger that it gives to createMemberlist, which writes to `write` */
async function loggerOf(example: string, write: (line: string) => void): Promise<Logger> {
  const { code } = await transform(example, { loader: "ts" });
  let logger: Logger | undefined;
  const stream = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      write(chunk.toString());
      done();
    },
  });
  const Console = class extends winston.transports.Stream {
    constructor() {
      super({ stream });
    }
  };
  await runInNewContext(`(async () => {${code.replaceAll(/^import .*$/gm, "")}})()`, {
    createMemberlist: (config: Config) => void (logger = config.logger),
    lanConfig,
    pino: (options: LoggerOptions) => pino(options, { write }),
    winston: { ...winston, format: winston.format, createLogger: winston.createLogger, transports: { Console } },
    console: { log: write },
    Error,
  });
  if (logger === undefined) throw new Error("the example passes no logger");
  return logger;
}

it("finds three examples of loggers in the guide", () => {
  expect(examples).toHaveLength(3);
});

it.each(examples)("writes a line of JSON with code, message, fields and the error's stack: example %#", async (example) => {
  const lines: string[] = [];
  const logger = await loggerOf(example, (line) => void lines.push(line));
  const log = createLog({ logger, clock: new VirtualClock() });
  log.error("delegate_failed", "it failed", { method: "notifyMsg", error: new RangeError("too far") });
  log.debug("ping_timeout", "not worth a line");
  await new Promise((resolve) => setImmediate(resolve));
  expect(lines).toHaveLength(1);
  const line = JSON.parse(lines[0] ?? "") as Record<string, unknown>;
  expect(line).toMatchObject({ code: "delegate_failed", method: "notifyMsg" });
  expect(line["message"] ?? line["msg"]).toBe("it failed");
  expect(JSON.stringify(line["err"])).toMatch(/RangeError.*too far.*log-libraries\.test\.ts/);
});
