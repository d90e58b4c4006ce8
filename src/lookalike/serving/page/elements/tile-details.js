/** Name, folder and date under each picture, for those who ask for them. The choice is remembered. */

import { el } from "../dom.js";
import { nameText } from "../names.js";
import { dateText, nameOf } from "../words.js";

/** @typedef {import("../api.js").Image} Image */

const STORE = "lookalike.details";
const HEIGHT = 2.9; // rem: two lines

/** @returns {boolean} */
export function detailsShown() {
  return document.documentElement.hasAttribute("data-details");
}

/** @param {boolean} shown */
export function showDetails(shown) {
  document.documentElement.toggleAttribute("data-details", shown);
  try {
    if (shown) localStorage.setItem(STORE, "shown");
    else localStorage.removeItem(STORE);
  } catch {
    // storage is switched off: the choice lasts until the page is left
  }
}

/** @returns {boolean} what was chosen before */
export function detailsWanted() {
  try {
    return localStorage.getItem(STORE) === "shown";
  } catch {
    return false;
  }
}

/** @param {number} rem pixels @returns {number} pixels they add to a tile */
export function detailsHeight(rem) {
  return detailsShown() ? HEIGHT * rem : 0;
}

/** @param {Image} image */
export function tileDetails(image) {
  const place = [image.folder, dateText(image.uploaded_at)].filter(Boolean).join(" · ");
  return el("div", { className: "tile-details" }, nameText(nameOf(image)), el("span", { className: "tile-place", dir: "auto", title: place }, place));
}
