/** What a history entry shows, made from the server's answers, and made longer page by page. */

import * as api from "./api.js";
import { findSubject, noteImages, searchBy } from "./subject.js";

/** @typedef {import("./state/route.js").Route} Route */
/** @typedef {import("./elements/tile.js").Shown} Shown */
/**
 * @typedef {object} View
 * @property {Shown[]} shown  all loaded so far, by rank
 * @property {number|null} total  null where counting would be slow
 * @property {string|null} cursor  of the next page
 * @property {string|null} queryId  null when browsing
 * @property {string|null} tag  what is browsed
 * @property {string} title
 * @property {string[]} remarks  what the server says about its answer
 */

/**
 * The pictures of a view by rank, from 0.
 * @param {View|null} view
 */
export function listOf(view) {
  const shown = view?.shown || [];
  return {
    length: shown.length,
    /** @param {number} rank @returns {Shown|undefined} */
    at: (rank) => shown[rank],
    /** @param {string} id @returns {number} -1 where it is not known */
    rankOf: (id) => shown.findIndex(({ image }) => image.id === id),
    /** @param {string} id @returns {Shown|undefined} */
    of: (id) => shown.find(({ image }) => image.id === id),
  };
}

/** @param {Partial<Route>} route */
export function titleOf({ image, upload, tag }) {
  if (image || upload) return "Look-alikes";
  return tag ? `Tagged “${tag}”` : "Library";
}

/**
 * @param {Route} route @param {AbortSignal} signal
 * @param {(subject: import("./subject.js").Subject) => void} found  told what is searched by, before the results
 * @returns {Promise<View>}
 */
export async function loadView(route, signal, found) {
  if (!route.image && !route.upload) return browseView(await api.browse({ tag: route.tag, signal }), route.tag);
  const telling = findSubject(route, signal).then((subject) => !signal.aborted && found(subject));
  const [answer] = await Promise.all([searchBy(route, signal), telling]);
  return searchView(answer);
}

/** @param {View} view  gets longer @param {AbortSignal} signal @returns {Promise<Shown[]>} what came */
export async function lengthen(view, signal) {
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

/** @param {api.Answer} answer @returns {string} where a library is too large to be looked through */
function reachWords({ reachable, images }) {
  const [some, all] = [reachable, images].map((count) => count.toLocaleString("en-GB"));
  return reachable < images ? `The nearest ${some} of ${all} pictures can be looked through.` : "";
}

/** @param {api.Answer} answer @returns {View} */
export function searchView(answer) {
  noteImages(answer.hits.map((hit) => hit.image));
  const took = answer.milliseconds?.total;
  return {
    shown: answer.hits.map((hit) => ({ image: hit.image, hit })),
    total: answer.complete ? answer.total : null,
    cursor: answer.next_cursor,
    queryId: answer.query_id,
    tag: null,
    title: titleOf({ image: "any" }),
    remarks: [took ? `Found in ${Math.round(took)} ms.` : "", reachWords(answer), ...answer.notes].filter(Boolean),
  };
}

/** @param {api.BrowsePage} page @param {string|null} tag @returns {View} */
function browseView(page, tag) {
  noteImages(page.images);
  const shown = page.images.map((image) => ({ image, hit: null }));
  const { total, next_cursor: cursor } = page;
  return { shown, total, cursor, queryId: null, tag, title: titleOf({ tag }), remarks: [] };
}
