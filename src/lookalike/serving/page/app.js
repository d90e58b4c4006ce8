/** The page's composition root: addresses in, requests out, results and panel follow. */

import * as api from "./api.js";
import { Blocks } from "./blocks.js";
import { Connection } from "./connection.js";
import { isPlainClick } from "./dom.js";
import { Reports } from "./events/reports.js";
import { icon } from "./icons.js";
import { listenForKeys, listenForUndo } from "./keyboard.js";
import { Marks } from "./marks.js";
import { queryItems, tileItems } from "./menus.js";
import { connectionWords, emptyNotice, lostNotice, problemNotice, spoken } from "./messages.js";
import { askForKey } from "./owner/key-dialog.js";
import { session } from "./owner/session.js";
import { repair } from "./repairs.js";
import { Results } from "./results.js";
import { announce, copyText, toast } from "./share.js";
import { Dock } from "./state/dock.js";
import { parseRoute, routeUrl } from "./state/route.js";
import { Trail } from "./state/trail.js";
import { keyOfRoute, keyOfSubject, knownSubject, noteImages, PictureLost, searchByFile } from "./subject.js";
import { lengthen, listOf, loadView, searchView, titleOf } from "./views.js";
import { Viewing } from "./viewing.js";
import { counted, nameOf } from "./words.js";
import "./elements/details-toggle.js";
import "./elements/drop-zone.js";
import "./elements/filter-bar.js";
import "./elements/help-dialog.js";
import "./elements/image-menu.js";
import "./elements/image-viewer.js";
import "./elements/query-panel.js";
import "./elements/theme-toggle.js";
import "./elements/verify-toggle.js";

/** @typedef {import("./state/trail.js").Entry} Entry */
/** @typedef {import("./state/route.js").Route} Route */
/** @typedef {import("./views.js").View} View */
/** @typedef {import("./subject.js").Subject} Subject */

const ASK_AGAIN = 3000; // ms
const CROP_PAUSE = 180; // ms without a change of the crop before it is searched
const MOST_PAGES = 50; // of hits, loaded again after a reload to get back to where one was
const PAGE = 200; // hits on each of them
const BROWSE = { image: null, upload: null, crop: null, verify: false, filters: null, tag: null };

const node = (id) => /** @type {any} */ (document.getElementById(id));
const panel = /** @type {import("./elements/query-panel.js").QueryPanel} */ (node("query"));
const verifying = /** @type {import("./elements/verify-toggle.js").VerifyToggle} */ (node("verify"));
const filtering = /** @type {import("./elements/filter-bar.js").FilterBar} */ (node("filters"));
const drop = /** @type {import("./elements/drop-zone.js").DropZone} */ (node("drop"));
const results = new Results(() => loadMore());
const menu = /** @type {import("./elements/image-menu.js").ImageMenu} */ (node("menu"));
const dock = new Dock(node("aside"), panel);
const trail = new Trail((entry) => {
  drop.clear();
  open(entry);
}, () => viewing.follow());
const viewing = new Viewing(node("viewer"), trail, {
  subject: () => subject,
  view: () => trail.current.view,
  more: (from, to) => listFurther(from, to),
  looked: (key) => reports.lookLarge(listOf(trail.current.view).of(key)),
  left: (key) => comeFrom(key),
});
const reports = new Reports(api.eventsUrl, {
  queryId: () => trail.current.view?.queryId,
  whereIs: (id) => results.grid.whereIs(id),
});
const marks = new Marks();
const connection = new Connection(api.aliveUrl, () => followConnection());
const blocks = new Blocks(() => results.grid.fill(), askAgain);

let loading = new AbortController();
let cropTimer = 0;
let arriving = true;
let onTheWay = ""; // cursor of the page being loaded
let looksAt = ""; // the query picture on the page, for dwell
/** @type {Subject|null} */
let subject = null;

// -- showing an entry of the history

/**
 * @param {Entry} entry
 * @param {{keep?: boolean, stay?: boolean}} [how]  keep: leave the results there until the new ones come; stay: and the place
 */
