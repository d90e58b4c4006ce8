/** Experiments on the dashboard: what the running or latest one has found, starting another, and stopping it. */

import { call } from "../api.js";
import { el } from "../dom.js";
import { intervalDrawing } from "./charts.js";
import { percent, whole } from "./numbers.js";

/** @typedef {{mean: number|null, low: number|null, high: number|null, confidence: number, queries: number}} Interval */
/** @typedef {{name: string, kind: "interleave"|"split"|"swap", challenger: string, control: string, share: number, started_at: string, stopped_at: string|null, reason: string}} Experiment */
/** @typedef {{experiments: Experiment[], running: string|null, preparing: string|null, fault: string|null, models: string[]}} List */
/**
 * @typedef {object} Findings  as `GET /v1/experiments/{name}` answers
 * @property {Experiment} experiment @property {string} decision @property {string} because
 * @property {number} queries @property {number|null} needed @property {Interval|null} effect
 * @property {number|null} wins @property {number|null} losses @property {number|null} ties
 * @property {Record<string, number>} click_rates
 * @property {{name: string, difference: Interval, limit: number, broken: boolean}[]} guards
 * @property {number} left_out @property {boolean} simulated
 */

const AGAIN = 2000; // milliseconds until it is looked at again, while something happens
const KINDS = { interleave: "both models in one list", split: "half of the queries each", swap: "swaps" };
const DECISIONS = {
  running: "Not decided yet", better: "The new model is better", worse: "The new model is worse",
  undecided: "No difference was found", harmful: "Harmful: stop it",
};

const node = (id) => /** @type {HTMLElement} */ (document.getElementById(id));
const form = /** @type {HTMLFormElement} */ (node("experiment-form"));
const field = (name) => /** @type {any} */ (form.elements.namedItem(name));
let withSimulated = false;
let timer = 0;

/** @param {boolean} simulated  whether simulated searches count */
export async function showExperiments(simulated = withSimulated) {
  withSimulated = simulated;
  clearTimeout(timer);
  try {
    const found = /** @type {List} */ (await call("v1/experiments"));
    const latest = found.experiments[0];
    const wanted = latest && `v1/experiments/${encodeURIComponent(latest.name)}${simulated ? "?simulated=true" : ""}`;
    present(found, wanted ? await call(wanted) : null);
    if (found.running || found.preparing) timer = setTimeout(showExperiments, AGAIN);
  } catch (error) {
    explain(error);
  }
}

/** @param {any} error */
function explain(error) {
  if (!error.title) throw error;
  node("experiment-fault").textContent = `${error.title}. ${error.message}`;
  node("experiment-fault").hidden = false;
}

/** @param {List} found @param {Findings|null} latest */
function present(found, latest) {
  node("experiment-fault").hidden = !found.fault;
  node("experiment-fault").textContent = found.fault || "";
  const now = node("experiment-now");
  const parts = [found.preparing ? el("p", { className: "preparing" }, `${found.preparing} is being prepared: the model looks at every image first.`) : null, latest && card(latest)];
  now.replaceChildren(...parts.filter(Boolean));
  if (!parts.some(Boolean)) now.replaceChildren(el("p", {}, "There was no experiment yet."));
  form.hidden = Boolean(found.running || found.preparing);
  const models = field("challenger");
  if ([...models.options].map((one) => one.value).join() !== ["", ...found.models].join()) {
    models.replaceChildren(el("option", { value: "" }, "none"), ...found.models.map((name) => el("option", { value: name }, name)));
  }
  earlier(found.experiments.slice(1));
  node("experiments").setAttribute("aria-busy", "false");
}

