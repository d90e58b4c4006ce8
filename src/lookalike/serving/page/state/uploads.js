/** Query pictures that are not in the library, kept by this browser so that Back and reload find them again. */

import { uuid } from "../dom.js";

/**
 * @typedef {object} About  what the server said about the picture
 * @property {{width: number, height: number}} size  upright pixels
 * @property {string|null} preview  `data:` URL of the picture upright, where this browser would not show it so
 * @property {string|null} indexedAs  id of the image of the library that has the same bytes
 */
/** @typedef {{key: string, blob: Blob, name: string, at: number} & About} Upload */

const KEPT = 20;

/** @type {Map<string, Upload>} */
const memory = new Map();

/** @returns {Promise<IDBDatabase>} */
function open() {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open("lookalike", 1);
    request.onupgradeneeded = () => request.result.createObjectStore("uploads", { keyPath: "key" });
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

/**
 * @param {IDBTransactionMode} mode
 * @param {(store: IDBObjectStore) => IDBRequest} act
 * @returns {Promise<any>} undefined where the browser keeps nothing (private windows, full disks)
 */
async function stored(mode, act) {
  try {
    const database = await open();
    const request = act(database.transaction("uploads", mode).objectStore("uploads"));
    return await new Promise((resolve, reject) => {
      request.onsuccess = () => resolve(request.result);
      request.onerror = () => reject(request.error);
    }).finally(() => database.close());
  } catch {
    return undefined;
  }
}

/** @param {Blob} blob @returns {Promise<string>} the library's own id for these bytes, where the browser can hash */
async function keyOf(blob) {
  if (!crypto.subtle) return `tab-${uuid()}`; // plain http from another machine: no hashing there
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", await blob.arrayBuffer()));
  return Array.from(digest.slice(0, 16), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** @param {Blob} blob @param {string} name @param {About} about @returns {Promise<Upload>} */
export async function keepUpload(blob, name, about) {
  const upload = { key: await keyOf(blob), blob, name, at: Date.now(), ...about };
  memory.set(upload.key, upload);
  stored("readwrite", (store) => store.put(upload)).then(forgetOldest);
  return upload;
}

/** @param {string} key @returns {Promise<Upload|null>} */
export async function findUpload(key) {
  const upload = memory.get(key) || (await stored("readonly", (store) => store.get(key)));
  if (upload) memory.set(key, upload);
  return upload || null;
}

async function forgetOldest() {
  /** @type {Upload[]} */
  const all = (await stored("readonly", (store) => store.getAll())) || [];
  const old = all.sort((one, other) => other.at - one.at).slice(KEPT);
  for (const { key } of old) await stored("readwrite", (store) => store.delete(key));
}
