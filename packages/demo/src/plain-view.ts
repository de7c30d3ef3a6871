import type { DemoEvent, MetaEvent, StepEvent } from "./demo-event.ts";
import { beginLines, keepLines, reasonLines, sightingLines, summaryLine, tick } from "./phrases.ts";
import { formatDuration, pad, padStart, stateStyle, type Paint } from "@memberlist/cli/internal";

/** The width at which sightings wrap if the output is not a terminal. */
const columns = 120;

/** Plain lines: each change as it is seen, with the time since the beginning. */
export class PlainView {
  readonly #write: (text: string) => void;
  readonly #paint: Paint;
  /** What each agent knows of each node's metadata, to show only changes. */
  readonly #metas: Map<string, string> = new Map();
  #since = 0;
  #nameColumns = 0;
  #isOver = false;

  constructor(write: (text: string) => void, paint: Paint) {
    this.#write = write;
    this.#paint = paint;
  }

  show(event: DemoEvent): void {
    if (this.#isOver) return; // After the summary only the ends of the processes follow.
    switch (event.event) {
      case "begin":
        this.#since = event.at;
        this.#nameColumns = Math.max(...event.agents.map((name) => name.length));
        this.#lines(beginLines(event, this.#paint, columns));
        break;
      case "agent": {
        const what = event.status === "running" ? `runs ${event.runtime} at ${event.address}, pid` : `${event.status}, pid`;
        this.#line(event.at, `${this.#name(event.agent)}  ${what} ${event.pid}`);
        break;
      }
      case "state": {
        const state = this.#paint(stateStyle(event.state), pad(event.state, 9));
        this.#line(event.at, `${this.#name(event.node)}  ${state}  seen by ${event.observer}`);
        break;
      }
      case "message":
        this.#line(event.at, `${this.#name(event.observer)}  ${this.#paint("magenta", pad("received", 9))}  "${event.text}"`);
        break;
      case "meta":
        this.#meta(event);
        break;
      case "step":
        this.#step(event);
        break;
      case "note":
        this.#line(event.at, event.text);
        break;
      case "summary":
        this.#isOver = !event.keeps;
        this.#write("\n");
        for (const { step, status, durationMs } of event.steps) {
          const time = status === "skipped" ? "skipped" : formatDuration(durationMs);
          this.#lines([`  ${tick(status, this.#paint)} ${pad(step, 12)}${padStart(time, 9)}`]);
        }
        this.#lines([summaryLine(event, this.#paint)]);
        break;
      case "keep":
        this.#lines(["", ...keepLines(event, this.#paint, columns), ""]);
        break;
    }
  }

  close(): void {
    // Each event is written at once.
  }

  #step(event: StepEvent): void {
    const { title, status, durationMs = 0, seen = [], reason = "" } = event;
    if (status === "started") {
      this.#write("\n");
      this.#line(event.at, this.#paint("bold", title));
      return;
    }
    this.#line(event.at, `${tick(status, this.#paint)} ${event.step} ${status} after ${formatDuration(durationMs)}`);
    this.#lines(seen.flatMap((sighting) => sightingLines(sighting, this.#paint, columns)));
    if (status === "failed") this.#lines(reasonLines(reason, this.#paint));
  }

  #meta({ at, observer, node, meta }: MetaEvent): void {
    const key = `${observer}\0${node}`;
    const known = this.#metas.get(key);
    this.#metas.set(key, meta);
    if (known === undefined || known === meta) return;
    this.#line(at, `${this.#name(node)}  ${this.#paint("magenta", pad("metadata", 9))}  "${meta}" seen by ${observer}`);
  }

  #name(name: string): string {
    return pad(name, this.#nameColumns);
  }

  #line(at: number, text: string): void {
    const seconds = (Math.max(0, at - this.#since) / 1_000).toFixed(3);
    this.#write(`${this.#paint("dim", `${padStart(seconds, 7)} s`)}  ${text}\n`);
  }

  #lines(lines: readonly string[]): void {
    for (const line of lines) this.#write(`${line}\n`);
  }
}
