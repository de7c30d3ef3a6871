import uPlot from "uplot";
import type { StatusSample } from "../document.ts";
import { formatBytes, formatDuration } from "../readable.ts";
import { byId, element } from "./dom.ts";

interface Series {
  readonly label: string;
  readonly value: (sample: StatusSample) => number | undefined;
}

interface ChartOptions {
  readonly id: "traffic" | "rtt";
  readonly title: string;
  readonly series: readonly [Series, Series];
  readonly format: (value: number) => string;
}

const colours = ["first", "second"] as const;

/** A chart of two series over time, with a legend of their values. */
class Chart {
  readonly #options: ChartOptions;
  readonly #box: HTMLElement;
  readonly #legend: HTMLElement;
  #plot: uPlot | undefined;
  #samples: readonly StatusSample[] = [];
  /** The index of the sample under the pointer. */
  #index: number | undefined;

  constructor(options: ChartOptions) {
    this.#options = options;
    this.#box = byId(`${options.id}-chart`);
    this.#legend = byId(`${options.id}-legend`);
    new ResizeObserver(() => this.#plot?.setSize(this.#size())).observe(this.#box);
    // The canvas keeps the old colours until it is drawn again.
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
      this.#plot?.destroy();
      this.#plot = undefined;
      this.#draw();
    });
  }

  render(samples: readonly StatusSample[]): void {
    if (samples === this.#samples) return;
    this.#samples = samples;
    this.#draw();
  }

  #draw(): void {
    const { series } = this.#options;
    const [first, second] = series.map(({ value }) => this.#samples.map((sample) => value(sample) ?? null));
    const data: uPlot.AlignedData = [this.#samples.map(({ at }) => at / 1_000), first ?? [], second ?? []];
    if (this.#plot === undefined) this.#plot = new uPlot(this.#plotOptions(), data, this.#box);
    else this.#plot.setData(data);
    this.#renderLegend();
  }

  #renderLegend(): void {
    const { series, format, title } = this.#options;
    const sample = this.#samples[this.#index ?? this.#samples.length - 1];
    const values = series.map(({ label, value }) => {
      const number = sample && value(sample);
      return `${label} ${number === undefined ? "–" : format(number)}`;
    });
    this.#legend.replaceChildren(
      ...values.map((text, i) => element("span", {}, [element("i", { class: colours[i] ?? "" }), document.createTextNode(text)])),
    );
    this.#box.ariaLabel = `${title} over the last ${formatDuration(this.#span())}. Now: ${values.join(", ")}`;
  }

  #span(): number {
    const [first] = this.#samples;
    return first === undefined ? 0 : (this.#samples.at(-1)?.at ?? 0) - first.at;
  }

  #plotOptions(): uPlot.Options {
    const style = getComputedStyle(document.documentElement);
    const colour = (name: string): string => style.getPropertyValue(`--${name}`).trim();
    const axis = { stroke: colour("soft"), grid: { stroke: colour("line"), width: 1 }, ticks: { show: false } };
    const { series, format } = this.#options;
    return {
      ...this.#size(),
      legend: { show: false },
      cursor: { drag: { x: false, y: false }, y: false },
      scales: { y: { range: (_, __, max) => [0, Math.max(max * 1.1, 1e-3)] } },
      axes: [axis, { ...axis, size: 70, values: (_, splits) => splits.map((split) => format(split)) }],
      series: [
        {},
        ...series.map(({ label }, i) => ({
          label,
          stroke: colour(colours[i] ?? "first"),
          width: 2,
          points: { show: () => this.#samples.length < 3 },
        })),
      ],
      hooks: {
        setCursor: [
          ({ cursor: { idx } }): void => {
            this.#index = idx ?? undefined;
            this.#renderLegend();
          },
        ],
      },
    };
  }

  #size(): { readonly width: number; readonly height: number } {
    return { width: Math.max(this.#box.clientWidth, 100), height: 150 };
  }
}

/** Makes the charts of traffic and round-trip times. */
export function makeCharts(): { render(samples: readonly StatusSample[]): void } {
  const charts = [
    new Chart({
      id: "traffic",
      title: "Traffic",
      format: (bytes) => `${formatBytes(bytes)}/s`,
      series: [
        { label: "in", value: ({ bytesIn }) => bytesIn },
        { label: "out", value: ({ bytesOut }) => bytesOut },
      ],
    }),
    new Chart({
      id: "rtt",
      title: "Round-trip times",
      format: formatDuration,
      series: [
        { label: "median", value: ({ rttMedian }) => rttMedian },
        { label: "95 %", value: ({ rtt95 }) => rtt95 },
      ],
    }),
  ];
  return { render: (samples) => charts.forEach((chart) => chart.render(samples)) };
}
