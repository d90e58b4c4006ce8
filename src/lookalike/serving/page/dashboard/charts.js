/**
 * Charts as SVG: bars with their values written on them, so that nothing depends on colours, and the numbers in a table
 * behind each.
 */

import { el } from "../dom.js";

const SPACE = "http://www.w3.org/2000/svg";
const WIDTH = 640; // of every chart's drawing; it is scaled to the room there is

/**
 * @typedef {object} Bar
 * @property {string} name
 * @property {number|null} value  null where there is nothing to say
 * @property {number|null} [low]  of the interval
 * @property {number|null} [high]
 */
/**
 * @typedef {object} Chart
 * @property {string} title
 * @property {string} [note]  what it counts
 * @property {Bar[]} bars
 * @property {(value: number) => string} words  a value as text
 * @property {string[]} headings  of the table
 * @property {(string|number)[][]} rows  of the table
 */

/** @param {string} tag @param {Record<string, string|number>} attributes @param {...(Node|string)} children @returns {SVGElement} */
function svg(tag, attributes, ...children) {
  const node = /** @type {SVGElement} */ (document.createElementNS(SPACE, tag));
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, String(value));
  node.append(...children);
  return node;
}

/** @param {Chart} chart @param {SVGElement} drawing */
function figure(chart, drawing) {
  const head = el("tr", {}, ...chart.headings.map((heading) => el("th", { scope: "col" }, heading)));
  const rows = chart.rows.map(([first, ...rest]) =>
    el("tr", {}, el("th", { scope: "row" }, String(first)), ...rest.map((cell) => el("td", {}, String(cell)))));
  const table = el("table", {}, el("thead", {}, head), el("tbody", {}, ...rows));
  return el("figure", { className: "chart" },
    el("figcaption", {}, el("h2", {}, chart.title), chart.note ? el("p", {}, chart.note) : null),
    el("div", { className: "drawing" }, /** @type {any} */ (drawing)),
    el("details", {}, el("summary", {}, "Table"), el("div", { className: "table-scroll", tabIndex: 0, role: "region", "aria-label": `${chart.title}: table` }, table)));
}

/** @param {Bar[]} bars */
function topOf(bars) {
  return Math.max(...bars.map(({ value, high }) => Math.max(value || 0, high || 0)), 0) || 1;
}

/** @param {Chart} chart */
function described({ title, bars, words }) {
  const known = bars.filter(({ value }) => value !== null);
  if (!known.length) return `${title}: nothing yet`;
  const most = known.reduce((one, other) => (other.value > one.value ? other : one));
  return `${title}: ${known.length} values; the highest is ${words(most.value)} (${most.name})`;
}

/**
 * One bar a row, with its name before it and its value behind it; whiskers are the interval.
 * @param {Chart} chart
 */
export function rowChart(chart) {
  const [row, left, right] = [34, 190, 90];
  const top = topOf(chart.bars);
  const scale = (value) => (value / top) * (WIDTH - left - right);
  const parts = chart.bars.flatMap(({ name, value, low, high }, place) => {
    const middle = place * row + row / 2;
    const end = left + scale(value || 0);
    const edge = Math.max(end, left + scale(high || 0));
    return [
      svg("text", { x: left - 10, y: middle + 5, "text-anchor": "end", class: "chart-name" }, shortened(name)),
      svg("rect", { x: left, y: middle - 9, width: Math.max(scale(value || 0), 1), height: 18, rx: 3, class: "bar" }),
      ...whisker(low, high, (at) => left + scale(at), middle),
      svg("text", { x: edge + 8, y: middle + 5, class: "chart-value" }, value === null ? "–" : chart.words(value)),
    ];
  });
  const drawing = svg("svg", { viewBox: `0 0 ${WIDTH} ${Math.max(chart.bars.length, 1) * row}`, role: "img", "aria-label": described(chart) }, ...parts);
  return figure(chart, drawing);
}

/** @param {number|null|undefined} low @param {number|null|undefined} high @param {(value: number) => number} x @param {number} y */
function whisker(low, high, x, y) {
  if (low === null || low === undefined || high === null || high === undefined) return [];
  const path = `M${x(low)} ${y - 5}v10M${x(low)} ${y}H${x(high)}M${x(high)} ${y - 5}v10`;
  return [svg("path", { d: path, class: "whisker-ground" }), svg("path", { d: path, class: "whisker" })];
}

/**
 * One bar a day, from left to right, with the highest value and the first and last day written on it.
 * @param {Chart} chart
 */
export function dayChart(chart) {
  const [height, head, foot] = [150, 24, 26];
  const top = topOf(chart.bars);
  const wide = WIDTH / Math.max(chart.bars.length, 1);
  const most = chart.bars.findIndex(({ value }) => value === top);
  const parts = chart.bars.map(({ name, value }, place) => {
    const high = value === null ? 0 : Math.max((value / top) * height, 1);
    const bar = svg("rect", { x: place * wide + wide * 0.12, y: head + height - high, width: wide * 0.76, height: high, class: "bar" });
    bar.append(svg("title", {}, `${name}: ${value === null ? "nothing shown" : chart.words(value)}`));
    return bar;
  });
  parts.push(svg("path", { d: `M0 ${head + height + 0.5}H${WIDTH}`, class: "axis" }));
  if (most >= 0) {
    const anchor = most * wide < WIDTH * 0.15 ? "start" : most * wide > WIDTH * 0.85 ? "end" : "middle";
    parts.push(svg("text", { x: (most + 0.5) * wide, y: head - 8, "text-anchor": anchor, class: "chart-value" }, chart.words(top)));
  }
  const [first, last] = [chart.bars[0], chart.bars.at(-1)];
  if (first) parts.push(svg("text", { x: 0, y: head + height + foot - 6, class: "chart-name" }, first.name));
  if (last && last !== first) parts.push(svg("text", { x: WIDTH, y: head + height + foot - 6, "text-anchor": "end", class: "chart-name" }, last.name));
  return figure(chart, svg("svg", { viewBox: `0 0 ${WIDTH} ${head + height + foot}`, role: "img", "aria-label": described(chart) }, ...parts));
}

/**
 * An interval on a line with zero marked: whoever does not see it reads the same in the words beside it.
 * @param {{mean: number, low: number, high: number}} interval @param {string} label
 */
export function intervalDrawing({ mean, low, high }, label) {
  const reach = Math.max(Math.abs(low), Math.abs(high), 1e-9) * 1.15;
  const x = (value) => WIDTH / 2 + (value / reach) * (WIDTH / 2);
  return svg("svg", { viewBox: `0 0 ${WIDTH} 44`, role: "img", "aria-label": label },
    svg("path", { d: `M0 22H${WIDTH}`, class: "axis" }), svg("path", { d: `M${WIDTH / 2} 4v36`, class: "axis" }),
    svg("path", { d: `M${x(low)} 14v16M${x(low)} 22H${x(high)}M${x(high)} 14v16`, class: "whisker" }),
    svg("rect", { x: x(mean) - 6, y: 16, width: 12, height: 12, rx: 3, class: "bar" }));
}

/** @param {string} name */
function shortened(name) {
  return name.length > 22 ? `${name.slice(0, 10)}…${name.slice(-10)}` : name;
}
