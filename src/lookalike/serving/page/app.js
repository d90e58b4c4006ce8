/** The page's composition root: routes in, requests out, results and panel follow. */

import * as api from "./api.js";
import { Dwell } from "./events/dwell.js";
import { Impressions } from "./events/impressions.js";
import { EventLog } from "./events/log.js";
import { icon } from "./icons.js";
import { listenForKeys } from "./keyboard.js";
import { isPlainClick } from "./dom.js";
import { Results } from "./results.js";
import { announce, copyText, toast } from "./share.js";
import { parseRoute } from "./state/route.js";
import { Trail } from "./state/trail.js";
import { keepUpload } from "./state/uploads.js";
import { brought, findSubject, knownSubject, noteImages, PictureLost, searchBy } from "./subject.js";
import { closenessOf, counted } from "./words.js";
import "./elements/drop-zone.js";
import "./elements/help-dialog.js";
import "./elements/query-panel.js";
import "./elements/theme-toggle.js";

/** @typedef {import("./state/trail.js").Entry} Entry */
/** @typedef {import("./state/route.js").Route} Route */
/** @typedef {import("./results.js").View} View */
/** @typedef {import("./subject.js").Subject} Subject */

const CROP_PAUSE = 180; // ms without a change of the crop before it is searched
const MOST_PAGES = 25; // loaded again after a reload, to get back to where one was
const BROWSE = { image: null, upload: null, crop: null, tag: null };

const node = (id) => /** @type {any} */ (document.getElementById(id));
const panel = /** @type {import("./elements/query-panel.js").QueryPanel} */ (node("query"));
const drop = /** @type {import("./elements/drop-zone.js").DropZone} */ (node("drop"));
const results = new Results(() => loadMore());
const trail = new Trail((entry) => open(entry));
const log = new EventLog(api.eventsUrl);
const impressions = new Impressions((shown) => log.record("impression", shown));
const dwell = new Dwell((shown, seconds) => log.record("dwell", shown, { dwell_seconds: seconds }));

let loading = new AbortController();
let cropTimer = 0;
let onTheWay = ""; // cursor of the page being loaded
/** @type {Subject|null} */
let subject = null;

// -- showing an entry of the history

/** @param {Entry} entry @param {{keep?: boolean}} [how]  keep: leave the results there until the new ones come */
async function open(entry, { keep = false } = {}) {
  const { signal } = restart();
  if (subjectKey(entry.route) !== subjectKey(lastRoute)) dwell.end();
  lastRoute = entry.route;
  showKnownSubject(entry.route);
  try {
    if (entry.view) return present(entry, entry.view);
    results.wait({ keep, title: titleOf(entry.route) });
    if (!keep) scrollTo(0, 0);
    const view = await load(entry.route, signal);
    if (entry.scroll) await loadUntil(view, entry.scroll, signal);
    if (!signal.aborted) present(entry, view, keep);
  } catch (error) {
    if (!signal.aborted) await explain(error, entry);
  }
}

/** @type {Route} */
let lastRoute = BROWSE;

/** @returns {AbortController} for what is loaded next; what was being loaded is dropped */
function restart() {
  loading.abort();
  clearTimeout(cropTimer);
  onTheWay = "";
  drop.busy = false;
  loading = new AbortController();
  return loading;
}

/** @param {Entry} entry @param {View} view */
function present(entry, view, glide = false) {
  entry.view = view;
  impressions.clear();
  if (!view.shown.length) sayEmpty(view);
  else watch(results.show(view, { glide }), view);
  panel.remarks = view.remarks;
  if (subject?.upload) panel.size = view.querySize;
  if (glide) followResults();
  else scrollTo(0, entry.scroll);
  if (!results.grid.focusImage(entry.focus) && view.queryId && !glide && !drop.contains(document.activeElement)) {
    panel.heading.focus({ preventScroll: true });
  }
  announce(spoken(view));
}

/** With a new crop the best hits are at the top: go there when they are out of sight. */
function followResults() {
  if (matchMedia("(min-width: 56rem)").matches && scrollY > 200) scrollTo(0, 0);
}

/** @param {import("./elements/tile.js").Tile[]} tiles @param {View} view */
function watch(tiles, { queryId }) {
  if (!queryId) return;
  for (const { element, shown } of tiles) {
    impressions.watch(element, { queryId, imageId: shown.image.id, position: shown.hit.rank });
  }
}

// -- loading

/** @param {Route} route @param {AbortSignal} signal @returns {Promise<View>} */
async function load(route, signal) {
  if (!route.image && !route.upload) return browseView(await api.browse({ tag: route.tag, signal }), route.tag);
  const [found, answer] = await Promise.all([findSubject(route, signal), searchBy(route, signal)]);
  signal.throwIfAborted();
  showSubject(found, route.crop);
  return searchView(answer);
}

/** @param {api.BrowsePage} page @param {string|null} tag @returns {View} */
function browseView(page, tag) {
  noteImages(page.images);
  const shown = page.images.map((image) => ({ image, hit: null }));
  return { shown, total: page.total, cursor: page.next_cursor, queryId: null, title: titleOf({ ...BROWSE, tag }), tag, remarks: [], querySize: null };
}

