/** Keys that work anywhere on the page, except while typing. */

import { isTyping } from "./dom.js";

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
