/** One tile of the grid: the picture, and for a hit how close it is and what looks the same. */

import { contentUrl, thumbnails } from "../api.js";
import { el, emit, isPlainClick } from "../dom.js";
import { routeUrl } from "../state/route.js";
import { closenessOf, nameOf } from "../words.js";
import { listenForLongPress, tileActions } from "./tile-actions.js";
import { detailsHeight, tileDetails } from "./tile-details.js";

/** @typedef {import("../api.js").Image} Image */
/** @typedef {import("../api.js").Hit} Hit */
/** @typedef {{image: Image, hit: Hit|null}} Shown  a tile's content; `hit` is null when browsing */

const TALLEST = 2.1; // taller pictures are cut at the bottom, as a tile must fit on a screen
const FLATTEST = 0.45;
const DUPLICATE = 3.25; // rem: side of a duplicate's thumbnail with its gap
const CAPTION = 2.25; // rem: the line under a hit

export class Tile {
  #open = false;
  /** @type {((came: boolean) => void)|null} told when a repeated attempt ends */
  #attempt = null;

  /** @param {Shown} shown */
  constructor(shown) {
    this.image = shown.image;
    this.picture = el("img", { className: "tile-picture", loading: "lazy", decoding: "async", alt: "", draggable: true });
    this.link = el("a", { className: "tile-link", href: routeUrl({ image: this.image.id }) }, this.picture);
    this.caption = el("div", { className: "tile-caption" });
    this.group = el("div", { className: "tile-group", hidden: true });
    this.element = el("li", { className: "tile", "data-id": this.image.id, hidden: true },
      this.link, tileActions(() => this.image), this.caption, tileDetails(this.image), this.group);
    listenForLongPress(this.element, this.link, () => this.image);
    this.element.style.setProperty("--colour", this.image.mean_colour || "transparent");
    followClicks(this.link, (event) => this.#click(event, this.image.id));
    this.picture.addEventListener("load", () => this.#ended(true));
    this.picture.addEventListener("error", () => this.#ended(false));
    this.update(shown);
  }

  /** @param {Shown} shown  the same image with another rank or closeness */
  update(shown) {
    this.shown = shown;
    const name = nameOf(this.image);
    if (!shown.hit) {
      this.link.setAttribute("aria-label", `More like ${name}`);
      this.caption.replaceChildren();
      this.#setGroup([]);
      return;
    }
    const { words, bars, detail } = closenessOf(shown.hit);
    this.link.setAttribute("aria-label", `${shown.hit.rank}. ${words}: ${name}`);
    const meter = el("span", { className: "meter", "data-bars": bars, "aria-hidden": "true" },
      ...[1, 2, 3, 4].map((bar) => el("i", { className: bar <= bars ? "on" : "" })));
    this.caption.replaceChildren(el("span", { className: "closeness", title: detail }, meter, el("span", {}, words)));
    this.#setGroup(shown.hit.duplicates);
  }

  /** @param {number} width pixels @param {number} rem pixels @returns {number} the tile's height */
  height(width, rem) {
    const picture = this.#pictureHeight(width) + detailsHeight(rem);
    return this.shown.hit ? picture + CAPTION * rem + (this.#open ? this.#groupHeight(width, rem) : 0) : picture;
  }

  /** Be there, and begin to load. @param {import("../masonry.js").Box} box */
  place(box) {
    put(this.element, box);
    this.link.style.height = `${this.#pictureHeight(box.width)}px`;
    this.element.hidden = false;
    this.picture.sizes = `${Math.ceil(box.width)}px`;
    if (!this.picture.srcset) this.#load();
  }

  #load() {
    const { src, srcset } = thumbnails(this.image);
    this.picture.srcset = srcset;
    this.picture.src = src;
    if (this.picture.complete && this.picture.naturalWidth) this.element.classList.add("loaded");
  }

  /** @param {boolean} came */
  #ended(came) {
    this.element.classList.toggle("loaded", came);
    if (came) this.link.removeAttribute("data-says");
    if (this.#attempt) this.#attempt(came);
    else if (!came) this.#failed();
  }

  #failed() {
    this.link.dataset.says = "Not loaded yet";
    emit(this.element, "picture-failed", {
      url: thumbnails(this.image).src,
      isWanted: () => this.element.isConnected,
      load: () => this.#reload(),
      giveUp: (words) => (this.link.dataset.says = words),
    });
  }

  /** @returns {Promise<boolean>} whether it came this time */
  #reload() {
    this.picture.removeAttribute("srcset");
    this.picture.removeAttribute("src");
    this.picture.loading = "eager";
    const came = new Promise((resolve) => (this.#attempt = resolve));
    this.#load();
    return came.finally(() => (this.#attempt = null));
  }

  /** @param {number} width */
  #pictureHeight(width) {
    const shape = this.image.width && this.image.height ? this.image.height / this.image.width : 1;
    return Math.round(width * Math.min(Math.max(shape, FLATTEST), TALLEST));
  }

  /** @param {number} width @param {number} rem */
  #groupHeight(width, rem) {
    const perRow = Math.max(1, Math.floor((width + 0.25 * rem) / (DUPLICATE * rem)));
    return Math.ceil(this.shown.hit.duplicates.length / perRow) * DUPLICATE * rem;
  }

  /** @param {string[]} duplicates */
  #setGroup(duplicates) {
    this.#open = false;
    this.group.hidden = true;
    this.group.replaceChildren();
    if (!duplicates.length) return;
    const count = `+${duplicates.length}`;
    const name = { "aria-label": `${count} the same`, title: `${count} the same`, "aria-expanded": "false" };
    const toggle = el("button", { type: "button", className: "same", ...name }, count, el("span", {}, " the same"));
    toggle.addEventListener("click", () => this.#toggle(toggle, duplicates));
    this.caption.append(toggle);
  }

  /** @param {HTMLButtonElement} toggle @param {string[]} duplicates */
  #toggle(toggle, duplicates) {
    this.#open = !this.#open;
    toggle.setAttribute("aria-expanded", String(this.#open));
    this.group.hidden = !this.#open;
    if (!this.group.childElementCount) this.group.append(...duplicates.map((id, place) => this.#duplicate(id, place)));
    emit(this.element, "tile-resized");
  }

  /** @param {string} id @param {number} place */
  #duplicate(id, place) {
    const link = el("a", { href: routeUrl({ image: id }), "aria-label": `The same, ${place + 1}` },
      el("img", { src: contentUrl(id, 128), alt: "", loading: "lazy", decoding: "async" }));
    followClicks(link, (event) => this.#click(event, id));
    return link;
  }

  /** @param {MouseEvent} event @param {string} id */
  #click(event, id) {
    const plain = isPlainClick(event);
    if (plain) event.preventDefault();
    emit(this.element, "open-image", { id, shown: this.shown, plain });
  }
}

/** @param {HTMLElement} node @param {import("../masonry.js").Box} box  within the grid */
export function put(node, { x, y, width, height }) {
  node.style.width = `${width}px`;
  node.style.height = `${height}px`;
  node.style.transform = `translate(${x}px, ${y}px)`;
}

/**
 * @param {HTMLElement} link
 * @param {(event: MouseEvent) => void} clicked  also for the middle button, which opens a tab
 */
function followClicks(link, clicked) {
  link.addEventListener("click", clicked);
  link.addEventListener("auxclick", (event) => event.button === 1 && clicked(event));
}
