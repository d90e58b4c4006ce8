/** Keys that work anywhere on the page, except while typing. */

import { isTyping } from "./dom.js";

/**
 * Ctrl Z or Cmd Z, and with Shift (or Ctrl Y) the way back.
 * @param {() => boolean} undo  whether there was something @param {() => boolean} redo
 */
export function listenForUndo(undo, redo) {
  addEventListener("keydown", (event) => {
    if (event.altKey || !(event.ctrlKey || event.metaKey) || isTyping(event) || document.querySelector("dialog[open]:not(.viewer, .copies)")) return;
    const key = event.key.toLowerCase();
    const again = key === "y" || (key === "z" && event.shiftKey);
    if (key !== "z" && key !== "y") return;
    if (again ? redo() : undo()) event.preventDefault();
  });
}

/** @param {Record<string, () => void>} actions  by key */
export function listenForKeys(actions) {
  addEventListener("keydown", (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey || isTyping(event) || document.querySelector("dialog[open]")) return;
    const act = actions[event.key.toLowerCase()];
    if (!act) return;
    event.preventDefault();
    act();
  });
}
