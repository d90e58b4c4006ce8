/** The HTTP interface of `lookalike serve`, as the page needs it. */

import { ownerHeaders } from "./owner/session.js";
import { filterFields } from "./state/filters.js";

/**
 * @typedef {object} Image
 * @property {string} id
 * @property {number} width  pixels, upright
 * @property {number} height
 * @property {string} mean_colour  `#rrggbb`
 * @property {string} media_type
 * @property {number} bytes
 * @property {string[]} tags
 * @property {string|null} source_name
 * @property {string} [uploaded_at]  ISO time
 * @property {string|null} [folder]  for owners only
 * @property {boolean} [blurred]  to be shown blurred until somebody asks to see it
 * @property {boolean} [awaits_review]  of an upload: nobody sees it before it was reviewed
 */
/**
 * @typedef {object} Hit
 * @property {number} rank  1-based
 * @property {Image} image
 * @property {number} cosine
 * @property {number} closeness  0..100
 * @property {"duplicate"|"very-close"|"close"|"loose"|"none"} match
 * @property {string[]} duplicates
 * @property {string[]} blurred_duplicates  those of them to be shown blurred
 * @property {SameThing|null} [same_thing]  where it was verified to show the very same thing
 */
/**
 * @typedef {object} SameThing
 * @property {number} inliers  matching details
 * @property {[number, number][]} outline  corners of where the query lies in the image, fractions of its sides
 */
/**
 * @typedef {object} Answer
 * @property {string} query_id
 * @property {string} generation
 * @property {QueryRecord} query
 * @property {number} total  ranked as yet
 * @property {boolean} complete  no more will be
 * @property {number} images  in the library
 * @property {number} reachable  of those, by paging
 * @property {Hit[]} hits
 * @property {string|null} next_cursor
 * @property {boolean} [verifiable]  whether images have keypoints
 * @property {Record<string, number>} milliseconds
 * @property {string[]} notes
 * @property {import("./elements/filter-bar.js").Facets|null} [facets]  on the first page, where they were asked for
 */
/**
 * @typedef {object} QueryRecord
 * @property {string|null} image_id
 * @property {number} width  upright pixels
 * @property {number} height
 * @property {string|null} [indexed_as]  id of the image that has the picture's bytes
 * @property {string|null} [preview]  `data:` URL of the picture upright
 */
/** @typedef {{images: Image[], next_cursor: string|null, total: number|null}} BrowsePage */
/** @typedef {import("./crop.js").Crop} Crop */
/** @typedef {import("./state/filters.js").Filters} Filters */

/** A refusal or failure, in the words of RFC 9457. `code` is the last part of its type. */
export class Problem extends Error {
  /** @param {{title?: string, detail?: string, status?: number, code: string}} problem */
  constructor({ title, detail, status = 0, code }) {
    super(detail || title || "Something went wrong.");
    this.name = "Problem";
    this.title = title || "Something went wrong";
    this.status = status;
    this.code = code;
  }

  /** Whether the picture that was sent is at fault, and no retry would help. */
  get refusesPicture() {
    return this.status === 413 || this.status === 415 || this.code === "image-refused";
  }

  /** Whether no server answered: once one does, the same request may succeed. */
  get isUnreachable() {
    return this.code === "unreachable" || this.code === "offline";
  }
}

const FIRST = 50; // images on the first page of the library

const root = new URL("../", import.meta.url);

/** @param {Response} response @returns {Promise<Problem>} */
async function problemOf(response) {
  const body = await response.json().catch(() => ({}));
  return new Problem({
    title: body.title || `The server answered ${response.status}`,
    detail: typeof body.detail === "string" ? body.detail : response.statusText,
    status: response.status,
    code: String(body.type || "").split(":").pop() || "http",
  });
}

/**
 * @param {string} path
 * @param {RequestInit} [options]
 * @param {number} [tries]  while the server is too busy
 * @returns {Promise<any>} the JSON answer; null where there is none to give
 * @throws {Problem} refused, failed, or the server cannot be reached
 */
export async function call(path, options = {}, tries = 3) {
  const headers = { Accept: "application/json", ...ownerHeaders(), ...options.headers };
  let response;
  try {
    response = await fetch(new URL(path, root), { ...options, headers });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem(unreachable());
  }
  if (response.status === 503 && tries > 1 && response.headers.has("Retry-After")) {
    await new Promise((resolve) => setTimeout(resolve, 1000 * Number(response.headers.get("Retry-After"))));
    return call(path, options, tries - 1);
  }
  if (!response.ok) {
    const problem = await problemOf(response);
    if (problem.code === "key-required") document.dispatchEvent(new Event("key-needed"));
    throw problem;
  }
  return response.status === 204 ? null : response.json();
}

function unreachable() {
  return navigator.onLine
    ? { code: "unreachable", title: "The server cannot be reached", detail: "It is asked again until it answers. Is lookalike serve still running?" }
    : { code: "offline", title: "You are offline", detail: "This goes on when the connection is back." };
}

/** @param {any} body @param {AbortSignal} [signal] @returns {RequestInit} */
function jsonPost(body, signal) {
  return { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body), signal };
}

