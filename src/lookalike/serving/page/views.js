/** What a history entry shows, made from the server's answers, and made longer page by page. */

import * as api from "./api.js";
import { Listing } from "./listing.js";
import { findSubject, noteImages, searchBy } from "./subject.js";

/** @typedef {import("./state/route.js").Route} Route */
/**
 * @typedef {object} View
 * @property {Listing} list
 * @property {number|null} total  null where counting would be slow
 * @property {string|null} cursor  of what follows the list
 * @property {string|null} queryId  null when browsing
 * @property {string|null} tag  what is browsed
 * @property {string} title
 * @property {string[]} remarks  what the server says about its answer
 * @property {boolean} verifiable  whether hits can be verified to show the very same thing
 * @property {boolean} verified  whether they were to be
 * @property {boolean} filtered  whether hits had to meet conditions
 * @property {import("./elements/filter-bar.js").Facets|null} facets
 */

const NOTHING = new Listing([]);

/** @param {View|null} view */
export function listOf(view) {
  return view?.list || NOTHING;
}

/** @param {Partial<Route>} route */
export function titleOf({ image, upload, tag }) {
  if (image || upload) return "Look-alikes";
  return tag ? `Tagged “${tag}”` : "Library";
}

/**
 * @param {Route} route @param {AbortSignal} signal
 * @param {(subject: import("./subject.js").Subject) => void} found  told what is searched by, before the results
 * @param {boolean} [facets]  count values of hits
 * @returns {Promise<View>}
 */
export async function loadView(route, signal, found, facets = false) {
  if (!route.image && !route.upload) return browseView(await api.browse({ tag: route.tag, signal }), route.tag);
  const telling = findSubject(route, signal).then((subject) => !signal.aborted && found(subject));
  const [answer] = await Promise.all([searchBy(route, signal, facets), telling]);
  return searchView(answer, route.verify, route.filters !== null);
}

/**
 * Make a view longer: by one page of hits, or by the places of all images that follow.
 * @param {View} view @param {AbortSignal} signal @param {number} [limit]  hits
 */
export async function lengthen(view, signal, limit) {
  const { cursor, queryId, list, tag } = view;
  const more = queryId ? await api.searchPage(cursor, { limit, signal }) : await api.outline({ cursor, tag, signal });
  signal.throwIfAborted();
  if (queryId) list.append(hitsOf(more));
  else list.extend(more);
  view.cursor = more.next_cursor;
}

/**
 * Load the images of a block that is only shapes so far.
 * @param {View} view @param {import("./listing.js").Block} block @param {AbortSignal} signal
 */
export async function loadBlock(view, block, signal) {
  block.state = "coming";
  try {
    const page = await api.browse({ cursor: block.cursor, tag: view.tag, limit: block.to - block.from, signal });
    view.list.fill(block, imagesOf(page));
  } catch (error) {
    block.state = "absent";
    throw error;
  }
}

/** @param {api.Answer} answer @returns {string} where a library is too large to be looked through */
function reachWords({ reachable, images }) {
  const [some, all] = [reachable, images].map((count) => count.toLocaleString("en-GB"));
  return reachable < images ? `The nearest ${some} of ${all} pictures can be looked through.` : "";
}

/**
 * @param {api.Answer} answer @param {boolean} [verified]  whether hits were to be verified
 * @param {boolean} [filtered]  whether they had to meet conditions @returns {View}
 */
export function searchView(answer, verified = false, filtered = false) {
  const took = answer.milliseconds?.total;
  return {
    list: new Listing(hitsOf(answer)),
    total: answer.complete ? answer.total : null,
    cursor: answer.next_cursor,
    queryId: answer.query_id,
    tag: null,
    title: titleOf({ image: "any" }),
    remarks: [took ? `Found in ${Math.round(took)} ms.` : "", reachWords(answer), ...answer.notes].filter(Boolean),
    verifiable: Boolean(answer.verifiable),
    verified,
    filtered,
    facets: answer.facets || null,
  };
}

/** @param {api.BrowsePage} page @param {string|null} tag @returns {View} */
function browseView(page, tag) {
  const { total, next_cursor: cursor } = page;
  return { list: new Listing(imagesOf(page)), total, cursor, queryId: null, tag, title: titleOf({ tag }), remarks: [], verifiable: false, verified: false, filtered: false, facets: null };
}

/** @param {api.Answer} answer @returns {import("./listing.js").Shown[]} */
function hitsOf({ hits }) {
  noteImages(hits.map((hit) => hit.image));
  return hits.map((hit) => ({ image: hit.image, hit }));
}

/** @param {api.BrowsePage} page @returns {import("./listing.js").Shown[]} */
function imagesOf({ images }) {
  noteImages(images);
  return images.map((image) => ({ image, hit: null }));
}
