/** The parts of the parser's result that the tests read; the package has no types of its own. */
declare module "parse-prometheus-text-format" {
  export interface ParsedSeries {
    readonly labels?: Readonly<Record<string, string>>;
    readonly value?: string;
  }
  export interface ParsedMetric {
    readonly name: string;
    readonly help: string;
    readonly type: string;
    readonly metrics: readonly ParsedSeries[];
  }
  export default function parsePrometheusTextFormat(text: string): ParsedMetric[];
}
