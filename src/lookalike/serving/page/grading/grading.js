/** Grading: pairs that wait for a grade, one by one. The address holds the judgement set and which pairs are shown. */

import { call, contentUrl } from "../api.js";
import { el, isTyping } from "../dom.js";
import { icon } from "../icons.js";
import { signedIn } from "../owner/signed-in.js";
import { choices, pairNodes } from "./pair.js";
import "../elements/theme-toggle.js";

/** @typedef {import("./pair.js").Pair} Pair */
/** @typedef {{judgement_set: string, pairs: number, graded: number, own: number, strategies: string[]}} Progress */
/** @typedef {{alpha: number|null, graders: Record<string, number>, twice: number, disputed: number}} Agreement */

const AT_ONCE = 20; // pairs that are asked for
const MOST_AT_ONCE = 100; // that the server gives
const FEW = 5; // left: then the next ones are asked for
const GRADER = "lookalike.grader";

const node = (id) => /** @type {HTMLElement} */ (document.getElementById(id));
const form = /** @type {HTMLFormElement} */ (node("choice"));
const field = (name) => /** @type {HTMLInputElement} */ (form.elements.namedItem(name));

/** @type {Pair[]} */
let waiting = [];
/** @type {Pair[]} what was graded here, the latest last */
let given = [];
/** Pairs that are known here and must not be shown again: graded, or put off. @type {Set<string>} */
let seen = new Set();
/** @type {{set: string, grader: string, work: string}|null} */
let work = null;
let sending = Promise.resolve();

/** @param {Pair} pair */
const nameOf = ({ query, crop, image }) => `${query.id} ${JSON.stringify(crop)} ${image.id}`;

const address = () => `v1/grading/${encodeURIComponent(work.set)}`;

/** @param {() => Promise<void>} act  again after signing in, where that is needed */
async function guarded(act) {
  try {
    await act();
  } catch (error) {
    if (error.status === 401 && (await signedIn())) return guarded(act);
    if (!error.title) throw error;
    node("fault").textContent = `${error.title}. ${error.message}`;
    node("fault").hidden = false;
  }
}

/** What can be chosen. */
async function open() {
  const wanted = new URLSearchParams(location.search);
  const { queues } = await call("v1/grading");
  const select = /** @type {any} */ (field("set"));
  select.replaceChildren(...queues.map((/** @type {Progress} */ queue) =>
    el("option", { value: queue.judgement_set }, `${queue.judgement_set} (${queue.pairs - queue.graded} of ${queue.pairs} wait)`)));
  if (!queues.length) {
    node("pair").replaceChildren(el("p", { className: "nothing" }, "Nothing waits for a grade. ", el("code", {}, "lookalike label SET"), " chooses pairs."));
    return;
  }
  if (wanted.has("set")) select.value = wanted.get("set");
  /** @type {HTMLButtonElement} */ (form.querySelector("button")).disabled = false;
  if (wanted.has("set") && field("grader").value) await start();
}

async function start() {
  work = { set: field("set").value, grader: field("grader").value.trim(), work: field("work").value };
  keep(work.grader);
  [waiting, given, seen] = [[], [], new Set()];
  await more();
  show();
}

/** Ask for the next pairs. */
async function more() {
  const asked = work;
  const wanted = new URLSearchParams({ grader: asked.grader, limit: String(Math.min(AT_ONCE + seen.size, MOST_AT_ONCE)) });
  if (asked.work !== "all") wanted.set(asked.work, "true");
  const page = await call(`${address()}?${wanted}`);
  if (asked !== work) return;
  const known = new Set([...waiting.map(nameOf), ...seen]);
  waiting.push(...page.pairs.filter((pair) => !known.has(nameOf(pair))));
  tell(page.progress);
  tellAgreement(page.agreement);
}

/** The first pair that waits. */
function show() {
  const pair = waiting[0];
  node("fault").hidden = true;
  if (pair) node("pair").replaceChildren(...pairNodes(pair, give), actions());
  else node("pair").replaceChildren(el("p", { className: "nothing" }, work.work === "disputed" ? "There is nothing to settle." : "You have graded every pair."), actions());
  for (const { query, image } of waiting.slice(1, 4)) for (const one of [query, image]) new Image().src = contentUrl(one.id, 512);
}