/** @param {api.Answer} answer @returns {View} */
function searchView(answer) {
  noteImages(answer.hits.map((hit) => hit.image));
  const shown = answer.hits.map((hit) => ({ image: hit.image, hit }));
  const took = answer.milliseconds?.total;
  const remarks = [took ? `Found in ${Math.round(took)} ms.` : "", ...answer.notes].filter(Boolean);
  return { shown, total: answer.total, cursor: answer.next_cursor, queryId: answer.query_id, title: "Look-alikes", tag: null, remarks, querySize: answer.query };
}

async function loadMore() {
  const { view } = trail.current;
  if (!view?.cursor || onTheWay === view.cursor) return;
  const { signal } = loading;
  onTheWay = view.cursor;
  results.loadingMore = true;
  try {
    const more = await nextPage(view, signal);
    onTheWay = "";
    results.loadingMore = false;
    watch(results.append(more), view);
    announce(`${counted(view.shown.length, "picture")} shown`);
  } catch (error) {
    if (signal.aborted) return;
    onTheWay = "";
    results.loadingMore = false;
    results.failMore(`${error.title || "The next pictures did not come"}: ${error.message}`);
  }
}

/** @param {View} view  gets longer @param {AbortSignal} signal */
async function nextPage(view, signal) {
  const page = view.queryId
    ? searchView(await api.searchPage(view.cursor, signal))
    : browseView(await api.browse({ cursor: view.cursor, tag: view.tag, signal }), view.tag);
  signal.throwIfAborted();
  const known = new Set(view.shown.map(({ image }) => image.id));
  const more = page.shown.filter(({ image }) => !known.has(image.id));
  view.shown.push(...more);
  view.cursor = page.cursor;
  return more;
}

/** @param {View} view @param {number} bottom  pixels that must be there again after a reload @param {AbortSignal} signal */
async function loadUntil(view, bottom, signal) {
  results.show(view);
  for (let page = 1; page < MOST_PAGES && view.cursor && results.grid.offsetHeight < bottom; page += 1) {
    await nextPage(view, signal);
    results.show(view);
  }
}

// -- the query picture

/** @param {Subject} found @param {Route["crop"]} crop */
function showSubject(found, crop) {
  subject = found;
  node("columns").classList.add("with-query");
  node("aside").hidden = false;
  if (found.image) panel.showImage(found.image, crop);
  else panel.showUpload(found.upload, found.size, crop);
  document.title = `Like ${found.name} · lookalike`;
}

/** @param {Route} route  its panel at once, where nothing has to be asked for */
function showKnownSubject(route) {
  const same = subject && subjectKey(route) === (subject.image ? `image ${subject.image.id}` : `upload ${subject.upload.key}`);
  const known = same ? subject : knownSubject(route);
  if (known) return showSubject(known, route.crop);
  subject = null;
  const searching = Boolean(route.image || route.upload);
  node("columns").classList.toggle("with-query", searching);
  node("aside").hidden = true;
  document.title = route.tag ? `${route.tag} · lookalike` : "lookalike";
}

/** @param {Route} route */
function subjectKey({ image, upload }) {
  return image ? `image ${image}` : upload ? `upload ${upload}` : "";
}

/** @param {Route["crop"]} crop */
function cropTo(crop) {
  clearTimeout(cropTimer);
  cropTimer = setTimeout(() => {
    const { route } = trail.current;
    const toggled = (route.crop === null) !== (crop === null); // Back undoes a crop as a whole, not each pull at it
    if (toggled) trail.push({ ...route, crop });
    else trail.replace({ ...route, crop });
    trail.current.view = null;
    open(trail.current, { keep: true });
  }, CROP_PAUSE);
}

/** @param {File} file */
async function bring(file) {
  const { signal } = restart();
  drop.busy = true;
  try {
    await file.slice(0, 1).arrayBuffer();
  } catch {
    drop.busy = false;
    return drop.refuse("That cannot be read.", "Folders cannot be searched by; drop one picture.");
  }
  try {
    const answer = await api.searchPicture(file, { name: file.name, crop: null, signal });
    const found = await brought(await keepUpload(file, file.name || "pasted picture"));
    if (signal.aborted) return;
    showSubject(found, null);
    open(trail.push({ ...BROWSE, upload: found.upload.key }, searchView(answer)));
  } catch (error) {
    if (signal.aborted) return;
    drop.busy = false;
    drop.refuse(`${error.title || "That did not work"}.`, error.message);
  }
}