/** @param {Findings} found */
function card(found) {
  const { experiment, decision, because, queries, needed, effect } = found;
  const runs = experiment.stopped_at === null;
  const against = experiment.challenger ? `${experiment.challenger} against ${experiment.control}` : experiment.control;
  const state = runs ? "running" : `stopped: ${experiment.reason}`;
  const seen = needed ? `${whole(queries)} of about ${whole(needed)} queries` : `${whole(queries)} queries`;
  return el("div", { className: "chart experiment", "data-name": experiment.name, "data-decision": decision },
    el("h3", {}, `${experiment.name} (${state})`),
    el("p", {}, `${against}; ${KINDS[experiment.kind]}, ${percent(experiment.share)} of the queries, since ${experiment.started_at.slice(0, 10)}`),
    found.simulated ? el("p", { className: "simulated-note" }, "Simulated searches are counted: no person did them.") : null,
    el("p", { className: "decision" }, `${DECISIONS[decision] || decision}: ${because}.`),
    effect ? effectNode(found, effect) : null,
    table(found, seen),
    runs ? el("button", { type: "button", className: "button", onclick: () => stop(experiment.name) }, `Stop ${experiment.name}`) : null);
}

/** @param {Findings} found @param {Interval} effect */
function effectNode({ experiment }, effect) {
  const what = experiment.kind === "split" ? "Difference of searches with a click" : "Mean preference of a query (-1: old model, +1: new model)";
  const words = `${what}: ${intervalWords(effect)}`;
  const known = effect.mean !== null && effect.low !== null && effect.high !== null;
  return el("div", { className: "drawing" }, el("p", {}, words), known ? /** @type {any} */ (intervalDrawing(/** @type {any} */ (effect), words)) : null);
}

/** @param {Interval} interval */
function intervalWords({ mean, low, high, confidence }) {
  if (mean === null) return "nothing seen yet";
  const signed = (value) => `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(3)}`;
  return low === null ? `${signed(mean)}, too few queries for an interval` : `${signed(mean)} (${Math.round(100 * confidence)} % interval ${signed(low)} to ${signed(high)})`;
}

/** @param {Findings} found @param {string} seen */
function table(found, seen) {
  const rows = [["Queries seen", seen]];
  if (found.wins !== null) rows.push(["Prefer the new model / the old one / neither", `${found.wins} / ${found.losses} / ${found.ties}`]);
  for (const [arm, rate] of Object.entries(found.click_rates)) rows.push([`Searches with a click, ${arm}`, percent(rate)]);
  for (const { name, difference, limit, broken } of found.guards) {
    rows.push([`Guard: ${name} may fall by ${percent(-limit)}`, `${intervalWords(difference)}; ${broken ? "broken" : "kept"}`]);
  }
  rows.push(["Left out (programs, simulated)", whole(found.left_out)]);
  return el("div", { className: "table-scroll", tabIndex: 0, role: "region", "aria-label": "Findings" },
    el("table", {}, el("tbody", {}, ...rows.map(([name, value]) => el("tr", {}, el("th", { scope: "row" }, name), el("td", {}, value))))));
}

/** @param {Experiment[]} past */
function earlier(past) {
  const place = node("experiment-past");
  place.hidden = !past.length;
  const head = el("tr", {}, ...["Name", "Model", "Kind", "From", "To", "Why it ended"].map((words) => el("th", { scope: "col" }, words)));
  const rows = past.map((one) => el("tr", {}, el("th", { scope: "row" }, one.name),
    ...[one.challenger || "–", KINDS[one.kind], one.started_at.slice(0, 10), (one.stopped_at || "").slice(0, 10), one.reason].map((words) => el("td", {}, words))));
  /** @type {HTMLElement} */ (place.querySelector(".table-scroll")).replaceChildren(el("table", {}, el("thead", {}, head), el("tbody", {}, ...rows)));
}

/** @param {string} path @param {any} body */
async function send(path, body) {
  try {
    await call(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
    await showExperiments();
  } catch (error) {
    explain(error);
  }
}

/** @param {string} name */
function stop(name) {
  return send(`v1/experiments/${encodeURIComponent(name)}/stop`, { reason: "stopped on the dashboard" });
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  const kind = field("kind").value;
  const challenger = kind === "swap" ? "" : field("challenger").value;
  send("v1/experiments", { name: field("name").value, kind, challenger, share: Number(field("share").value) / 100 });
});
