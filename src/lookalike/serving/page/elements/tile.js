/** One tile of the grid: the picture, and for a hit how close it is and what looks the same; or the place of one. */

import { contentUrl, thumbnails } from "../api.js";
import { isBlurred, reveal } from "../blurring.js";
import { el, emit, isPlainClick } from "../dom.js";
import { icon } from "../icons.js";
import { routeUrl } from "../state/route.js";
import { closenessOf, nameOf, sameThingOf } from "../words.js";
import { outlineOf } from "./outline.js";
import { listenForLongPress, tileActions } from "./tile-actions.js";
import { detailsHeight, tileDetails } from "./tile-details.js";

/** @typedef {import("../api.js").Hit} Hit */
/** @typedef {import("../api.js").Image} Image */
/** @typedef {import("../listing.js").Shown} Shown */
/** @typedef {import("../masonry.js").Box} Box */

const TALLEST = 2.1; // taller pictures are cut at the bottom, as a tile must fit on a screen
const FLATTEST = 0.45;
const DUPLICATE = 3.25; // rem: side of a duplicate's thumbnail with its gap
const CAPTION = 2.25; // rem: the line under a hit

export class Tile {
  #unfolded = false;
  /** @type {((came: boolean) => void)|null} told when a repeated attempt ends */
  #attempt = null;

