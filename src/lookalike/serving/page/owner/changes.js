/** Changing the library over HTTP. */

import { call, contentUrl } from "../api.js";
import { ownerHeaders } from "./session.js";

/** @typedef {import("../api.js").Image} Image */
/** @typedef {{visibility?: "public"|"private", tags?: string[]}} Change */

const AT_ONCE = 4; // requests on the way together
const MOST_TAGS = 64;

/**
 * @param {string|null} token  null: none
 * @returns {Promise<"right"|"wrong"|"none">} none: the server has no token, and everybody may change
 * @throws {import("../api.js").Problem} the server does not answer
 */
export async function tryToken(token) {
  try {
    await call("v1/images?visibility=private&limit=1", token ? { headers: { Authorization: `Bearer ${token}` } } : {});
    return "right";
  } catch (error) {
    if (error.status === 403) return "none";
    if (error.status === 401) return "wrong";
    throw error;
  }
}

/** @param {string} id @returns {Promise<Image>} */
export function readImage(id) {
  return call(`v1/images/${encodeURIComponent(id)}`);
}

/** @param {string} id @param {Change} change @returns {Promise<Image>} the record as it is now */
export function changeImage(id, change) {
  const headers = { "Content-Type": "application/json" };
  return call(`v1/images/${encodeURIComponent(id)}`, { method: "PATCH", headers, body: JSON.stringify(change) });
}

/** @param {string} id  deleted even when the page is left meanwhile @returns {Promise<void>} */
export function deleteImage(id) {
  return call(`v1/images/${encodeURIComponent(id)}`, { method: "DELETE", keepalive: true });
}

/** @param {string|null} cursor @returns {Promise<import("../api.js").BrowsePage>} */
export function hiddenImages(cursor) {
  const wanted = new URLSearchParams({ visibility: "private", limit: "30", ...(cursor && { cursor }) });
  return call(`v1/images?${wanted}`);
}

/**
 * @param {string} id @param {number} [size]  longest side in pixels
 * @returns {Promise<string>} `blob:` URL of a thumbnail: an `<img>` cannot send the token
 */
export async function hiddenThumbnail(id, size = 256) {
  const response = await fetch(contentUrl(id, size), { headers: ownerHeaders() });
  if (!response.ok) throw new Error(`HTTP ${response.status}`);
  return URL.createObjectURL(await response.blob());
}

/**
 * Do something to each of many images, a few at once.
 * @template Result
 * @param {string[]} ids @param {(id: string) => Promise<Result>} act
 * @returns {Promise<{done: Map<string, Result>, failed: Map<string, any>}>} results and errors by id
 */
export async function forEach(ids, act) {
  const done = new Map();
  const failed = new Map();
  const left = [...ids];
  const work = async () => {
    for (let id = left.shift(); id !== undefined; id = left.shift()) {
      await act(id).then((result) => done.set(id, result), (error) => failed.set(id, error));
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return { done, failed };
}

/** @param {string[]} tags @param {string[]} added @param {string[]} removed @returns {string[]} */
export function retagged(tags, added, removed) {
  return [...new Set([...tags.filter((tag) => !removed.includes(tag)), ...added])].slice(0, MOST_TAGS);
}
