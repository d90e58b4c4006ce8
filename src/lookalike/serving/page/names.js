/** Names of pictures, shortened in the middle: the end tells more than what stands before it. */

import { el } from "./dom.js";

const SHORT = 18; // characters that are never cut
const END = 9; // kept at the end: mostly a number and the suffix

/**
 * Split a name where it may be cut. Characters that belong together (accents, emoji) stay together.
 * @param {string} name @returns {[string, string]} start, which may be cut, and end
 */
export function splitName(name) {
  const characters = Intl.Segmenter ? Array.from(new Intl.Segmenter().segment(name), ({ segment }) => segment) : Array.from(name);
  if (characters.length <= SHORT) return [name, ""];
  return [characters.slice(0, -END).join(""), characters.slice(-END).join("")];
}

/** @param {string} name @returns {HTMLSpanElement} its words run in their own direction, whatever the page's */
export function nameText(name) {
  const [start, end] = splitName(name);
  const parts = [el("span", { className: "name-start" }, start), end ? el("span", { className: "name-end" }, end) : null];
  return el("span", { className: "name-text", dir: "auto", title: name }, ...parts);
}
