// Draws the charts of docs/measurements as SVG, each from the table of the page that shows it: a chart has no figures of its own.
// usage: node scripts/charts.mjs           writes the charts
//        node scripts/charts.mjs --check   fails when one is out of date
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";

/**
 * `from` names a page and a heading; a chart shows the first table below it. `series` has for each name the column, and the place of the number in a
 * cell, from 0. Bars have a row for each row of the table, lines a point. `rows` picks some rows; `mark` draws a line at a value.
 */
const charts = [
  {
    file: "throughput",
    title: "Messages per second as a multiple of the Go library's: more is better",
    from: ["performance", "Where it stands"],
    kind: "bars",
    series: { plain: [1, 0], compressed: [2, 0], encrypted: [3, 0], both: [4, 0] },
    rows: ["Node", "Deno", "Bun"],
    mark: 1,
  },
  {
    file: "detection",
    title: "Seconds until members find a crash, by number of nodes",
    from: ["scale", "Known to each other"],
    kind: "lines",
    series: { "first member": [7, 0], "all members": [7, 1] },
  },
  {
    file: "churn",
    title: "Packets per node and second, by number of nodes",
    from: ["scale", "Known to each other"],
    kind: "lines",
    series: { idle: [1, 0], "under churn": [4, 0] },
  },
  {
    file: "lifeguard",
    title: "False positives in per cent of SWIM's: less is better",
    from: ["simulation", "Lifeguard"],
    kind: "bars",
    series: { measured: [1, 0], "the paper": [1, 1] },
    rows: ["LHA-Probe", "LHA-Suspicion", "Buddy", "Lifeguard"],
    mark: 100,
  },
  {
    file: "observability",
    title: "CPU time of a message, as a multiple of the first row: less is better",
    from: ["observability", "CPU time"],
    kind: "bars",
    series: { "a message": [2, 0] },
    mark: 1,
  },
];

/** Colours with a contrast of 3 to 1 or more on white, distinct for people with colour blindness, too. */
const colours = ["#2f5bb7", "#b3541e", "#2b7a4b", "#7a4ea3"];
const width = 720;
const folder = "docs/measurements/images";
mkdirSync(folder, { recursive: true });
let outdated = 0;
for (const chart of charts) {
  const file = `${folder}/${chart.file}.svg`;
  const svg = draw(chart, pointsOf(chart));
  if (!process.argv.includes("--check")) {
    writeFileSync(file, svg);
  } else if (!existsSync(file) || readFileSync(file, "utf8") !== svg) {
    console.error(`charts: ${file} differs from the table of docs/measurements/${chart.from[0]}.md: run node scripts/charts.mjs`);
    outdated++;
  }
}
console.log(`charts: ${charts.length} in ${folder}`);
process.exit(outdated === 0 ? 0 : 1);

/** The label and the values of each row of the chart's table. */
function pointsOf({ from: [page, heading], series, rows: wanted }) {
  const text = readFileSync(`docs/measurements/${page}.md`, "utf8");
  const [, section = ""] = new RegExp(`^#+ ${heading}\\n([^]*?)(?=^#|(?![^]))`, "m").exec(text) ?? [];
  const [table = ""] = /(?:^\|.*\n)+/m.exec(section) ?? [];
  const [, , ...rows] = table.trimEnd().split("\n");
  const points = rows
    .map((row) =>
      row
        .slice(1, -1)
        .split(" | ")
        .map((cell) => cell.trim()),
    )
    .map((cells) => ({
      label: cells[0].replaceAll("`", ""),
      values: Object.values(series).map(([column, place]) => numberIn(cells[column], place)),
    }))
    .filter(({ label }) => wanted === undefined || wanted.includes(label));
  const complete = points.length > 0 && points.every(({ values }) => values.every(Number.isFinite));
  if (!complete || (wanted !== undefined && wanted.length !== points.length)) {
    throw new Error(`charts: the table of "${heading}" in ${page}.md lacks rows or numbers that its chart needs`);
  }
  return points;
}

/** The number at a place of a cell such as `6.1 / 6.2` or `1.94 (3)`. */
function numberIn(cell = "", place) {
  return Number([...cell.matchAll(/\d[\d,]*(?:\.\d+)?/g)][place]?.[0].replaceAll(",", "") ?? Number.NaN);
}

