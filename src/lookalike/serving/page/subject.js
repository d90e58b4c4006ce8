/** What is searched by: an image of the library, or a picture this browser keeps. */

import * as api from "./api.js";
import { findUpload } from "./state/uploads.js";
import { nameOf } from "./words.js";

/** @typedef {import("./state/route.js").Route} Route */
/** @typedef {{width: number, height: number}} Size  upright pixels, zeros where unknown */
/** @typedef {{image: api.Image, upload: null, name: string}} Indexed */
/** @typedef {{image: null, upload: import("./state/uploads.js").Upload, size: Size, name: string}} Brought */
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

/** @param {Route} route @param {AbortSignal} signal @returns {Promise<api.Answer>} */
export async function searchBy(route, signal) {
  const { image, crop } = route;
  if (image) return api.searchImage(image, { crop, signal });
  const { blob, name } = await uploadOf(route);
  return api.searchPicture(blob, { name, crop, signal });
}

/** @param {import("./state/uploads.js").Upload} upload @returns {Promise<Brought>} */
export async function brought(upload) {
  const subject = { image: null, upload, size: await measure(upload.blob), name: upload.name };
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

/** @param {Blob} blob @returns {Promise<Size>} zeros where this browser cannot decode it */
async function measure(blob) {
  const address = URL.createObjectURL(blob);
  const picture = new Image();
  picture.src = address;
  try {
    await picture.decode();
    return { width: picture.naturalWidth, height: picture.naturalHeight };
  } catch {
    return { width: 0, height: 0 };
  } finally {
    URL.revokeObjectURL(address);
  }
}