async function addToLibrary() {
  if (!subject?.upload) return;
  const { upload } = subject;
  panel.addButton.disabled = true;
  try {
    const image = await api.addImage(upload.blob, upload.name);
    noteImages([image]);
    toast("It is in the library now. Its link can be shared.");
    if (subject?.upload !== upload) return;
    const { crop } = trail.current.route;
    trail.replace({ ...BROWSE, image: image.id, crop });
    lastRoute = trail.current.route;
    showSubject({ image, upload: null, name: upload.name }, crop);
    panel.heading.focus({ preventScroll: true });
  } catch (error) {
    drop.refuse(`${error.title || "It could not be added"}.`, error.message);
  } finally {
    panel.addButton.disabled = false;
  }
}

// -- words

/** @param {Partial<Route>} route */
function titleOf({ image, upload, tag }) {
  if (image || upload) return "Look-alikes";
  return tag ? `Tagged “${tag}”` : "Library";
}

/** @param {View} view */
function spoken(view) {
  if (!view.shown.length) return "No pictures";
  const count = counted(view.total, view.queryId ? "result" : "picture");
  const { hit } = view.shown[0];
  if (!hit) return count;
  return hit.match === "none" ? `${count}. No close match` : `${count}. The first: ${closenessOf(hit).words}`;
}

/** @param {View} view */
function sayEmpty(view) {
  const home = { words: "Browse the library", act: () => go(BROWSE) };
  if (view.queryId) {
    return results.say({ title: "Nothing to compare with yet", text: "There is no other picture in this library.", action: home }, view.title);
  }
  if (view.tag) return results.say({ title: "No picture has this tag", text: "", action: home }, view.title);
  results.say({
    title: "This library is empty",
    text: "Point lookalike at a folder of pictures, then reload this page. Or drop a picture here and add it.",
    code: "lookalike index ~/Pictures",
  }, view.title);
}

/** @param {any} error @param {Entry} entry */
async function explain(error, entry) {
  const title = titleOf(entry.route);
  if (error instanceof PictureLost) return explainLost(entry);
  if (!(error instanceof api.Problem)) throw error;
  retry = () => open(entry);
  results.say({ title: error.title, text: error.message, action: { words: "Try again", act: () => retry() }, alarming: true }, title);
}

let retry = () => {};

/** @param {Entry} entry  an upload this browser no longer has; perhaps it was added to the library since */
async function explainLost(entry) {
  const image = await api.image(entry.route.upload).catch(() => null);
  if (trail.current !== entry) return;
  if (image) {
    noteImages([image]);
    trail.replace({ ...entry.route, upload: null, image: image.id });
    return open(entry);
  }
  results.say({
    title: "This picture is not here any more",
    text: "Pictures that are only searched by stay in the browser that chose them, for a while. Choose it again, and add it to the library to keep its link working.",
    action: { words: "Choose a picture", act: () => drop.input.click() },
  }, "Look-alikes");
}

// -- what people do

/** @param {Partial<Route>} route */
function go(route) {
  drop.clear();
  return open(trail.push({ ...BROWSE, ...route }));
}

/** @param {{id: string, shown: import("./elements/tile.js").Shown, plain: boolean}} opened */
function openImage({ id, shown, plain }) {
  const queryId = trail.current.view?.queryId;
  const clicked = queryId && shown.hit && { queryId, imageId: shown.image.id, position: shown.hit.rank };
  if (clicked) log.record("click", clicked);
  if (!plain) return;
  trail.current.focus = shown.image.id;
  go({ image: id });
  if (clicked) dwell.start(clicked);
}

/** @param {string} address */
async function copyLink(address) {
  if (subject?.upload && address === location.href) return toast("This picture is only in this browser. Add it to the library to share its link.");
  toast((await copyText(address)) ? "Link copied" : "The link could not be copied; it is in the address bar.");
}

/** @param {MouseEvent} event  links within the page */
function followLink(event) {
  const link = /** @type {Element} */ (event.target).closest?.("a[href]");
  if (!link || event.defaultPrevented || !isPlainClick(event) || link.target) return;
  const address = new URL(link.href);
  if (address.origin !== location.origin || address.pathname !== location.pathname) return;
  event.preventDefault();
  if (link.id === "skip") node("results").focus();
  else go(parseRoute(address.search));
}

function listen() {
  document.addEventListener("click", followLink);
  document.addEventListener("open-image", (event) => openImage(event.detail));
  document.addEventListener("copy-link", (event) => copyLink(event.detail));
  panel.addEventListener("crop", (event) => cropTo(event.detail));
  panel.addEventListener("add", addToLibrary);
  drop.addEventListener("picture", (event) => bring(event.detail));
  drop.addEventListener("same-as", (event) => go(parseRoute(new URL(event.detail).search)));
  node("help").addEventListener("click", () => node("help-dialog").open());
  listenForKeys({ "/": () => drop.focus(), c: () => panel.startCrop(), "?": () => node("help-dialog").open() });
  addEventListener("pagehide", () => {
    dwell.end();
    log.leave();
  });
  followConnection();
}

function followConnection() {
  const follow = () => (node("offline").hidden = navigator.onLine);
  addEventListener("offline", follow);
  addEventListener("online", () => {
    follow();
    if (!trail.current.view) retry();
  });
  follow();
}

node("help").append(icon("help"));
listen();
open(trail.current);
