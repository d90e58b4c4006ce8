/** One group of copies: the picture that stays, its copies, and why each is believed to be one. */

import { thumbnails } from "../api.js";
import { el, emit } from "../dom.js";
import { icon } from "../icons.js";
import { nameText } from "../names.js";
import { routeUrl } from "../state/route.js";
import { byteText, counted, nameOf } from "../words.js";

/** @typedef {import("../api.js").Image} Image */
/** @typedef {import("./copies.js").Copy} Copy */
/** @typedef {import("./copies.js").Group} Group */

const REASONS = { "same-look": "The same picture", "same-details": "Matching details", "same-details-mirrored": "Mirrored, matching details" };
const SURE = { certain: "certain", "very-likely": "very likely", likely: "likely: look first" };

/** @param {Copy} copy @returns {string} */
export function whyOf({ reason, turn, inliers }) {
  if (turn) return `${turn[0].toUpperCase()}${turn.slice(1)}`;
  return inliers ? `${REASONS[reason]}: ${inliers}` : REASONS[reason];
}

/** Says `copies-change` with its action, and `copies-skip`. */
export class CopyRow {
  /** @param {Group} group @param {number} number  from 1 */
  constructor(group, number) {
    this.group = group;
    this.keep = group.keep.id;
    this.title = el("h3", { className: "copy-title" });
    this.pictures = el("ul", { className: "copy-pictures" });
    this.hide = act("hide", "Hide", () => this.#say("hide"));
    this.delete = act("trash", "Delete", () => this.#say("delete"), "grave");
    this.skip = act("check", "Keep all", () => emit(this.element, "copies-skip", this));
    this.element = el("li", { className: "copy-group", tabIndex: -1, "aria-label": `Group ${number}` },
      this.title, this.pictures, el("div", { className: "copy-acts" }, this.hide, this.delete, this.skip));
    this.images = [{ image: group.keep, copy: null }, ...group.copies.map((copy) => ({ image: copy.image, copy }))];
    this.boxes = new Map(this.images.map(({ image }) => [image.id, this.#box(image)]));
    this.pictures.replaceChildren(...this.images.map(({ image, copy }) => this.#picture(image, copy)));
    this.#tell();
  }

  /** @returns {import("./copies.js").Chosen} the copies that are ticked, and what stays */
  get chosen() {
    return { keep: this.keep, copies: [...this.boxes].filter(([id, box]) => id !== this.keep && box.checked).map(([id]) => id) };
  }

  /** @returns {boolean} whether every copy is certain, and nothing was chosen otherwise */
  get isCertain() {
    return this.group.copies.every(({ sure }) => sure === "certain");
  }

  /** @param {"hide"|"delete"} action */
  #say(action) {
    if (this.chosen.copies.length) emit(this.element, "copies-change", { action, row: this });
  }

  /** @param {Image} image */
  #box(image) {
    return el("input", { type: "checkbox", checked: true, "aria-label": `Copy: ${nameOf(image)}`, onchange: () => this.#tell() });
  }

  /** @param {Image} image @param {Copy|null} copy  null for the picture that is kept at first */
  #picture(image, copy) {
    const { src } = thumbnails(image);
    const link = el("a", { href: routeUrl({ image: image.id }), target: "_blank", className: "copy-link", "aria-label": `Look at ${nameOf(image)}` },
      el("img", { src, alt: "", loading: "lazy", decoding: "async" }));
    const stays = el("button", { type: "button", className: "copy-keep", onclick: () => this.#stay(image.id) });
    const why = copy ? [el("span", { className: "copy-why" }, whyOf(copy)), el("span", { className: `copy-sure ${copy.sure}` }, SURE[copy.sure])] : [];
    const size = el("span", { className: "copy-size" }, `${image.width} × ${image.height}, ${byteText(image.bytes)}`);
    return el("li", { className: "copy-picture", "data-id": image.id }, link,
      el("label", { className: "copy-tick" }, /** @type {any} */ (this.boxes.get(image.id)), el("span", {}, "Copy")), stays,
      el("div", { className: "copy-facts" }, nameText(nameOf(image)), size, ...why));
  }

  /** @param {string} id  of the picture that is to stay instead */
  #stay(id) {
    this.keep = id;
    this.#tell();
  }

  #tell() {
    const { copies } = this.chosen;
    for (const picture of /** @type {HTMLElement[]} */ (Array.from(this.pictures.children))) {
      const stays = picture.dataset.id === this.keep;
      const button = /** @type {HTMLButtonElement} */ (picture.querySelector(".copy-keep"));
      picture.classList.toggle("stays", stays);
      picture.classList.toggle("goes", copies.includes(picture.dataset.id || ""));
      button.textContent = stays ? "Stays" : "Keep this";
      button.setAttribute("aria-pressed", String(stays));
    }
    const name = nameOf(/** @type {any} */ (this.images.find(({ image }) => image.id === this.keep)).image);
    this.title.textContent = `${name} and ${counted(this.images.length - 1, "copy", "copies")}`;
    for (const button of [this.hide, this.delete]) button.disabled = !copies.length;
    for (const [button, word] of /** @type {[HTMLButtonElement, string][]} */ ([[this.hide, "Hide"], [this.delete, "Delete"]])) {
      button.lastElementChild.textContent = copies.length ? `${word} ${copies.length}` : word;
    }
  }
}

/** @param {Parameters<typeof icon>[0]} shape @param {string} words @param {() => void} press @param {string} [more] */
function act(shape, words, press, more = "") {
  return el("button", { type: "button", className: `button ${more}`, onclick: press }, icon(shape), el("span", {}, words));
}