async function open(entry, { keep = false, stay = false } = {}) {
  const { signal } = restart();
  if (keyOfRoute(entry.route) !== looksAt) reports.goElsewhere();
  looksAt = keyOfRoute(entry.route);
  showKnownSubject(entry.route);
  filtering.show({ offered: looksAt !== "", filters: entry.route.filters, facets: entry.view?.facets || null });
  node("columns").hidden = false; // not before its columns are known: nothing shifts
  if (entry.view) return present(entry, entry.view);
  results.wait({ keep, title: titleOf(entry.route) });
  if (!keep) scrollTo(0, 0);
  try {
    const view = await loadView(entry.route, signal, (found) => showSubject(found, entry.route.crop), filtering.open);
    if (!signal.aborted && entry.scroll) await loadUntil(view, entry.scroll + innerHeight, signal);
    if (!signal.aborted) present(entry, view, { glide: keep, stay });
  } catch (error) {
    if (!signal.aborted) await explain(error, entry, signal);
  }
}

/** @returns {AbortController} for what is loaded next; what was being loaded is dropped */
function restart() {
  loading.abort();
  clearTimeout(cropTimer);
  onTheWay = "";
  drop.busy = false;
  loading = new AbortController();
  return loading;
}

/**
 * @param {Entry} entry @param {View} view
 * @param {{glide?: boolean, stay?: boolean}} [how]  glide: from other results for the same picture; stay: scroll nowhere
 */
function present(entry, view, { glide = false, stay = false } = {}) {
  entry.view = view;
  reports.impressions.clear();
  if (view.list.length) results.show(view, { glide });
  else results.say(emptyNotice(view, () => go(BROWSE), () => filterHits(null)), view.title);
  panel.remarks = view.remarks;
  verifying.show({ offered: view.verifiable, chosen: entry.route.verify });
  filtering.show({ offered: looksAt !== "", filters: entry.route.filters, facets: view.facets });
  if (subject?.upload) panel.showUpload(subject.upload, entry.route.crop); // the server told more about it
  if (glide && !stay) followResults();
  else if (!stay) takeUp(entry);
  viewing.refresh();
  if (!view.queryId && view.cursor) loadMore(); // the places of all that follow, so that the whole list can be scrolled
  announce(spoken(view));
}

/** Scroll and focus where one was, or start at the query picture. @param {Entry} entry */
function takeUp({ scroll, focus, view }) {
  const firstEntry = arriving; // a page that has just been opened keeps the focus where the browser put it
  arriving = false;
  scrollTo(0, scroll);
  if (results.grid.focusImage(focus) || !view.queryId || firstEntry) return;
  if (!drop.contains(document.activeElement)) panel.heading.focus({ preventScroll: true });
}

/** With a new crop the best hits are at the top: go there when they are out of sight. */
function followResults() {
  if (dock.narrow) dock.bringResults();
  else if (scrollY > 200) scrollTo(0, 0);
}

/** @param {import("./elements/tile.js").Tile} tile  it is in the document now */
function watch(tile) {
  reports.watch(tile);
  marks.show(tile, trail.current.view?.queryId);
}

/** @param {any} error @param {Entry} entry @param {AbortSignal} signal  aborted as soon as something else is asked for */
async function explain(error, entry, signal) {
  if (error instanceof PictureLost) return explainLost(entry);
  if (!(error instanceof api.Problem)) throw error;
  if (!subject) node("columns").classList.remove("with-query");
  const ways = { retry: () => open(trail.current), browse: () => go(BROWSE) };
  results.say(problemNotice(error, ways), titleOf(entry.route));
  if (!error.isUnreachable) return;
  await connection.answers();
  if (!signal.aborted) open(entry);
}

/** @param {Entry} entry  of an upload this browser no longer has; perhaps it was added to the library since */
async function explainLost(entry) {
  const image = await api.image(entry.route.upload).catch(() => null);
  if (trail.current !== entry) return;
  if (image) {
    noteImages([image]);
    trail.replace({ ...entry.route, upload: null, image: image.id });
    return open(entry);
  }
  node("columns").classList.remove("with-query");
  results.say(lostNotice(() => drop.choose()), titleOf(entry.route));
}

// -- more of the same list

async function loadMore() {
  const { view } = trail.current;
  if (!view?.cursor || onTheWay === view.cursor) return;
  const { signal } = loading;
  onTheWay = view.cursor;
  results.loadingMore = true;
  try {
    await lengthen(view, signal);
    results.loadingMore = false;
    results.grow();
    if (view.queryId) announce(`${counted(view.list.length, "picture")} shown`);
  } catch (error) {
    if (signal.aborted) return;
    results.loadingMore = false;
    results.failMore(`${error.title || "The next pictures did not come"}: ${error.message}`);
    if (error.isUnreachable) connection.answers().then(() => signal.aborted || loadMore());
  }
  onTheWay = "";
}

