/** The dashboard: online metrics of a period, as figures and charts. The address holds what is shown. */

import { call } from "../api.js";
import { el } from "../dom.js";
import { signedIn } from "../owner/signed-in.js";
import { dayChart, rowChart } from "./charts.js";
import { showExperiments } from "./experiments.js";
import { percent, seconds, shareWords, timeWords, whole } from "./numbers.js";
import "../elements/theme-toggle.js";

/** @typedef {import("./numbers.js").Share} Share */
/** @typedef {{name: string, ctr: Share, seconds: number}} Group */
/** @typedef {{day: string, shown: number, clicks: number, ctr: number|null, seconds: number, people: number}} Day */
/**
 * @typedef {object} Metrics  as `GET /v1/metrics/online` answers
 * @property {string} first @property {string} last @property {string} time_zone @property {boolean} simulated
 * @property {number} people @property {Share} ctr
 * @property {{unit: string, seconds: number, periods: number, seconds_per_period: number, active: number, per_person: Share}[]} time_spent
 * @property {number} searches @property {Share} zero_results @property {Share} abandoned
 * @property {number} saves @property {number} not_similar
 * @property {Day[]} by_day
 * @property {Group[]} by_position @property {Group[]} by_query_kind @property {Group[]} by_generation
 * @property {Group[]} by_arm @property {Group[]} by_tag
 * @property {{other_origin: number, bots: number, query_itself: number, unknown_query: number}} left_out
 */

const DAYS = 28;
const GROUPS = [
  { of: "by_position", title: "Click-through rate by position", first: "Position" },
  { of: "by_query_kind", title: "Click-through rate by what was searched by", first: "Searched by" },
  { of: "by_generation", title: "Click-through rate by generation", first: "Generation" },
  { of: "by_arm", title: "Click-through rate by arm of experiments", first: "Arm" },
  { of: "by_tag", title: "Click-through rate by tag", first: "Tag" },
];

const node = (id) => /** @type {HTMLElement} */ (document.getElementById(id));
const form = /** @type {HTMLFormElement} */ (node("period"));
const own = Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";
let asking = new AbortController();

/** @returns {Record<string, string>} what the address says, or the last four weeks of people's events */
function wanted() {
  const given = new URLSearchParams(location.search);
  const until = given.get("until") || dayOf(new Date());
  const begin = new Date(`${until}T12:00:00Z`);
  begin.setUTCDate(begin.getUTCDate() - DAYS + 1);
  return {
    since: given.get("since") || begin.toISOString().slice(0, 10),
    until,
    time_zone: given.get("time_zone") || own,
    simulated: given.get("simulated") === "true" ? "true" : "false",
  };
}

/** @param {Date} moment @returns {string} its day here */
function dayOf(moment) {
  const part = (number, length) => String(number).padStart(length, "0");
  return `${part(moment.getFullYear(), 4)}-${part(moment.getMonth() + 1, 2)}-${part(moment.getDate(), 2)}`;
}

/** @param {Record<string, string>} period */
function fillForm(period) {
  const zones = [...new Set([own, "UTC", period.time_zone])];
  const select = /** @type {HTMLSelectElement} */ (form.elements.namedItem("time_zone"));
  select.replaceChildren(...zones.map((zone) => el("option", { value: zone }, zone)));
  for (const [name, value] of Object.entries(period)) /** @type {any} */ (form.elements.namedItem(name)).value = value;
}

async function show() {
  asking.abort();
  asking = new AbortController();
  const { signal } = asking;
  const period = wanted();
  fillForm(period);
  node("figures").setAttribute("aria-busy", "true");
  try {
    const found = await call(`v1/metrics/online?${new URLSearchParams(period)}`, { signal });
    if (signal.aborted) return;
    present(found);
    await showExperiments(found.simulated);
  } catch (error) {
    if (!signal.aborted) await explain(error);
  }
}

/** @param {any} error */
async function explain(error) {
  node("figures").setAttribute("aria-busy", "false");
  if (error.status === 401) return signIn();
  if (!error.title) throw error;
  node("figures").replaceChildren();
  node("fault").textContent = `${error.title}. ${error.message}`;
  node("fault").hidden = false;
}

/** These numbers are for the owner. */
async function signIn() {
  if (await signedIn()) return show();
  node("fault").replaceChildren("These numbers are for the owner of the library. ",
    el("button", { type: "button", className: "button", onclick: () => show() }, "Sign in"));
  node("fault").hidden = false;
}

