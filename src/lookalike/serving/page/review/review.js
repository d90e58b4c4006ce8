/** The review queue: one picture after the other, blurred until it is asked for, decided by button or key. */

import { el, isTyping } from "../dom.js";
import { icon } from "../icons.js";
import { hiddenThumbnail } from "../owner/changes.js";
import { askForKey } from "../owner/key-dialog.js";
import { signedIn } from "../owner/signed-in.js";
import { nameOf } from "../words.js";
import { Queue } from "./queue.js";
import "../elements/theme-toggle.js";

/** @typedef {import("./queue.js").State} State */
/** @typedef {import("./queue.js").Entry} Entry */

const NONE = { held: "No picture waits for review.", blocked: "No picture is blocked.", blurred: "No picture is blurred.", shown: "No picture was shown by a decision or a classifier." };
const WORDS = { held: "waiting", blocked: "blocked", blurred: "blurred", shown: "shown" };

const node = (id) => /** @type {HTMLElement} */ (document.getElementById(id));
const states = /** @type {HTMLSelectElement} */ (node("state"));
const pixels = /** @type {HTMLImageElement} */ (node("pixels"));

/** @type {[string, string, Parameters<typeof icon>[0], () => any][]} key, words, icon, what it does */
const ACTS = [
  ["S", "Show", "show", () => decide("shown")],
  ["B", "Blur", "hide", () => decide("blurred")],
  ["X", "Block", "close", () => decide("blocked")],
  ["H", "Hold", "undo", () => decide("held")],
  ["U", "Undo", "undo", () => undo()],
];
const KEYS = { " ": () => reveal(), v: () => reveal(), arrowright: () => step(1), arrowleft: () => step(-1), ...Object.fromEntries(ACTS.map(([key, , , act]) => [key.toLowerCase(), act])) };
const buttons = Object.fromEntries(ACTS.map(([key, words, shape, act]) => [words,
  el("button", { type: "button", className: "button", "aria-keyshortcuts": key, onclick: act }, icon(shape), words, el("kbd", { "aria-hidden": "true" }, key))]));

let queue = new Queue(/** @type {State} */ (new URLSearchParams(location.search).get("state") || "held"));
let address = "";
let isBusy = false;

/** One thing at a time: a key that is held down must not decide about the next picture unseen. @param {() => Promise<any>} work */
async function alone(work) {
  if (isBusy) return;
  isBusy = true;
  node("fault").hidden = true;
  try {
    await work();
    await queue.fill();
    present();
    if (node("acts").contains(document.activeElement) && queue.current) node("picture").focus(); // a second press must not decide about the next
  } catch (error) {
    await explain(error);
  } finally {
    isBusy = false;
  }
}

/** @param {State} state */
function decide(state) {
  if (queue.current && state !== queue.state) return alone(() => queue.decide(state));
}

function undo() {
  if (queue.canUndo) return alone(() => queue.undo());
}

/** @param {1|-1} by */
function step(by) {
  return alone(async () => queue.move(by));
}

function reveal() {
  node("picture").setAttribute("aria-pressed", String(node("picture").getAttribute("aria-pressed") !== "true"));
}

function present() {
  const entry = queue.current;
  states.value = queue.state;
  node("count").textContent = queue.total ? `${queue.total.toLocaleString("en")} ${WORDS[queue.state]}` : "";
  node("none").textContent = NONE[queue.state];
  node("none").hidden = entry !== null;
  node("item").hidden = entry === null;
  node("acts").hidden = entry === null && !queue.canUndo;
  for (const [words, state] of [["Show", "shown"], ["Blur", "blurred"], ["Block", "blocked"], ["Hold", "held"]]) {
    buttons[words].hidden = state === queue.state;
    buttons[words].disabled = entry === null;
  }
  buttons.Undo.disabled = !queue.canUndo;
  if (entry) tell(entry);
  else delete pixels.dataset.id; // if it comes back, it is blurred again
}

/** @param {Entry} entry */
function tell(entry) {
  node("name").textContent = nameOf(entry.image);
  node("reason").textContent = entry.reason;
  const scores = Object.entries(entry.scores).sort(([, one], [, other]) => other - one);
  node("scores").replaceChildren(...scores.flatMap(([label, score]) => [el("dt", {}, label), el("dd", {}, score.toFixed(2))]));
  const by = entry.decided_by ? ` Decided by ${entry.decided_by}.` : "";
  node("about").textContent = `${queue.entries.indexOf(entry) + 1} of ${queue.total}, since ${new Date(entry.since).toLocaleString()}.${by}`;
  if (pixels.dataset.id !== entry.image.id) load(entry.image.id);
}

/** @param {string} id */
async function load(id) {
  pixels.dataset.id = id;
  pixels.removeAttribute("src");
  node("picture").setAttribute("aria-pressed", "false");
  const made = await hiddenThumbnail(id, 1024).catch(() => "");
  if (pixels.dataset.id !== id) return URL.revokeObjectURL(made); // the next picture is looked at already
  URL.revokeObjectURL(address);
  address = made;
  if (made) pixels.src = made;
}

/** @param {any} error */
async function explain(error) {
  if (error.code === "key-required") return askForKey();
  if (error.status === 401) return signIn();
  if (!error.title) throw error;
  node("fault").replaceChildren(`${error.title}. ${error.message}`);
  if (error.status === 403) node("fault").append(el("button", { type: "button", className: "button", onclick: askForKey }, "Sign in with a key"));
  node("fault").hidden = false;
}

async function signIn() {
  if (await signedIn()) return setTimeout(start); // after what is being done now
  node("fault").replaceChildren("The queue is for the owner of the library. ", el("button", { type: "button", className: "button", onclick: start }, "Sign in"));
  node("fault").hidden = false;
}

function start() {
  return alone(async () => undefined);
}

states.addEventListener("change", () => {
  queue = new Queue(/** @type {State} */ (states.value));
  history.replaceState(null, "", `?state=${states.value}`);
  start();
});
node("picture").addEventListener("click", reveal);
node("acts").append(...Object.values(buttons));
addEventListener("keydown", (event) => {
  const ctrlZ = (event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "z";
  if (event.altKey || event.repeat || ((event.ctrlKey || event.metaKey) && !ctrlZ) || isTyping(event) || document.querySelector("dialog[open]")) return;
  const act = ctrlZ ? undo : KEYS[event.key.toLowerCase()];
  if (!act || (event.key === " " && event.target instanceof HTMLButtonElement)) return;
  event.preventDefault();
  act();
});
start();