/** @param {Blob} file @param {string} name */
function pictureForm(file, name) {
  const form = new FormData();
  form.append("image", file, name || "picture");
  return form;
}

/**
 * @param {{cursor?: string|null, tag?: string|null, limit?: number, signal?: AbortSignal}} options
 * @returns {Promise<BrowsePage>}
 */
export async function browse({ cursor, tag, limit = FIRST, signal }) {
  const early = window.firstPictures;
  window.firstPictures = null;
  if (early && !cursor && !tag && limit === FIRST) {
    const response = await early; // see early.js
    if (response?.ok) return response.json();
  }
  const wanted = new URLSearchParams({ limit: String(limit) });
  if (cursor) wanted.set("cursor", cursor);
  if (tag) wanted.set("tag", tag);
  return call(`v1/images?${wanted}`, { signal });
}

/**
 * The shapes of all images that follow in a list, and cursors to ask for them in blocks.
 * @param {{cursor: string, tag?: string|null, signal?: AbortSignal}} options
 * @returns {Promise<{shapes: Uint8Array, cursors: string[], every: number, next_cursor: string|null}>}
 */
export async function outline({ cursor, tag, signal }) {
  const wanted = new URLSearchParams({ cursor });
  if (tag) wanted.set("tag", tag);
  const outline = await call(`v1/images/outline?${wanted}`, { signal, priority: "low" });
  return { ...outline, shapes: Uint8Array.from(atob(outline.shapes), (letter) => letter.charCodeAt(0)) };
}

/** @param {string} id @param {AbortSignal} [signal] @returns {Promise<Image>} */
export function image(id, signal) {
  return call(`v1/images/${encodeURIComponent(id)}`, { signal });
}

/**
 * Search by an indexed image.
 * @param {string} id @param {{crop: Crop|null, verify?: boolean, filters?: Filters|null, facets?: boolean, limit?: number, signal?: AbortSignal}} options
 * @returns {Promise<Answer>}
 */
export function searchImage(id, { crop, verify, filters = null, facets, limit = 40, signal }) {
  const body = { image_id: id, limit, ...(crop && { crop: { ...crop, unit: "fraction" } }), ...(verify && { verify }), ...(facets && { facets }), ...(filters && { filters: filterFields(filters) }) };
  return call("v1/search", jsonPost(body, signal));
}

/**
 * Search by a picture that is not in the library.
 * @param {Blob} file
 * @param {{name: string, crop: Crop|null, verify?: boolean, filters?: Filters|null, facets?: boolean, preview?: "never"|"if-needed"|"always", limit?: number, signal?: AbortSignal}} options
 * @returns {Promise<Answer>}
 */
export function searchPicture(file, { name, crop, verify, filters = null, facets, preview = "never", limit = 40, signal }) {
  const form = pictureForm(file, name);
  form.append("preview", preview);
  form.append("limit", String(limit));
  if (crop) form.append("crop", [crop.x, crop.y, crop.width, crop.height].join(","));
  if (verify) form.append("verify", "true");
  if (facets) form.append("facets", "true");
  for (const [field, value] of Object.entries(filterFields(filters))) form.append(field, String(value));
  return call("v1/search", { method: "POST", body: form, signal });
}

/** @param {string} cursor @param {{limit?: number, signal?: AbortSignal}} [options] @returns {Promise<Answer>} the next page of a search */
export function searchPage(cursor, { limit = 40, signal } = {}) {
  return call("v1/search", jsonPost({ cursor, limit }, signal));
}

/** @param {Blob} file @param {string} name @returns {Promise<Image>} */
export function addImage(file, name) {
  return call("v1/images", { method: "POST", body: pictureForm(file, name) });
}

/**
 * Where an image's bytes are, below whatever address this page was opened at.
 * @param {string} id @param {number} [size]  longest side of a thumbnail in pixels; without it, the bytes as they came
 * @returns {string}
 */
export function contentUrl(id, size) {
  const address = new URL(`v1/images/${encodeURIComponent(id)}/content`, root);
  if (size) address.searchParams.set("size", String(size));
  return address.href;
}

/** Answers as soon as the server runs. */
export const aliveUrl = new URL("healthz", root).href;

/** Where events are sent; `sendBeacon` needs the address itself. */
export const eventsUrl = new URL("v1/events", root).href;

export const dashboardUrl = new URL("dashboard", root).href;

export const gradingUrl = new URL("grading", root).href;

export const reviewUrl = new URL("review", root).href;

/**
 * Thumbnail addresses for `srcset`. A thumbnail's longest side is its size, so a tall picture is narrower than that.
 * @param {Image} image
 * @returns {{src: string, srcset: string}}
 */
export function thumbnails(image) {
  const longest = Math.max(image.width, image.height, 1);
  const sizes = [128, 256, 512, 1024].filter((size, place, all) => place === 0 || all[place - 1] < longest);
  const sources = sizes.map((size) => {
    const width = Math.max(1, Math.round(image.width * Math.min(1, size / longest)));
    return `${contentUrl(image.id, size)} ${width}w`;
  });
  return { src: contentUrl(image.id, 256), srcset: sources.join(", ") };
}
