/** One pair to grade: the query with its crop drawn, the candidate, and a button for each grade. */

import { contentUrl, thumbnails } from "../api.js";
import { el } from "../dom.js";

/** @typedef {import("../api.js").Image} Image */
/** @typedef {import("../crop.js").Crop} Crop */
/**
 * @typedef {object} Pair  as `GET /v1/grading/{set}` answers
 * @property {Image} query @property {Crop|null} crop @property {Image} image
 * @property {string} strategy @property {"grade"|"yes-or-no"} asks @property {Record<string, number>} grades
 */

const LARGE = 1024; // pixels of the longest side

const WORDS = ["unrelated", "barely related", "somewhat alike", "alike", "very alike", "the same"];

/** @param {Pair} pair @returns {{grade: number, key: string, words: string}[]} what can be said of it */
export function choices(pair) {
  if (pair.asks === "grade") return WORDS.map((words, grade) => ({ grade, key: String(grade), words }));
  return [{ grade: 0, key: "n", words: "no" }, { grade: 1, key: "y", words: "yes" }];
}

/** @param {Pair} pair @param {(grade: number) => void} give @returns {HTMLElement[]} */
export function pairNodes(pair, give) {
  const question = pair.asks === "grade"
    ? "How well does the picture on the right answer the one on the left?"
    : "Somebody clicked this picture. Does it answer the query?";
  const buttons = choices(pair).map(({ grade, key, words }) =>
    el("button", { type: "button", className: "button grade", "data-grade": String(grade), "aria-keyshortcuts": key, onclick: () => give(grade) },
      el("kbd", {}, key), el("span", {}, words)));
  return [
    el("p", { className: "question" }, question),
    el("div", { className: "pair-pictures" }, picture("Query", pair.query, pair.crop), picture("Candidate", pair.image, null)),
    said(pair),
    el("div", { className: "grades", role: "group", "aria-label": "Grade" }, ...buttons),
  ].filter(Boolean);
}

/** @param {string} name @param {Image} image @param {Crop|null} crop */
function picture(name, image, crop) {
  const { srcset } = thumbnails(image);
  const shown = el("img", {
    src: contentUrl(image.id, LARGE), srcset, sizes: "(width < 40rem) 50vw, 32rem", width: image.width, height: image.height,
    alt: `${name}: ${image.source_name || "picture"}`, decoding: "async",
  });
  shown.style.background = image.mean_colour;
  const frame = el("div", { className: "pair-frame" }, shown, crop ? cropNode(crop) : null);
  frame.style.setProperty("--ratio", String(image.width / image.height));
  return el("figure", {}, el("figcaption", {}, crop ? `${name}: the part in the box` : name), frame);
}

/** @param {Crop} crop */
function cropNode(crop) {
  const box = el("div", { className: "pair-crop" });
  for (const [side, value] of Object.entries({ left: crop.x, top: crop.y, width: crop.width, height: crop.height })) {
    box.style.setProperty(side, `${100 * value}%`);
  }
  return box;
}

/** @param {Pair} pair  what others said, where it is to be settled */
function said({ grades }) {
  const words = Object.entries(grades).map(([grader, grade]) => `${grader}: ${grade}`);
  return words.length ? el("p", { className: "said" }, `Given so far: ${words.join(", ")}. Your grade settles it.`) : null;
}
