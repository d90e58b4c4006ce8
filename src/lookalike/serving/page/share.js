/** Short messages, and links to the clipboard. */

import { el } from "./dom.js";

let fading = 0;

/** @param {string} words  shown for a moment, and read out */
export function toast(words) {
  const place = document.getElementById("toast");
  const over = document.querySelector("dialog.viewer[open]") || document.body; // nothing outside a dialog lies above it
  if (place.parentElement !== over) over.append(place);
  place.textContent = words;
  place.classList.add("on");
  clearTimeout(fading);
  fading = setTimeout(() => place.classList.remove("on"), 2500 + 50 * words.length); // time to read it
}

/** @param {string} words  read out by a screen reader, not shown */
export function announce(words) {
  document.getElementById("live").textContent = words;
}

/** @param {string} address @returns {Promise<boolean>} */
export async function copyText(address) {
  try {
    await navigator.clipboard.writeText(address);
    return true;
  } catch {
    return copyBySelection(address); // plain http from another machine has no clipboard interface
  }
}

/** @param {string} text */
function copyBySelection(text) {
  const before = /** @type {HTMLElement|null} */ (document.activeElement);
  const field = el("textarea", { value: text, className: "visually-hidden", readOnly: true });
  document.body.append(field);
  field.select();
  const done = document.execCommand("copy");
  field.remove();
  before?.focus?.({ preventScroll: true });
  return done;
}
