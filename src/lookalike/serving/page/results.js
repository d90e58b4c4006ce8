/** The results area: heading, grid, "load more", and what is said when there is nothing to show. */

import { Listing } from "./listing.js";
import { isWeak, summaryOf } from "./messages.js";
import { counted } from "./words.js";
import "./elements/image-grid.js";
import "./elements/page-notice.js";

/** @typedef {import("./views.js").View} View */

const AHEAD = "1400px"; // the next page is asked for this far before the end is in sight
const node = (id) => /** @type {any} */ (document.getElementById(id));

export class Results {
  /** @type {View|null} */
  #view = null;
  #stuck = false; // the next page did not come: only the button asks again
  /** Whether a fault is shown instead of pictures. */
  failing = false;

  /** @param {() => void} wantMore  called when the end of what is listed comes near, and by the button */
  constructor(wantMore) {
    this.grid = /** @type {import("./elements/image-grid.js").ImageGrid} */ (node("grid"));
    this.notice = node("notice");
    this.button = node("more-button");
    this.button.addEventListener("click", wantMore);
    const near = (changes) => changes.at(-1).isIntersecting && !this.#stuck && wantMore(); // the last is how it is now
    this.near = new IntersectionObserver(near, { rootMargin: AHEAD });
  }

  /** The first page is on its way; `keep` leaves what is there until it comes. */
  wait({ keep = false, title = "" } = {}) {
    node("progress").hidden = false;
    this.grid.busy = true;
    if (keep && !this.grid.isEmpty) return;
    this.#view = null;
    this.notice.hide();
    this.#head(title, "");
    this.#foot();
    this.grid.wait();
  }

  /** @param {View} view @param {{glide?: boolean}} [how] */
  show(view, how) {
    this.#view = view;
    this.#settle();
    this.notice.hide();
    this.#head(view.title, summaryOf(view), isWeak(view));
    this.grid.show(view.list, how);
    this.#foot();
  }

  /** The view got longer. */
  grow() {
    this.grid.grow();
    this.#foot();
  }

  /** @param {import("./messages.js").Notice} notice @param {string} title */
  say(notice, title) {
    this.#view = null;
    this.#settle();
    this.#head(title, "");
    this.grid.show(new Listing([]));
    this.#foot();
    this.notice.show(notice);
    this.failing = Boolean(notice.alarming);
  }

  /** @param {boolean} busy */
  set loadingMore(busy) {
    this.button.setAttribute("aria-busy", String(busy));
    this.button.textContent = busy ? "Loading…" : "Load more";
  }

  /** @param {string} words  why the next page did not come */
  failMore(words) {
    this.#stuck = true;
    node("more-error").textContent = words;
    node("more-error").hidden = false;
    this.button.textContent = "Try again";
  }

  #settle() {
    node("progress").hidden = true;
    this.grid.busy = false;
    this.failing = false;
  }

  /** @param {string} title @param {string} summary */
  #head(title, summary, weak = false) {
    node("title").textContent = title;
    node("summary").textContent = summary;
    node("head").classList.toggle("weak", weak);
  }

  #foot() {
    const view = this.#view;
    this.#stuck = false;
    node("more-error").hidden = true;
    this.button.hidden = !view?.cursor;
    const end = node("more-end");
    end.hidden = !view || Boolean(view.cursor) || view.list.length < 12;
    end.textContent = view ? `That is all: ${counted(view.list.length, "picture")}.` : "";
    this.near.disconnect();
    if (view?.cursor) this.near.observe(this.button); // observing anew reports again when still near
  }
}