/** @param {View} view @param {number} bottom  pixels that must be there again after a reload @param {AbortSignal} signal */
async function loadUntil(view, bottom, signal) {
  for (let page = 1; page < MOST_PAGES && view.cursor && results.grid.heightOf(view.list) < bottom; page += 1) {
    await lengthen(view, signal, PAGE);
  }
}

/** @param {number} from @param {number} to  ranks from 0: what stands there is wanted */
async function listFurther(from, to) {
  const { view } = trail.current;
  if (!view) return;
  await blocks.want(view, { from, to });
  if (to > view.list.length) await loadMore();
}

/** @param {any} error  of pictures in the middle of the list; they are asked for again */
async function askAgain(error) {
  if (!error.isUnreachable) toast(`${error.title || "Some pictures did not come"}: ${error.message}`);
  await connection.answers();
  setTimeout(() => results.grid.refresh(), error.isUnreachable ? 0 : ASK_AGAIN);
}

// -- the query picture

/** @param {Subject} found @param {Route["crop"]} crop */
function showSubject(found, crop) {
  subject = found;
  node("columns").classList.add("with-query");
  node("aside").hidden = false;
  if (found.image) panel.showImage(found.image, crop);
  else panel.showUpload(found.upload, crop);
  document.title = `Like ${found.name} · lookalike`;
}