  /** @param {Shown} shown @param {boolean} unfolded  whether its duplicates are shown */
  constructor(shown, unfolded) {
    this.image = shown.image;
    this.picture = el("img", { className: "tile-picture", decoding: "async", alt: "", draggable: true });
    this.link = el("a", { className: "tile-link", href: routeUrl({ image: this.image.id }) }, this.picture);
    this.caption = el("div", { className: "tile-caption" });
    this.group = el("div", { className: "tile-group", hidden: true });
    this.element = el("li", { className: "tile", "data-id": this.image.id },
      this.link, tileActions(() => this.image), this.caption, tileDetails(this.image), this.group);
    listenForLongPress(this.element, this.link, () => this.image);
    this.element.style.setProperty("--colour", this.image.mean_colour || "transparent");
    followClicks(this.link, (event) => this.#click(event, this.image.id));
    this.picture.addEventListener("load", () => this.#ended(true));
    this.picture.addEventListener("error", () => this.#ended(false));
    this.#blur();
    this.update(shown, unfolded);
  }

  /** Blurred for as long as nobody has asked to see it. */
  #blur() {
    this.element.toggleAttribute("data-blurred", isBlurred(this.image));
    if (!isBlurred(this.image)) return;
    this.link.dataset.says = "Blurred. Press to see";
    const show = (/** @type {CustomEvent} */ { detail }) => {
      if (detail !== this.image.id) return;
      document.removeEventListener("picture-revealed", show);
      this.element.removeAttribute("data-blurred");
      this.link.removeAttribute("data-says");
      this.#name();
    };
    document.addEventListener("picture-revealed", show);
  }

  /** Say what pressing it does. */
  #name() {
    const name = nameOf(this.image);
    const does = isBlurred(this.image) ? `Blurred, press to see: ${name}` : `More like ${name}`;
    const hit = this.shown.hit;
    this.link.setAttribute("aria-label", hit ? `${hit.rank}. ${this.words}: ${isBlurred(this.image) ? does : name}` : does);
  }

  /** @param {Shown} shown  the same image with another rank or closeness @param {boolean} unfolded */
  update(shown, unfolded) {
    this.shown = shown;
    if (!shown.hit) {
      this.#name();
      this.caption.replaceChildren();
      this.#setGroup(null, false);
      return;
    }
    const { bars, ...how } = closenessOf(shown.hit);
    const same = sameThingOf(shown.hit);
    const [words, detail] = same ? ["Same thing", `${same}. ${how.detail}`] : [how.words, how.detail];
    this.words = words;
    this.#name();
    this.link.querySelector(".outline")?.remove();
    if (same) this.link.append(outlineOf(shown.hit.same_thing.outline, this.image, "slice"));
    const meter = el("span", { className: "meter", "data-bars": bars, "aria-hidden": "true" },
      ...[1, 2, 3, 4].map((bar) => el("i", { className: bar <= bars ? "on" : "" })));
    this.caption.replaceChildren(el("span", { className: same ? "closeness verified" : "closeness", title: detail }, same ? icon("check") : meter, el("span", {}, words)));
    this.#setGroup(shown.hit, unfolded);
  }

  /** Be there, and begin to load. @param {Box} box */
  place(box) {
    put(this.element, box);
    this.link.style.height = `${box.picture}px`;
    this.picture.sizes = `${Math.ceil(box.width)}px`;
    if (!this.picture.srcset) this.#load();
  }

  /** Be gone; what has not loaded is not waited for. */
  leave() {
    this.element.remove();
    if (!this.element.classList.contains("loaded")) this.#unload();
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
    if (came && !isBlurred(this.image)) this.link.removeAttribute("data-says");
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

  #unload() {
    this.picture.removeAttribute("srcset");
    this.picture.removeAttribute("src");
  }

  /** @returns {Promise<boolean>} whether it came this time */
  #reload() {
    this.#unload();
    const came = new Promise((resolve) => (this.#attempt = resolve));
    this.#load();
    return came.finally(() => (this.#attempt = null));
  }

  /** @param {Hit|null} hit @param {boolean} unfolded */
  #setGroup(hit, unfolded) {
    this.group.replaceChildren();
    this.#unfolded = unfolded && Boolean(hit?.duplicates.length);
    this.group.hidden = !this.#unfolded;
    if (!hit?.duplicates.length) return;
    if (this.#unfolded) this.#fillGroup(hit);
    const count = `+${hit.duplicates.length}`;
    const name = { "aria-label": `${count} the same`, title: `${count} the same`, "aria-expanded": String(this.#unfolded) };
    const toggle = el("button", { type: "button", className: "same", ...name }, count, el("span", {}, " the same"));
    toggle.addEventListener("click", () => this.#toggle(toggle, hit));
    this.caption.append(toggle);
  }

  /** @param {HTMLButtonElement} toggle @param {Hit} hit */
  #toggle(toggle, hit) {
    this.#unfolded = !this.#unfolded;
    toggle.setAttribute("aria-expanded", String(this.#unfolded));
    this.group.hidden = !this.#unfolded;
    if (!this.group.childElementCount) this.#fillGroup(hit);
    emit(this.element, "tile-unfolded", { id: this.image.id, unfolded: this.#unfolded });
  }

  /** @param {Hit} hit */
  #fillGroup(hit) {
    this.group.append(...hit.duplicates.map((id, place) => this.#duplicate(hit, id, place)));
  }

  /** @param {Hit} hit @param {string} id @param {number} place */
  #duplicate(hit, id, place) {
    const link = el("a", { href: routeUrl({ image: id }), "aria-label": `The same, ${place + 1}` },
      el("img", { src: contentUrl(id, 128), alt: "", loading: "lazy", decoding: "async" }));
    link.toggleAttribute("data-blurred", isBlurred({ id, blurred: hit.blurred_duplicates.includes(id) }));
    followClicks(link, (event) => this.#click(event, id));
    return link;
  }

  /** @param {MouseEvent} event @param {string} id */
  #click(event, id) {
    const plain = isPlainClick(event);
    if (plain) event.preventDefault();
    if (plain && id === this.image.id && isBlurred(this.image)) return reveal(id);
    emit(this.element, "open-image", { id, shown: this.shown, plain });
  }
}

/** The place of a picture whose record has not come yet, or of one that is gone. It can have the focus. */
export class PendingTile {
  /** @param {boolean} gone */
  constructor(gone) {
    this.gone = gone;
    const words = gone ? "No longer in the library" : "Loading";
    this.link = el("a", { className: "tile-link", tabIndex: 0, role: "link", "aria-disabled": "true", "aria-label": words });
    if (gone) this.link.dataset.says = words;
    this.element = el("li", { className: "tile pending" }, this.link);
  }

  /** @param {Box} box */
  place(box) {
    put(this.element, box);
    this.link.style.height = `${box.picture}px`;
  }

  leave() {
    this.element.remove();
  }
}

/**
 * @param {import("../listing.js").Listing} list @param {number} rank  from 0
 * @param {number} width pixels @param {number} rem pixels
 * @returns {{picture: number, below: number}} pixels: the picture's height, and that of what stands below it
 */
export function heightsOf(list, rank, width, rem) {
  const picture = Math.round(width * Math.min(Math.max(list.shapeAt(rank), FLATTEST), TALLEST));
  const shown = list.at(rank);
  const details = detailsHeight(rem);
  if (!shown?.hit) return { picture, below: details };
  const group = list.unfolded.has(shown.image.id) ? groupHeight(shown.hit.duplicates.length, width, rem) : 0;
  return { picture, below: details + CAPTION * rem + group };
}

/** @param {number} count @param {number} width @param {number} rem */
function groupHeight(count, width, rem) {
  const perRow = Math.max(1, Math.floor((width + 0.25 * rem) / (DUPLICATE * rem)));
  return Math.ceil(count / perRow) * DUPLICATE * rem;
}

/** @param {HTMLElement} node @param {{x: number, y: number, width: number, height: number}} box  within the grid */
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
