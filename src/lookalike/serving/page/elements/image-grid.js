/**
 * <image-grid>: tiles in rank order, in columns. The order of the nodes, of the Tab key and of the ranks is the same;
 * places are computed from the pictures' sizes before anything loads, so nothing on the page ever shifts. Tiles far from
 * the screen are hidden, so that thousands cost no more than the few that are near.
 */

import { el } from "../dom.js";
import { columnsFor, Masonry, neighbourOf, runBetween } from "../masonry.js";
import { put, Tile } from "./tile.js";

/** @typedef {import("./tile.js").Shown} Shown */

const NEAR = 2000; // pixels above and below the screen where tiles are kept ready
const SKELETONS = [1.25, 0.8, 1.5, 1, 0.7, 1.3, 1.1, 0.9, 1.4, 0.75, 1, 1.2, 0.85, 1.35, 1.05, 0.95, 1.2, 0.8];

export class ImageGrid extends HTMLElement {
  /** @type {Map<string, Tile>} by image id */
  #tiles = new Map();
  /** @type {Tile[]} by rank */
  #order = [];
  /** @type {import("../masonry.js").Box[]} */
  #boxes = [];
  #masonry = new Masonry({ count: 1, width: 0 }, 0);
  #width = 0;
  /** @type {[number, number]} ranks of the tiles that are not hidden */
  #run = [0, 0];
  #frame = 0;

  constructor() {
    super();
    this.list = el("ol", { className: "tiles", "aria-label": "Pictures" });
    this.skeleton = el("div", { className: "skeletons", "aria-hidden": "true", hidden: true });
  }

  connectedCallback() {
    this.replaceChildren(this.list, this.skeleton);
    new ResizeObserver(() => this.#resized()).observe(this);
    addEventListener("scroll", () => (this.#frame ||= requestAnimationFrame(() => this.#reveal())), { passive: true });
    this.addEventListener("tile-resized", () => this.#layout());
    this.addEventListener("keydown", (event) => this.#key(event));
  }

  /** @param {boolean} busy */
  set busy(busy) {
    this.setAttribute("aria-busy", String(busy));
  }

  /** @returns {Tile[]} by rank */
  get tiles() {
    return this.#order;
  }

  /**
   * Show these, in this order. Tiles that were there already keep their loaded pictures, and glide when `glide`.
   * @param {Shown[]} all
   * @param {{glide?: boolean}} [how]
   * @returns {Tile[]} all tiles
   */
  show(all, { glide = false } = {}) {
    const focused = document.activeElement?.closest?.(".tile");
    const before = this.#tiles;
    this.skeleton.hidden = true;
    this.classList.toggle("gliding", glide);
    this.#tiles = new Map();
    this.#order = all.map((shown) => this.#tileFor(shown, before));
    for (const [id, tile] of before) if (!this.#tiles.has(id)) tile.element.remove();
    this.#order.forEach((tile, rank) => {
      if (this.list.children[rank] !== tile.element) this.list.insertBefore(tile.element, this.list.children[rank] || null);
    });
    this.#layout();
    if (focused?.isConnected && !focused.contains(document.activeElement)) focused.querySelector("a")?.focus({ preventScroll: true });
    return this.#order;
  }

  /** @param {Shown[]} more @returns {Tile[]} the new tiles */
  append(more) {
    const fresh = more.filter((shown) => !this.#tiles.has(shown.image.id)).map((shown) => this.#tileFor(shown, new Map()));
    this.#order.push(...fresh);
    this.classList.remove("gliding");
    this.#place(fresh);
    this.list.append(...fresh.map((tile) => tile.element));
    return fresh;
  }

  /** Grey tiles while the first page is on its way. */
  wait() {
    this.show([]);
    this.busy = true;
    this.skeleton.hidden = false;
    const masonry = new Masonry(this.#columns(), this.#gap());
    this.skeleton.replaceChildren(...SKELETONS.map((shape) => {
      const tile = el("div", { className: "skeleton" });
      put(tile, masonry.place(Math.round(masonry.columns.width * shape)));
      return tile;
    }));
    this.style.height = `${masonry.height}px`;
  }

  /** @param {string|null} id @returns {boolean} whether there was such a tile to focus */
  focusImage(id) {
    this.#reveal();
    const tile = this.#tiles.get(id || "");
    tile?.link.focus({ preventScroll: true });
    return Boolean(tile);
  }

  /** @param {Shown} shown @param {Map<string, Tile>} before */
  #tileFor(shown, before) {
    const tile = before.get(shown.image.id) || new Tile(shown);
    if (before.has(shown.image.id)) tile.update(shown);
    this.#tiles.set(shown.image.id, tile);
    return tile;
  }

  #resized() {
    const width = this.clientWidth;
    if (width === this.#width) return;
    this.#width = width;
    this.classList.remove("gliding");
    if (!this.skeleton.hidden) this.wait();
    else this.#layout();
  }

  #gap() {
    return this.clientWidth < 560 ? 10 : 16;
  }

  #columns() {
    return columnsFor(this.clientWidth, this.#gap());
  }

  #layout() {
    this.#boxes = [];
    this.#masonry = new Masonry(this.#columns(), this.#gap());
    this.#place(this.#order);
  }

  /** @param {Tile[]} tiles */
  #place(tiles) {
    const rem = parseFloat(getComputedStyle(document.documentElement).fontSize);
    const { width } = this.#masonry.columns;
    for (const tile of tiles) this.#boxes.push(this.#masonry.place(tile.height(width, rem)));
    this.style.height = `${this.#masonry.height}px`;
    this.#reveal({ anew: true });
  }

  /** Show what is near the screen. @param {{anew?: boolean}} [how]  anew: places have changed */
  #reveal({ anew = false } = {}) {
    this.#frame = 0;
    const top = -this.getBoundingClientRect().top;
    const [from, to] = runBetween(this.#boxes, top - NEAR, top + innerHeight + NEAR);
    const [before, until] = anew ? [0, this.#order.length] : this.#run;
    for (let rank = before; rank < until; rank += 1) {
      if (rank < from || rank >= to) this.#order[rank].element.hidden = true;
    }
    for (let rank = from; rank < to; rank += 1) {
      if (anew || rank < before || rank >= until) this.#order[rank].place(this.#boxes[rank]);
    }
    this.#run = [from, to];
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
    const from = this.#order.findIndex((tile) => tile.element.contains(/** @type {Node} */ (event.target)));
    const ends = { Home: 0, End: this.#order.length - 1 };
    if (from < 0 || !(event.key in ends || event.key.startsWith("Arrow"))) return;
    event.preventDefault();
    const to = ends[event.key] ?? neighbourOf(this.#boxes, from, event.key);
    const { element, link } = this.#order[to];
    this.#order[to].place(this.#boxes[to]);
    link.focus({ preventScroll: true });
    element.scrollIntoView({ block: "nearest" });
  }
}

customElements.define("image-grid", ImageGrid);
