import type { DemoEvent } from "./demo-event.ts";
import { JsonView } from "./json-view.ts";
import { LiveTable } from "./live-table.ts";
import { PlainView } from "./plain-view.ts";
import { painter } from "@memberlist/cli/internal";

/** Shows a run. */
export interface View {
  readonly show: (event: DemoEvent) => void;
  /** The run is over; leaves the terminal as it was. */
  readonly close: () => void;
}

/** JSON if asked for, a live table on a terminal, else plain lines. */
export function chooseView(json: boolean, out: NodeJS.WriteStream): View {
  const write = (text: string): void => void out.write(text);
  if (json) return new JsonView(write);
  // hasColors() knows NO_COLOR and FORCE_COLOR.
  const paint = painter(out.isTTY && out.hasColors());
  const drawable = out.isTTY && out.columns > 0 && process.env["TERM"] !== "dumb";
  return drawable ? new LiveTable(out, paint) : new PlainView(write, paint);
}
