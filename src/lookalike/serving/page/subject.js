/** What is searched by: an image of the library, or a picture this browser keeps. */

import * as api from "./api.js";
import { findUpload, keepUpload } from "./state/uploads.js";
import { nameOf } from "./words.js";

/** @typedef {import("./state/route.js").Route} Route */
/** @typedef {{image: api.Image, upload: null, name: string}} Indexed */
/** @typedef {{image: null, upload: import("./state/uploads.js").Upload, name: string}} Brought */
/** @typedef {Indexed|Brought} Subject */

/** The browser no longer has the picture, and the library never had it. */
export class PictureLost extends Error {}

/** @param {Partial<Route>} route @returns {string} which query picture; empty when browsing */
export function keyOfRoute({ image, upload }) {
  return image ? `image ${image}` : upload ? `upload ${upload}` : "";
}

/** @param {Subject|null} subject */
export function keyOfSubject(subject) {
  return subject ? keyOfRoute({ image: subject.image?.id, upload: subject.upload?.key }) : "";
}

/** @type {Map<string, api.Image>} */
const seen = new Map();

/** @param {api.Image[]} images  so that a click on one needs no further request */
export function noteImages(images) {
  for (const image of images) seen.set(image.id, image);
}

/** @type {Map<string, Brought>} */
const carried = new Map();

/** @param {Route} route @returns {Subject|null} when it is known without asking anybody */
export function knownSubject({ image: id, upload: key }) {
  const image = id && seen.get(id);
  return image ? indexed(image) : carried.get(key || "") || null;
}

/**
 * @param {Route} route @param {AbortSignal} signal @returns {Promise<Subject>}
 * @throws {PictureLost} @throws {api.Problem}
 */
export async function findSubject(route, signal) {
  if (!route.image) return brought(await uploadOf(route));
  const image = seen.get(route.image) || (await api.image(route.image, signal));
  noteImages([image]);
  return indexed(image);
}

/** @param {Route} route @param {AbortSignal} signal @param {boolean} facets  count values of hits @returns {Promise<api.Answer>} */
export async function searchBy(route, signal, facets) {
  const { image, crop, verify, filters } = route;
  if (image) return api.searchImage(image, { crop, verify, filters, facets, signal });
  const upload = await uploadOf(route);
  const answer = await api.searchPicture(upload.blob, { name: upload.name, crop, verify, filters, facets, signal });
  upload.indexedAs = answer.query.indexed_as || null; // it may have been added or deleted since
  return answer;
}

/**
 * Search by a picture for the first time.
 * @param {File} file @param {AbortSignal} signal @returns {Promise<[api.Answer, Brought]>}
 */
export async function searchByFile(file, signal) {
  const preview = (await isShown(file)) ? "if-needed" : "always";
  const answer = await api.searchPicture(file, { name: file.name, crop: null, preview, signal });
  const { width, height, preview: url, indexed_as: id } = answer.query;
  const about = { size: { width, height }, preview: url || null, indexedAs: id || null };
  return [answer, brought(await keepUpload(file, file.name || "pasted picture", about))];
}

/** @param {import("./state/uploads.js").Upload} upload @returns {Brought} */
function brought(upload) {
  const subject = { image: null, upload, name: upload.name };
  carried.set(upload.key, subject);
  return subject;
}

/** @param {api.Image} image @returns {Indexed} */
function indexed(image) {
  return { image, upload: null, name: nameOf(image) };
}

/** @param {Route} route */
async function uploadOf({ upload: key }) {
  const upload = await findUpload(key || "");
  if (!upload) throw new PictureLost(key || "");
  return upload;
}

/** @param {Blob} blob @returns {Promise<boolean>} whether this browser can decode it */
async function isShown(blob) {
  const address = URL.createObjectURL(blob);
  const picture = new Image();
  picture.src = address;
  try {
    await picture.decode();
    return true;
  } catch {
    return false;
  } finally {
    URL.revokeObjectURL(address);
  }
}