function draw(chart, points) {
  const body = chart.kind === "bars" ? drawBars(chart, points) : drawLines(chart, points);
  const {
    title,
    from: [page, heading],
  } = chart;
  const names = Object.keys(chart.series);
  const height = body.height + 92;
  const places = names.map((_, i) => 24 + names.slice(0, i).reduce((sum, name) => sum + 34 + name.length * 7, 0));
  const legend = names.map((name, i) => `${rect(places[i], 46, 12, 12, colours[i])}${words(places[i] + 18, 56, name)}`);
  const parts = [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img" font-family="sans-serif" font-size="13" fill="#333">`,
    `<title>${title}</title>`,
    `<rect width="${width}" height="${height}" rx="8" fill="#fff"/>`,
    words(24, 30, title, 'font-weight="bold" font-size="15"'),
    ...(names.length > 1 ? legend : []),
    `<g transform="translate(0 70)">`,
    ...body.parts,
    "</g>",
    words(24, height - 8, `Source: docs/measurements/${page}.md, ${heading}`, 'font-size="11" fill="#666"'),
    "</svg>",
  ];
  return `${parts.join("\n")}\n`;
}

function drawBars({ series, mark }, points) {
  const rowHeight = Object.keys(series).length * 18;
  const left = 40 + Math.max(...points.map(({ label }) => label.length)) * 6.6;
  const scale = (width - left - 70) / Math.max(...points.flatMap(({ values }) => values));
  const step = rowHeight + 12;
  const parts = points.flatMap(({ label, values }, row) => [
    words(left - 10, row * step + rowHeight / 2 + 4, label, 'text-anchor="end"'),
    ...values.flatMap((value, i) => {
      const y = row * step + i * 18;
      return [rect(left, y, round(value * scale), 15, colours[i]), words(round(left + value * scale + 6), y + 12, String(value))];
    }),
  ]);
  const height = points.length * step;
  if (mark !== undefined)
    parts.push(line(round(left + mark * scale), -6, round(left + mark * scale), height - 6, 'stroke-dasharray="4 3"'));
  return { parts, height };
}

function drawLines({ series }, points) {
  const [left, right, height] = [60, width - 30, 260];
  const sizes = points.map(({ label }) => numberIn(label, 0));
  const [low, high] = [Math.log(Math.min(...sizes)), Math.log(Math.max(...sizes))];
  const x = (size) => round(left + ((Math.log(size) - low) / (high - low)) * (right - left));
  const top = niceCeiling(Math.max(...points.flatMap(({ values }) => values)));
  const y = (value) => round(height - (value / top) * (height - 10));
  const grid = [0, 1, 2, 3, 4].flatMap((i) => [
    line(left, y((top * i) / 4), right, y((top * i) / 4), 'stroke-opacity="0.25"'),
    words(left - 8, y((top * i) / 4) + 4, String((top * i) / 4), 'text-anchor="end"'),
  ]);
  const ticks = sizes.map((size) => words(x(size), height + 18, size.toLocaleString("en-US"), 'text-anchor="middle"'));
  const curves = Object.keys(series).flatMap((_, i) => [
    `<polyline points="${points.map(({ values }, at) => `${x(sizes[at])},${y(values[i])}`).join(" ")}" fill="none" stroke="${colours[i]}" stroke-width="2"/>`,
    ...points.map(({ values }, at) => `<circle cx="${x(sizes[at])}" cy="${y(values[i])}" r="3.5" fill="${colours[i]}"/>`),
  ]);
  return { parts: [...grid, ...ticks, ...curves], height: height + 30 };
}

/** The least of 4, 8, 12, 20 and 40 times a power of ten that is not below a value: a quarter of it is a short number. */
function niceCeiling(value) {
  const power = 10 ** Math.floor(Math.log10(value / 4));
  return [4, 8, 12, 20, 40].map((factor) => factor * power).find((candidate) => candidate >= value);
}

function round(value) {
  return Math.round(value * 10) / 10;
}

function rect(x, y, w, h, fill) {
  return `<rect x="${x}" y="${y}" width="${w}" height="${h}" fill="${fill}"/>`;
}

function line(x1, y1, x2, y2, more) {
  return `<line x1="${x1}" y1="${y1}" x2="${x2}" y2="${y2}" stroke="#555" ${more}/>`;
}

function words(x, y, content, more = "") {
  return `<text x="${x}" y="${y}"${more === "" ? "" : ` ${more}`}>${content.replaceAll("&", "&amp;").replaceAll("<", "&lt;")}</text>`;
}
