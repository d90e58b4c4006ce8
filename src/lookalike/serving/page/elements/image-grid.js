/**
 * <image-grid>: tiles in rank order, in columns. The order of the nodes, of the Tab key and of the ranks is the same;
 * places are computed from the pictures' shapes before anything loads, so nothing on the page ever shifts. Only tiles near
 * the screen (and the one with the focus) are in the document, however long the list is. Says `want-pictures` with the
 * stretch of ranks that is looked at.
 */

import { el, emit } from "../dom.js";
import { Listing } from "../listing.js";
import { columnsFor, Masonry } from "../masonry.js";
import { heightsOf, PendingTile, put, Tile } from "./tile.js";

/** @typedef {import("../listing.js").Shown} Shown */

const NEAR = 1200; // pixels above and below the screen where tiles are kept ready
const FAST = 1500; // pixels between two frames: nothing is asked for until it slows down
const PAUSE = 90; // ms without scrolling
const SKELETONS = [1.25, 0.8, 1.5, 1, 0.7, 1.3, 1.1, 0.9, 1.4, 0.75, 1, 1.2, 0.85, 1.35, 1.05, 0.95, 1.2, 0.8];

export class ImageGrid extends HTMLElement {
  #list = new Listing([]);
  /** @type {Map<number, Tile|PendingTile>} those in the document, by rank from 0 */
  #tiles = new Map();
  #masonry = new Masonry({ count: 1, width: 0 }, 0);
  #width = 0;
  #frame = 0;
  #top = 0; // where the screen was at the last frame
  #settling = 0;
  /** Told about each tile that enters or leaves the document. */
  entered = (/** @type {Tile} */ _tile) => {};
  left = (/** @type {Tile} */ _tile) => {};

  constructor() {
    super();
    this.list = el("ol", { className: "tiles", role: "list", "aria-label": "Pictures" });
    this.skeleton = el("div", { className: "skeletons", "aria-hidden": "true", hidden: true });
  }