/** @param {Route} route  its picture at once, where nothing has to be asked for */
function showKnownSubject(route) {
  const known = keyOfRoute(route) && keyOfRoute(route) === keyOfSubject(subject) ? subject : knownSubject(route);
  if (known) return showSubject(known, route.crop);
  subject = null;
  node("columns").classList.toggle("with-query", keyOfRoute(route) !== "");
  node("aside").hidden = true;
  document.title = route.tag ? `${route.tag} · lookalike` : "lookalike";
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

/** The same search, with pictures of the very same thing first or not; Back undoes it. @param {boolean} verify */
function verifyHits(verify) {
  open(trail.push({ ...trail.current.route, verify }), { keep: true });
}

/** The same search among those pictures only; Back undoes it. @param {Route["filters"]} filters */
function filterHits(filters) {
  open(trail.push({ ...trail.current.route, filters }), { keep: true });
}

/** How many hits have each value is counted only for those who look at the filters. */
function countValues() {
  if (trail.current.view?.facets) return;
  trail.current.view = null;
  open(trail.current, { keep: true, stay: true });
}

/** Search by a picture from outside; only when the server took it does the page go there. @param {File} file */
async function bring(file) {
  const { signal } = restart();
  drop.busy = true;
  try {
    await file.slice(0, 1).arrayBuffer().catch(() => {
      throw new api.Problem({ code: "unreadable", title: "That cannot be read", detail: "Drop one picture, not a folder." });
    });
    const [answer, found] = await searchByFile(file, signal);
    if (signal.aborted) return;
    drop.clear();
    showSubject(found, null);
    open(trail.push({ ...BROWSE, upload: found.upload.key }, searchView(answer)));
  } catch (error) {
    if (signal.aborted) return;
    drop.busy = false;
    refuse(error);
    if (!error.isUnreachable) return;
    await connection.answers();
    if (!signal.aborted) bring(file);
  }
}

async function addToLibrary() {
  const upload = subject?.upload;
  if (!upload) return;
  panel.adding = true;
  try {
    const image = await api.addImage(upload.blob, upload.name);
    if (image.awaits_review) return toast("It was sent. Others see it once it was reviewed.");
    toast("It is in the library now. Its link can be shared.");
    noteImages([image]);
    if (subject?.upload === upload) becomeIndexed(image);
  } catch (error) {
    refuse(error);
  } finally {
    panel.adding = false;
  }
}

/** The upload on the page is an image of the library now: same results, another address. @param {api.Image} image */
function becomeIndexed(image) {
  trail.replace({ ...trail.current.route, upload: null, image: image.id });
  looksAt = keyOfRoute(trail.current.route);
  showKnownSubject(trail.current.route);
  panel.heading.focus({ preventScroll: true });
}

/** @param {any} error  shown where the picture came in */
function refuse(error) {
  if (!(error instanceof api.Problem)) throw error;
  drop.refuse(`${error.title}.`, error.message);
}

// -- what people do

/** @param {Partial<Route>} route */
function go(route) {
  drop.clear();
  return open(trail.push({ ...BROWSE, ...route }));
}

/** @param {string} key  of the picture that is wanted large */
function lookAt(key) {
  reports.click(listOf(trail.current.view).of(key));
  return viewing.open(key);
}

/** @param {{id: string, shown: import("./elements/tile.js").Shown, plain: boolean}} opened */
function openImage({ id, shown, plain }) {
  const clicked = reports.click(shown);
  if (!plain) return;
  trail.current.focus = shown.image.id;
  go({ image: id, filters: trail.current.route.filters });
  if (clicked) reports.dwell.start(clicked);
}

/** Back from the large view: where its last picture is in the list. @param {string} key */
function comeFrom(key) {
  reports.lookAway();
  if (!results.grid.focusImage(key)) return;
  document.activeElement?.closest(".tile")?.scrollIntoView({ block: "nearest" });
}

/** @param {string} key  of a picture in the large view: more like it */
function openViewed(key) {
  const shown = listOf(trail.current.view).of(key);
  viewing.leave();
  if (shown) openImage({ id: key, shown, plain: true });
  else if (key === subject?.upload?.key) trail.lookAway();
  else go({ image: key });
}

/** @param {api.Image} image @param {DOMRect} anchor */
function openTileMenu(image, anchor) {
  menu.open(image, nameOf(image), [...tileItems(image, ways, markedAs(image.id)), ...ownerItems(image)], anchor);
}

/** @param {string} id @returns {import("./menus.js").Marked|null} null where it is no hit of a search */
function markedAs(id) {
  const { view } = trail.current;
  if (!view?.queryId || !listOf(view).of(id)?.hit) return null;
  return { saved: marks.isSaved(id), unlike: marks.isUnlike(view.queryId, id) };
}

/** Save a hit, or take that back: only saving is told to the server. @param {string} id */
function save(id) {
  const saved = !marks.isSaved(id);
  if (saved && !reports.save(listOf(trail.current.view).of(id))) return;
  marks.setSaved(id, saved);
  results.grid.forEach((tile) => marks.show(tile, trail.current.view?.queryId));
  toast(saved ? "Saved in this browser" : "No longer saved");
}

/** @param {string} id  of a hit that is not similar to the query */
function callUnlike(id) {
  const { view } = trail.current;
  if (!view?.queryId || marks.isUnlike(view.queryId, id) || !reports.callNotSimilar(listOf(view).of(id))) return;
  marks.callUnlike(view.queryId, id);
  results.grid.forEach((tile) => marks.show(tile, view.queryId));
  toast("Noted: not similar");
}

/** @param {(id: string) => void} act  on the hit that has the focus */
function withFocused(act) {
  const tile = /** @type {HTMLElement|null|undefined} */ (document.activeElement?.closest(".tile"));
  if (tile?.dataset.id && markedAs(tile.dataset.id)) act(tile.dataset.id);
}

/** The large view of the tile that has the focus, else of the query picture. */
function viewFocused() {
  const tile = /** @type {HTMLElement|null|undefined} */ (document.activeElement?.closest(".tile"));
  const key = tile?.dataset.id || subject?.image?.id || subject?.upload?.key;
  if (key) lookAt(key);
}

/** @param {DOMRect} anchor */
function openQueryMenu(anchor) {
  if (subject) menu.open(subject.image, subject.name, [...queryItems(subject, ways), ...ownerItems(subject.image)], anchor);
}

/** @param {DOMRect} anchor */
function openViewerMenu(anchor) {
  const { viewed } = node("viewer");
  const image = viewed && imageOf(viewed.key);
  if (image) openTileMenu(image, anchor);
  else openQueryMenu(anchor);
}

/** @param {string} key @returns {api.Image|null} of the list or the query */
function imageOf(key) {
  const shown = listOf(trail.current.view).of(key);
  return shown?.image || (subject?.image?.id === key ? subject.image : null);
}

// -- the owner

/** @type {import("./owner/owner.js").Owner|null} */
let owner = null;

/** Load what only owners need. */
async function loadOwner() {
  const { Owner } = await import("./owner/owner.js");
  owner ||= new Owner({
    grid: results.grid,
    nav: document.querySelector(".top nav"),
    order: () => {
      const list = listOf(trail.current.view);
      return Array.from({ length: list.length }, (_, rank) => list.at(rank)?.image.id || "");
    },
    leave: leaveOut,
    reload,
    update: updateImage,
    tell: toast,
    menu: (name, items, anchor) => menu.open(null, name, items, anchor),
  });
  return owner;
}

/** @param {api.Image|null} image */
function ownerItems(image) {
  return (image && owner?.itemsFor(image)) || [];
}

/** @param {string[]} ids  pictures that are not to be seen any more */
async function leaveOut(ids) {
  for (const id of ids) document.querySelector(`.tile[data-id="${id}"]`)?.classList.add("leaving");
  if (ids.includes(node("viewer").viewed?.key)) viewing.stepAway();
  if (subject?.image && ids.includes(subject.image.id)) await go(BROWSE);
  else await reload();
}

/** Ask for the list again; what is on the screen stays there until it comes. */
async function reload() {
  trail.forgetViews();
  trail.current.scroll = scrollY;
  await open(trail.current, { keep: true, stay: true });
}

/** @param {api.Image} record  as it is now */
function updateImage(record) {
  for (const held of [listOf(trail.current.view).of(record.id)?.image, subject?.image]) {
    if (held?.id === record.id) Object.assign(held, record);
  }
  noteImages([record]);
  if (subject?.image?.id === record.id) panel.showImage(subject.image, trail.current.route.crop);
  viewing.follow();
}

/** @type {import("./menus.js").Ways} */
const ways = {
  search: (image) => openViewed(image.id),
  view: (key) => lookAt(key),
  copy: (address) => copyLink(address),
  numbers: () => panel.startNumbers(),
  save: (id) => save(id),
  callUnlike: (id) => callUnlike(id),
};

/** @param {string} address */
async function copyLink(address) {
  if (subject?.upload?.indexedAs && address === location.href) {
    address = new URL(routeUrl({ image: subject.upload.indexedAs, crop: trail.current.route.crop }), address).href;
  } else if (subject?.upload && address === location.href) {
    return toast("This picture is only in this browser. Add it to the library to share its link.");
  }
  toast((await copyText(address)) ? "Link copied" : "The link could not be copied; it is in the address bar.");
}

/** @param {MouseEvent} event  on a link within the page */
function followLink(event) {
  const link = /** @type {Element} */ (event.target).closest?.("a[href]");
  if (!link || event.defaultPrevented || !isPlainClick(event) || link.target) return;
  const address = new URL(link.href);
  if (address.origin !== location.origin || address.pathname !== location.pathname) return;
  event.preventDefault();
  if (link.id === "skip") node("results").focus();
  else go(parseRoute(address.search));
}

function followConnection() {
  const words = connectionWords(navigator.onLine, connection.lost);
  node("offline").textContent = words;
  node("offline").hidden = !words;
}

results.grid.entered = watch;
results.grid.left = ({ element }) => reports.impressions.unwatch(element);
results.grid.addEventListener("want-pictures", (event) => {
  if (trail.current.view) blocks.want(trail.current.view, event.detail);
});
document.addEventListener("click", followLink);
document.addEventListener("open-image", (event) => openImage(event.detail));
document.addEventListener("picture-failed", (event) => repair(event.detail, connection));
document.addEventListener("copy-link", (event) => copyLink(event.detail));
document.addEventListener("view-image", (event) => lookAt(event.detail.id));
document.addEventListener("image-menu", (event) => openTileMenu(event.detail.image, event.detail.anchor));
document.addEventListener("viewer-similar", (event) => openViewed(event.detail));
document.addEventListener("viewer-menu", (event) => openViewerMenu(event.detail));
document.addEventListener("details-changed", () => results.grid.arrange());
panel.addEventListener("query-menu", (event) => openQueryMenu(event.detail));
panel.addEventListener("crop", (event) => cropTo(event.detail));
panel.addEventListener("add", addToLibrary);
filtering.addEventListener("filter", (event) => filterHits(event.detail));
filtering.addEventListener("filters-opened", countValues);
verifying.addEventListener("verify", (event) => verifyHits(event.detail));
drop.addEventListener("picture", (event) => bring(event.detail));
drop.addEventListener("same-as", (event) => go(parseRoute(new URL(event.detail).search)));
node("help").append(icon("help"));
node("help").addEventListener("click", () => node("help-dialog").open());
listenForKeys({ "/": () => drop.focus(), c: () => panel.startCrop(), v: () => viewFocused(), s: () => withFocused(save), n: () => withFocused(callUnlike), t: () => verifying.press(), "?": () => node("help-dialog").open() });
const cropUndone = (way) => !trail.viewed && panel[way]();
listenForUndo(() => owner?.undo() || cropUndone("undo"), () => cropUndone("redo"));
document.addEventListener("sign-in", async () => (await loadOwner()).ask().catch(refuse));
document.addEventListener("key-needed", askForKey);
if (session()) loadOwner();
addEventListener("pagehide", () => reports.leave());
addEventListener("offline", followConnection);
addEventListener("online", followConnection);
followConnection();
open(trail.current);
viewing.follow();
