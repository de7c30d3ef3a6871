import { pino } from "pino";
import { afterEach, describe, expect, it, vi } from "vitest";
import { resolveConfig } from "../../src/config/resolve.ts";
import { consoleLogger, logLevels, textLogger, type LogFields, type Logger, type LogLevel } from "../../src/ports/logger.ts";
import { createLog, Log } from "../../src/ports/log.ts";
import { VirtualClock } from "../../src/testing/virtual-clock.ts";

class MemoryLogger implements Logger {
  readonly lines: { level: LogLevel; fields: LogFields; message: string }[] = [];
  debug(fields: LogFields, message: string): void {
    this.lines.push({ level: "debug", fields, message });
  }
  info(fields: LogFields, message: string): void {
    this.lines.push({ level: "info", fields, message });
  }
  warn(fields: LogFields, message: string): void {
    this.lines.push({ level: "warn", fields, message });
  }
  error(fields: LogFields, message: string): void {
    this.lines.push({ level: "error", fields, message });
  }
}

const wallStart = Date.UTC(2026, 10, 23, 6, 54, 22, 123);
const address = { host: "::1", port: 7946, name: "web-1" };

function textLines(act: (logger: Logger, clock: VirtualClock) => void, level?: LogLevel): string {
  let text = "";
  const clock = new VirtualClock({ wallStart });
  act(textLogger({ write: (line) => (text += line) }, clock, level), clock);
  return text;
}

describe("Log", () => {
  it.each(logLevels)("passes %s lines on with their code", (level) => {
    const logger = new MemoryLogger();
    new Log<string>(logger, new VirtualClock())[level]("a_code", "a message", { n: 1, code: "another" });
    expect(logger.lines).toEqual([{ level, fields: { code: "a_code", n: 1 }, message: "a message" }]);
  });

  it("logs an error under the key err, as pino and bunyan expect", () => {
    const logger = new MemoryLogger();
    const error = new Error("no route");
    new Log<string>(logger, new VirtualClock()).warn("send_failed", "a message", { error, host: "a" });
    expect(logger.lines[0]?.fields).toEqual({ code: "send_failed", err: error, host: "a" });
  });

  it("shows the error's type, message and stack in a line of pino", () => {
    let line = "";
    const logger = pino({ level: "debug" }, { write: (text: string) => (line += text) });
    new Log<string>(logger, new VirtualClock()).error("delegate_failed", "it failed", { error: new RangeError("too far") });
    expect(JSON.parse(line)).toMatchObject({
      code: "delegate_failed",
      msg: "it failed",
      err: { type: "RangeError", message: "too far", stack: expect.stringContaining("log.test.ts") },
    });
  });

  it("lets ten lines of a code through at once and then one a second, and reports the number suppressed", () => {
    const logger = new MemoryLogger();
    const clock = new VirtualClock();
    const log = new Log<string>(logger, clock);
    const flood = (count: number): void => {
      for (let i = 0; i < count; i++) log.warn("packet_dropped", "a packet was dropped");
    };
    const taken = (): unknown[] => logger.lines.splice(0).map(({ fields }) => fields["suppressed"] ?? 0);
    flood(25);
    expect(taken()).toEqual(Array.from({ length: 10 }, () => 0));
    clock.advanceSync(999);
    flood(1);
    expect(taken()).toEqual([]);
    clock.advanceSync(1);
    flood(3);
    expect(taken()).toEqual([16]);
    clock.advanceSync(2_500);
    flood(3);
    expect(taken()).toEqual([2, 0]);
    clock.advanceSync(500);
    flood(1);
    expect(taken()).toEqual([1]);
    clock.advanceSync(3_600_000);
    flood(11);
    expect(taken()).toHaveLength(10);
  });

  it("limits each code separately", () => {
    const logger = new MemoryLogger();
    const log = new Log<string>(logger, new VirtualClock());
    for (let i = 0; i < 50; i++) log.warn("flood", "much");
    log.warn("rare", "little");
    expect(logger.lines.filter(({ fields }) => fields.code === "rare")).toHaveLength(1);
  });

  it("survives loggers that throw or reject", async () => {
    const broken = (): never => {
      throw new Error("broken");
    };
    const rejecting = (() => Promise.reject(new Error("rejected"))) as () => void;
    const log = new Log<string>({ debug: broken, info: rejecting, warn: broken, error: rejecting }, new VirtualClock());
    for (const level of logLevels) expect(() => log[level]("x", "y")).not.toThrow();
    const fields = {
      get bad(): never {
        return broken();
      },
    };
    expect(() => new Log<string>(new MemoryLogger(), new VirtualClock()).warn("x", "y", fields)).not.toThrow();
    await new VirtualClock().advance(0);
  });

  it("writes an address as host:port [Logging_Address]", () => {
    const logger = new MemoryLogger();
    const log = new Log<string>(logger, new VirtualClock());
    log.warn("a", "m", { from: { host: "127.0.0.1", port: 80, name: "" }, to: address });
    log.warn("b", "m", { from: undefined });
    log.warn("c", "m", { other: undefined });
    expect(logger.lines.map(({ fields }) => fields)).toEqual([
      { code: "a", from: "127.0.0.1:80", to: "[::1]:7946" },
      { code: "b", from: "<unknown address>" },
      { code: "c", other: undefined },
    ]);
  });

  it("shows a stream's peer in a line of text as from=host:port [Logging_Conn]", () => {
    const text = textLines((logger, clock) => {
      new Log<string>(logger, clock).warn("bad_stream", "a stream was closed", { from: address });
      new Log<string>(logger, clock).warn("bad_stream", "a stream was closed", { from: "" });
    });
    expect(text.split("\n").map((line) => line.split("memberlist: ")[1])).toEqual([
      "a stream was closed code=bad_stream from=[::1]:7946",
      "a stream was closed code=bad_stream from=<unknown address>",
      undefined,
    ]);
  });
});