  connectedCallback() {
    this.replaceChildren(this.list, this.skeleton);
    new ResizeObserver(() => this.#resized()).observe(this);
    addEventListener("scroll", () => (this.#frame ||= requestAnimationFrame(() => this.#scrolled())), { passive: true });
    this.addEventListener("tile-unfolded", (event) => this.#unfold(/** @type {CustomEvent} */ (event).detail));
    this.addEventListener("keydown", (event) => this.#key(event));
  }

  /** @param {boolean} busy */
  set busy(busy) {
    this.setAttribute("aria-busy", String(busy));
  }

  /** Whether there is anything to see. */
  get isEmpty() {
    return this.#list.length === 0;
  }

  /**
   * Show these, in this order. Tiles that were there already keep their loaded pictures, and glide when `glide`.
   * @param {Listing} list
   * @param {{glide?: boolean}} [how]
   */
  show(list, { glide = false } = {}) {
    const focused = /** @type {Tile|undefined} */ (this.#focused());
    const before = new Map(this.#known().map((tile) => [tile.image.id, tile]));
    for (const tile of this.#known()) this.left(tile);
    for (const tile of this.#tiles.values()) if (!(tile instanceof Tile)) tile.element.remove();
    this.skeleton.hidden = true;
    this.classList.toggle("gliding", glide);
    this.#list = list;
    this.#tiles = new Map();
    this.#layout(before);
    for (const tile of before.values()) tile.leave();
    if (focused?.element.isConnected && focused !== this.#focused()) focused.link.focus({ preventScroll: true });
  }

  /** The list got longer. */
  grow() {
    this.classList.remove("gliding");
    this.#place();
    this.#reveal();
  }

  /** Pictures came for ranks that were only places before. */
  fill() {
    for (const [rank, tile] of [...this.#tiles]) { // a copy: what is put in below must not be met again
      if (tile instanceof Tile || tile.gone || !(this.#list.at(rank) || this.#list.isGone(rank))) continue;
      const focused = tile === this.#focused();
      this.#tiles.delete(rank);
      const fresh = this.#enter(rank);
      tile.element.replaceWith(fresh.element);
      if (focused) fresh.link.focus({ preventScroll: true });
    }
  }

  /** @param {Listing} list @returns {number} pixels it would be high */
  heightOf(list) {
    const masonry = new Masonry(this.#columns(), this.#gap());
    this.#fillUp(masonry, list);
    return masonry.height;
  }

  /** Ask again for what is looked at and has not come. */
  refresh() {
    this.#reveal();
  }

  /** Grey tiles while the first page is on its way. */
  wait() {
    this.show(new Listing([]));
    this.busy = true;
    this.skeleton.hidden = false;
    const masonry = new Masonry(this.#columns(), this.#gap());
    this.skeleton.replaceChildren(...SKELETONS.map((shape, rank) => {
      const tile = el("div", { className: "skeleton" });
      masonry.place(Math.round(masonry.columns.width * shape));
      put(tile, masonry.box(rank));
      return tile;
    }));
    this.style.height = `${masonry.height}px`;
  }

  /** @param {string|null} id @returns {boolean} whether there was such a tile to focus */
  focusImage(id) {
    const rank = this.#list.rankOf(id || "");
    this.#reveal({ also: rank });
    this.#tiles.get(rank)?.link.focus({ preventScroll: true });
    return rank >= 0;
  }

  /**
   * Where a tile stands: in the grid, how many screens below the top of the page, and its middle on the screen.
   * @param {string} id @returns {import("../events/log.js").Where|null} null where it has no place
   */
  whereIs(id) {
    const rank = this.#list.rankOf(id);
    if (rank < 0 || rank >= this.#masonry.length) return null;
    const { left, top } = this.getBoundingClientRect();
    const box = this.#masonry.box(rank);
    const [x, y] = [left + box.x + box.width / 2, top + box.y + box.picture / 2];
    const fold = Math.max(0, Math.floor((y + scrollY) / innerHeight));
    return { ...this.#masonry.cell(rank), fold, x: Math.round(x), y: Math.round(y) };
  }

  /** @param {(tile: Tile) => void} act  on each tile in the document that has its picture */
  forEach(act) {
    this.#known().forEach(act);
  }

  /** @returns {Tile[]} those in the document that have their picture */
  #known() {
    return /** @type {Tile[]} */ ([...this.#tiles.values()].filter((tile) => tile instanceof Tile));
  }

  #focused() {
    const element = document.activeElement?.closest?.(".tile");
    return [...this.#tiles.values()].find((tile) => tile.element === element);
  }

  #resized() {
    const width = this.clientWidth;
    if (width === this.#width) return;
    const first = !this.#width;
    this.#width = width;
    if (this.skeleton.hidden) this.arrange({ keep: !first });
    else this.wait();
  }

  /** Give all tiles new places: their sizes are others now. @param {{keep?: boolean}} [how]  keep what is on the screen there */
  arrange({ keep = true } = {}) {
    const anchor = keep ? this.#anchor() : null;
    this.classList.remove("gliding");
    this.#layout();
    if (anchor) scrollBy(0, this.#masonry.box(anchor.rank).y + this.getBoundingClientRect().top - anchor.top);
  }

  /** @returns {{rank: number, top: number}|null} the first tile on the screen and where it is; null at the top of the list */
  #anchor() {
    const { top } = this.getBoundingClientRect();
    if (top > 0 || !this.#masonry.length) return null;
    const [from] = this.#masonry.run(-top, -top + innerHeight);
    const rank = Math.min(from, this.#masonry.length - 1);
    return { rank, top: this.#masonry.box(rank).y + top };
  }

  #gap() {
    return this.clientWidth < 560 ? 10 : 16;
  }

  #columns() {
    return columnsFor(this.clientWidth, this.#gap());
  }

  /** @param {Map<string, Tile>} [before]  tiles to use again, by image id */
  #layout(before) {
    this.#masonry = new Masonry(this.#columns(), this.#gap());
    this.#place();
    this.#reveal({ anew: true, before });
  }

  /** Give the ranks that have no place theirs. @param {Masonry} masonry @param {Listing} list */
  #fillUp(masonry, list) {
    const rem = parseFloat(getComputedStyle(document.documentElement).fontSize);
    for (let rank = masonry.length; rank < list.length; rank += 1) {
      const { picture, below } = heightsOf(list, rank, masonry.columns.width, rem);
      masonry.place(picture, below);
    }
  }

  #place() {
    this.#fillUp(this.#masonry, this.#list);
    this.style.height = `${this.#masonry.height}px`;
  }

  #scrolled() {
    this.#frame = 0;
    const fast = Math.abs(scrollY - this.#top) > FAST;
    this.#top = scrollY;
    this.#reveal({ fast });
  }

  /**
   * Have the tiles near the screen in the document, in rank order, and no others.
   * @param {object} [how]
   * @param {boolean} [how.anew]  places have changed
   * @param {boolean} [how.fast]  it scrolls faster than anybody looks
   * @param {number} [how.also]  a rank that is wanted wherever it is
   * @param {Map<string, Tile>} [how.before]  tiles to use again, which are taken out of it
   */
  #reveal({ anew = false, fast = false, also = -1, before } = {}) {
    const top = -this.getBoundingClientRect().top;
    const [from, to] = this.#masonry.run(top - NEAR, top + innerHeight + NEAR);
    const wanted = this.#ranks(from, to, also);
    for (const [rank, tile] of this.#tiles) if (!wanted.has(rank)) this.#leave(rank, tile);
    let previous = null;
    for (const rank of [...wanted].sort((one, other) => one - other)) {
      const known = this.#tiles.get(rank);
      const tile = known || this.#enter(rank, before);
      if (known && anew) known.place(this.#masonry.box(rank));
      const next = previous ? previous.nextSibling : this.list.firstChild;
      if (tile.element !== next) this.list.insertBefore(tile.element, next);
      previous = tile.element;
    }
    this.#ask(from, to, fast);
  }

  /** @param {number} from @param {number} to @param {number} also @returns {Set<number>} and the one that has the focus */
  #ranks(from, to, also) {
    const ranks = new Set(Array.from({ length: to - from }, (_, place) => from + place));
    const focused = document.activeElement?.closest?.(".tile");
    for (const [rank, tile] of this.#tiles) if (tile.element === focused) ranks.add(rank);
    if (also >= 0) ranks.add(also);
    return ranks;
  }

  /** @param {number} rank @param {Map<string, Tile>} [before] @returns {Tile|PendingTile} */
  #enter(rank, before) {
    const shown = this.#list.at(rank);
    const tile = shown ? this.#tileOf(shown, before) : new PendingTile(this.#list.isGone(rank));
    this.#tiles.set(rank, tile);
    tile.element.setAttribute("aria-posinset", String(rank + 1));
    tile.element.setAttribute("aria-setsize", String(this.#list.length));
    tile.place(this.#masonry.box(rank));
    if (tile instanceof Tile) this.entered(tile);
    return tile;
  }

  /** @param {Shown} shown @param {Map<string, Tile>} [before] */
  #tileOf(shown, before) {
    const unfolded = this.#list.unfolded.has(shown.image.id);
    const tile = before?.get(shown.image.id);
    if (!tile) return new Tile(shown, unfolded);
    before.delete(shown.image.id);
    tile.update(shown, unfolded);
    return tile;
  }

  /** @param {number} rank @param {Tile|PendingTile} tile */
  #leave(rank, tile) {
    this.#tiles.delete(rank);
    if (tile instanceof Tile) this.left(tile);
    tile.leave();
  }

  /** @param {number} from @param {number} to  ranks @param {boolean} fast */
  #ask(from, to, fast) {
    clearTimeout(this.#settling);
    if (fast) this.#settling = setTimeout(() => this.#ask(from, to, false), PAUSE);
    else if (to > from) emit(this, "want-pictures", { from, to });
  }

  /** @param {{id: string, unfolded: boolean}} tile */
  #unfold({ id, unfolded }) {
    this.#list.unfolded[unfolded ? "add" : "delete"](id);
    this.#layout();
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
    const from = [...this.#tiles.keys()].find((rank) => this.#tiles.get(rank).element.contains(/** @type {Node} */ (event.target)));
    const ends = { Home: 0, End: this.#list.length - 1 };
    if (from === undefined || !(event.key in ends || event.key.startsWith("Arrow"))) return;
    event.preventDefault();
    const to = ends[event.key] ?? this.#masonry.neighbour(from, event.key);
    this.#reveal({ also: to });
    const { element, link } = this.#tiles.get(to);
    link.focus({ preventScroll: true });
    element.scrollIntoView({ block: "nearest" });
  }
}

customElements.define("image-grid", ImageGrid);
