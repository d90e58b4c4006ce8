/**
 * An impression: at least half of a hit's tile was on the screen for a second without a break, counted once a query and
 * image.
 */

/** @typedef {import("./log.js").Shown} Shown */

const SECOND = 1000;

export class Impressions {
  /** @type {Map<Element, Shown>} */
  #watched = new Map();
  /** @type {Map<Element, number>} */
  #timers = new Map();
  /** @type {Set<Element>} */
  #inView = new Set();
  #counted = new Set();

  /** @param {(shown: Shown) => void} seen */
  constructor(seen) {
    this.seen = seen;
    this.observer = new IntersectionObserver((changes) => changes.forEach((change) => this.#follow(change)), {
      threshold: [0.5],
    });
    document.addEventListener("visibilitychange", () => this.#pauseOrResume());
  }

  /** @param {Element} tile @param {Shown} shown */
  watch(tile, shown) {
    this.#forget(tile);
    if (this.#counted.has(keyOf(shown))) return;
    this.#watched.set(tile, shown);
    this.observer.observe(tile);
  }

  /** What is clicked was seen, however short it was in view. @param {Shown} shown */
  countNow(shown) {
    if (this.#counted.has(keyOf(shown))) return;
    this.#counted.add(keyOf(shown));
    this.seen(shown);
  }

  /** Stop watching all tiles; what was counted stays counted. */
  clear() {
    for (const tile of [...this.#watched.keys()]) this.#forget(tile);
  }

  /** @param {Element} tile  no longer on the page */
  unwatch(tile) {
    this.#forget(tile);
  }

  /** @param {Element} tile */
  #forget(tile) {
    this.observer.unobserve(tile);
    this.#stop(tile);
    this.#inView.delete(tile);
    this.#watched.delete(tile);
  }

  /** @param {IntersectionObserverEntry} change */
  #follow({ target, intersectionRatio }) {
    const visible = intersectionRatio >= 0.5;
    this.#inView[visible ? "add" : "delete"](target);
    if (visible && !document.hidden) this.#start(target);
    if (!visible) this.#stop(target);
  }

  #pauseOrResume() {
    for (const tile of this.#inView) document.hidden ? this.#stop(tile) : this.#start(tile);
  }

  /** @param {Element} tile */
  #start(tile) {
    if (!this.#timers.has(tile)) this.#timers.set(tile, setTimeout(() => this.#count(tile), SECOND));
  }

  /** @param {Element} tile */
  #stop(tile) {
    clearTimeout(this.#timers.get(tile));
    this.#timers.delete(tile);
  }

  /** @param {Element} tile */
  #count(tile) {
    const shown = this.#watched.get(tile);
    this.#forget(tile);
    if (shown) this.countNow(shown);
  }
}

/** @param {Shown} shown */
function keyOf({ queryId, imageId }) {
  return `${queryId} ${imageId}`;
}