describe("textLogger", () => {
  it("writes time, level, message, code and fields", () => {
    const text = textLines((logger) =>
      logger.warn({ code: "node_suspect", node: "web 1", n: 3, ok: true, none: undefined, meta: new Uint8Array(4) }, "suspected"),
    );
    expect(text).toBe(
      '2026-11-23T06:54:22.123Z [WARN] memberlist: suspected code=node_suspect node="web 1" n=3 ok=true meta="4 bytes"\n',
    );
  });

  it("rounds numbers for reading", () => {
    const text = textLines((logger) => logger.warn({ code: "late", late: 699.9700000001, share: 0.25, rtt: 1.23456 }, "late"));
    expect(text).toContain("late=700 share=0.25 rtt=1.235\n");
  });

  it("writes one line, for any input of a peer", () => {
    const hostile = 'x" y=1\n2026 [ERROR] forged\r\u001b[31m\u2028\u202e\u{e0041}';
    const text = textLines((logger) =>
      logger.error({ code: "x", node: hostile, list: [hostile], error: new Error(hostile) }, hostile),
    );
    // Only printable characters, and one line break at the end.
    expect(text.match(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu)).toEqual(["\n"]);
    expect(text).toContain('node="x\\" y=1\\n2026');
  });

  it("writes values that cannot be serialised", () => {
    const loop: Record<string, unknown> = {};
    loop["loop"] = loop;
    expect(textLines((logger) => logger.info({ code: "x", loop, big: 5n, call: Math.max, nothing: null }, "m"))).toContain(
      'loop="[object Object]" big=5 call=',
    );
  });

  it.each([
    ["debug", 4],
    ["info", 3],
    ["warn", 2],
    ["error", 1],
  ] as const)("writes %s and above", (level, count) => {
    const text = textLines((logger) => {
      for (const each of logLevels) logger[each]({ code: "x" }, each);
    }, level);
    expect(text.trimEnd().split("\n")).toHaveLength(count);
  });
});

describe("createLog", () => {
  afterEach(() => {
    vi.restoreAllMocks();
  });

  it("prefers the given logger", () => {
    const logger = new MemoryLogger();
    (createLog(resolveConfig({ name: "a", logger })) as Log<string>).debug("x", "y");
    expect(logger.lines).toHaveLength(1);
  });

  it("writes to logOutput at every level", () => {
    const lines: string[] = [];
    const config = resolveConfig({
      name: "a",
      logOutput: { write: (line) => lines.push(line) },
      clock: new VirtualClock({ wallStart }),
    });
    (createLog(config) as Log<string>).debug("x", "y");
    expect(lines).toEqual(["2026-11-23T06:54:22.123Z [DEBUG] memberlist: y code=x\n"]);
  });

  it("writes warnings and errors to the console by default, which it looks up at each line", () => {
    const log = createLog(resolveConfig({ name: "a" }));
    const spies = logLevels.map((level) => vi.spyOn(console, level).mockImplementation(() => {}));
    for (const level of logLevels) (log as Log<string>)[level]("x", "y");
    expect(spies.map((spy) => spy.mock.calls)).toEqual([
      [],
      [],
      [["[WARN] memberlist: y code=x"]],
      [["[ERROR] memberlist: y code=x"]],
    ]);
    consoleLogger("debug").debug({ code: "z" }, "y");
    expect(spies[0]).toHaveBeenCalledOnce();
  });

  it("stays silent in a runtime without a console", () => {
    vi.stubGlobal("console", undefined);
    try {
      expect(() => consoleLogger().error({ code: "x" }, "y")).not.toThrow();
    } finally {
      vi.unstubAllGlobals();
    }
  });
});
