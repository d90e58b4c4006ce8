/**
 * What the address says: `/`, `/?tag=T`, `/?image=ID[&crop=x,y,w,h][&verify=1]`, `/?upload=KEY[&crop=x,y,w,h][&verify=1]`;
 * searches also with filters (see filters.js), and each with `view=ID` while a picture of it is in the large view.
 */

import { cropText, parseCrop } from "../crop.js";
import { filterParts, parseFilters } from "./filters.js";

/**
 * @typedef {object} Route
 * @property {string|null} image  id of an indexed query image
 * @property {string|null} upload  key of a picture kept by this tab, see uploads.js
 * @property {import("../crop.js").Crop|null} crop
 * @property {boolean} verify  what shows the very same thing comes first
 * @property {import("./filters.js").Filters|null} filters  what hits have to meet
 * @property {string|null} tag  only browse images that carry it
 */

/** @param {string} search @returns {Route} */
export function parseRoute(search) {
  const query = new URLSearchParams(search);
  const image = query.get("image") || null;
  const upload = image ? null : query.get("upload") || null;
  const crop = image || upload ? parseCrop(query.get("crop")) : null;
  const verify = Boolean(image || upload) && query.get("verify") === "1";
  const filters = image || upload ? parseFilters(query) : null;
  return { image, upload, crop, verify, filters, tag: image || upload ? null : query.get("tag") || null };
}

/** @param {string} search @returns {string|null} image id or upload key of the picture in the large view */
export function viewedOf(search) {
  return new URLSearchParams(search).get("view") || null;
}

/** @param {Partial<Route>} route @param {string|null} [viewed] @returns {string} an address for `href` and the history */
export function routeUrl({ image = null, upload = null, crop = null, verify = false, filters = null, tag = null }, viewed = null) {
  const parts = [];
  if (image) parts.push(`image=${encodeURIComponent(image)}`);
  else if (upload) parts.push(`upload=${encodeURIComponent(upload)}`);
  else if (tag) parts.push(`tag=${encodeURIComponent(tag)}`);
  if (crop && (image || upload)) parts.push(`crop=${cropText(crop)}`);
  if (verify && (image || upload)) parts.push("verify=1");
  if (image || upload) parts.push(...filterParts(filters));
  if (viewed) parts.push(`view=${encodeURIComponent(viewed)}`);
  return parts.length ? `./?${parts.join("&")}` : "./";
}
