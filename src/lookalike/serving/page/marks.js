/** What somebody saved, kept in this browser, and what they called not similar to this query, kept while the page is open. */

import { el } from "./dom.js";
import { icon } from "./icons.js";

const STORE = "lookalike.saved";
const MOST = 10_000; // ids that are kept; the oldest go first

export class Marks {
  /** @type {Set<string>} */
  #saved = new Set(kept());
  /** @type {Set<string>} */
  #unlike = new Set();

  /** @param {string} id */
  isSaved(id) {
    return this.#saved.has(id);
  }

  /** @param {string} id @param {boolean} saved */
  setSaved(id, saved) {
    this.#saved[saved ? "add" : "delete"](id);
    try {
      localStorage.setItem(STORE, JSON.stringify([...this.#saved].slice(-MOST)));
    } catch {
      // storage is switched off: the marks last until the page is left
    }
  }

  /** @param {string} queryId @param {string} id */
  isUnlike(queryId, id) {
    return this.#unlike.has(`${queryId} ${id}`);
  }

  /** @param {string} queryId @param {string} id */
  callUnlike(queryId, id) {
    this.#unlike.add(`${queryId} ${id}`);
  }

  /** @param {import("./elements/tile.js").Tile} tile @param {string|null|undefined} queryId */
  show({ element, link, image }, queryId) {
    const saved = this.isSaved(image.id);
    const unlike = Boolean(queryId) && this.isUnlike(queryId, image.id);
    element.toggleAttribute("data-saved", saved);
    element.toggleAttribute("data-unlike", unlike);
    element.querySelector(".tile-saved")?.remove();
    if (saved) link.append(el("span", { className: "tile-saved" }, icon("save")));
    const words = [saved && "Saved", unlike && "Called not similar"].filter(Boolean).join(". ");
    if (words) link.setAttribute("aria-description", words);
    else link.removeAttribute("aria-description");
  }
}

/** @returns {string[]} */
function kept() {
  try {
    const ids = JSON.parse(localStorage.getItem(STORE) || "[]");
    return Array.isArray(ids) ? ids.filter((id) => typeof id === "string") : [];
  } catch {
    return [];
  }
}