function actions() {
  const undo = el("button", { type: "button", className: "button", id: "undo", disabled: !given.length, "aria-keyshortcuts": "u", onclick: takeBack }, icon("undo"), "Undo", el("kbd", { className: "by-keys" }, "u"));
  const later = el("button", { type: "button", className: "button", disabled: !waiting.length, "aria-keyshortcuts": "s", onclick: putOff }, icon("next"), "Later", el("kbd", { className: "by-keys" }, "s"));
  return el("div", { className: "grading-actions" }, undo, later);
}

/** @param {number} grade */
function give(grade) {
  const pair = waiting.shift();
  if (!pair) return;
  seen.add(nameOf(pair));
  given.push(pair);
  show();
  send(pair, grade);
}

function takeBack() {
  const pair = given.pop();
  if (!pair) return;
  seen.delete(nameOf(pair));
  waiting.unshift(pair);
  show();
  send(pair, null);
}

function putOff() {
  const pair = waiting.shift();
  if (pair) waiting.push(pair);
  show();
}

/**
 * One after the other, so that an undo comes after what it undoes.
 * @param {Pair} pair @param {number|null} grade
 */
function send(pair, grade) {
  const { grader, work: kind } = work;
  const to = address();
  const body = { grader, query_image_id: pair.query.id, image_id: pair.image.id, crop: pair.crop, grade, adjudicates: kind === "disputed" };
  sending = sending.then(() => guarded(async () => {
    try {
      tell(await call(to, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) }));
    } catch (error) {
      if (error.status !== 401 && grade !== null) restore(pair);
      throw error;
    }
    if (waiting.length < FEW) {
      const empty = !waiting.length;
      await more();
      if (empty) show();
    }
  }));
}

/** @param {Pair} pair  whose grade was not kept */
function restore(pair) {
  seen.delete(nameOf(pair));
  given = given.filter((other) => other !== pair);
  waiting.unshift(pair);
  show();
}

/** @param {Progress|null} progress */
function tell(progress) {
  if (!progress) return;
  const bar = /** @type {HTMLProgressElement} */ (node("bar"));
  [bar.max, bar.value] = [progress.pairs || 1, progress.own];
  node("progress").textContent = `${progress.own} of ${progress.pairs} pairs by you, ${progress.graded} by anybody`;
}

/** @param {Agreement} agreement */
function tellAgreement({ alpha, graders, twice, disputed }) {
  const people = Object.keys(graders).length;
  const words = alpha === null
    ? "Graders' agreement: too few pairs were graded twice."
    : `Graders' agreement (Krippendorff's alpha): ${alpha.toFixed(2)} over ${twice} pairs by ${people} graders; ${disputed} to settle.`;
  node("agreement").textContent = people ? words : "";
}

function kept() {
  try {
    return localStorage.getItem(GRADER) || "";
  } catch {
    return "";
  }
}

/** @param {string} grader */
function keep(grader) {
  try {
    localStorage.setItem(GRADER, grader);
  } catch {
    // storage is switched off: the name is asked for again
  }
}

addEventListener("keydown", (event) => {
  if (!work || event.altKey || isTyping(event) || document.querySelector("dialog[open]")) return;
  const key = event.key.toLowerCase();
  const undoes = key === "u" || key === "backspace" || (key === "z" && (event.ctrlKey || event.metaKey));
  if ((event.ctrlKey || event.metaKey) && key !== "z") return;
  const chosen = waiting.length ? choices(waiting[0]).find((choice) => choice.key === key) : undefined;
  if (!undoes && !chosen && key !== "s") return;
  event.preventDefault();
  if (undoes) takeBack();
  else if (chosen) give(chosen.grade);
  else putOff();
});

form.addEventListener("submit", (event) => {
  event.preventDefault();
  history.replaceState(null, "", `?${new URLSearchParams({ set: field("set").value, work: field("work").value })}`);
  guarded(async () => {
    await start();
    node("pair").focus();
  });
});
// before anything is awaited: whoever is quick has chosen meanwhile
field("work").value = new URLSearchParams(location.search).get("work") || "all";
field("grader").value ||= kept();
guarded(open);