/** @param {Metrics} found */
function present(found) {
  node("fault").hidden = true;
  node("simulated").hidden = !found.simulated;
  const whose = found.simulated ? "simulated users" : found.people === 1 ? "person" : "people";
  node("about").textContent = `${found.first} to ${found.last}, days of ${found.time_zone}: ${whole(found.people)} ${whose}`;
  document.title = `${found.simulated ? "Simulated · " : ""}Dashboard · lookalike`;
  node("figures").replaceChildren(numbers(found), ...dayCharts(found), ...groupCharts(found), leftOut(found));
  node("figures").setAttribute("aria-busy", "false");
}

/** @param {Metrics} found */
function numbers(found) {
  const [day, week, month] = found.time_spent;
  const told = [
    ["Click-through rate", percent(found.ctr.value), `${shareWords(found.ctr)} suggested images clicked`],
    ["Time each day", seconds(day.seconds_per_period), timeWords(day)],
    ["Time each week", seconds(week.seconds_per_period), timeWords(week)],
    ["Time each month", seconds(month.seconds_per_period), timeWords(month)],
    ["Searches", whole(found.searches), "that were answered"],
    ["Without a result", percent(found.zero_results.value), `${shareWords(found.zero_results)} searches`],
    ["Abandoned", percent(found.abandoned.value), `${shareWords(found.abandoned)} searches of which hits were seen`],
    ["Saved", whole(found.saves), `called not similar: ${whole(found.not_similar)}`],
  ];
  const cards = told.map(([name, value, detail]) =>
    el("div", { className: "number" }, el("dt", {}, name), el("dd", { className: "value" }, value), el("dd", { className: "detail" }, detail)));
  return el("dl", { className: "numbers", "data-simulated": found.simulated }, ...cards);
}

/** @param {Metrics} found */
function dayCharts({ by_day: days }) {
  const headings = ["Day", "Shown", "Clicked", "Rate", "Seconds", "People"];
  const rows = days.map(({ day, shown, clicks, ctr, seconds: spent, people }) =>
    [day, whole(shown), whole(clicks), percent(ctr), spent.toFixed(1), whole(people)]);
  const bars = (value) => days.map((day) => ({ name: day.day, value: value(day) }));
  return [
    dayChart({ title: "Click-through rate by day", note: "Of the suggested images that were first shown that day, and clicks of that day.", bars: bars(({ ctr }) => ctr), words: percent, headings, rows }),
    dayChart({ title: "Time spent by day", note: "Seconds for which suggested images were looked at.", bars: bars((day) => day.seconds), words: seconds, headings, rows }),
  ];
}

/** @param {Metrics} found */
function groupCharts(found) {
  return GROUPS.filter(({ of }) => found[of].length).map(({ of, title, first }) => {
    /** @type {Group[]} */
    const groups = found[of];
    const bars = groups.map(({ name, ctr }) => ({ name, value: ctr.value, low: ctr.low, high: ctr.high }));
    const rows = groups.map(({ name, ctr, seconds: spent }) =>
      [name, whole(ctr.of), whole(ctr.count), percent(ctr.value), ctr.low === null ? "–" : `${percent(ctr.low)} to ${percent(ctr.high)}`, spent.toFixed(1)]);
    const note = groups.some(({ ctr }) => ctr.low !== null) ? "Whiskers are 95 % intervals." : "";
    return rowChart({ title, note, bars, words: percent, headings: [first, "Shown", "Clicked", "Rate", "95 % interval", "Seconds"], rows });
  });
}

/** @param {Metrics} found */
function leftOut({ left_out: left, simulated }) {
  const parts = [
    `${whole(left.bots)} events of programs`,
    `${whole(left.query_itself)} on the query image itself`,
    `${whole(left.unknown_query)} of searches that are no longer stored`,
    `${whole(left.other_origin)} ${simulated ? "of people" : "simulated"}`,
  ];
  return el("p", { className: "left-out" }, `Left out: ${parts.join(", ")}.`);
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  const given = /** @type {any} */ (Object.fromEntries(new FormData(form)));
  history.pushState(null, "", `?${new URLSearchParams(given)}`);
  show();
});
addEventListener("popstate", () => show());
show();
