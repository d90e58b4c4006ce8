/** The tab's history: what each entry showed and how far it was scrolled, so that Back shows it at once. */

import { uuid } from "../dom.js";
import { parseRoute, routeUrl, viewedOf } from "./route.js";

/** @typedef {import("./route.js").Route} Route */
/**
 * @typedef {object} Entry  one history entry
 * @property {string} key
 * @property {Route} route
 * @property {number} scroll  pixels from the top
 * @property {string|null} focus  id of the image whose tile had the focus
 * @property {any} view  what was shown; null until loaded
 */

const KEPT = 30;
const STORE = "lookalike.scroll";

export class Trail {
  /** @type {Map<string, Entry>} */
  #entries = new Map();
  /** @type {Record<string, number>} */
  #scrolls = JSON.parse(sessionStorage.getItem(STORE) || "{}");

  /**
   * @param {(entry: Entry) => void} show  called when Back or Forward arrives at an entry
   * @param {() => void} look  called when they may have arrived at, or left, the large view
   */
  constructor(show, look) {
    history.scrollRestoration = "manual";
    this.current = this.#arrive(history.state?.key || uuid());
    history.replaceState({ ...history.state, key: this.current.key }, "");
    addEventListener("popstate", () => {
      const before = this.current;
      this.current = this.#arrive(history.state?.key || uuid());
      history.replaceState({ ...history.state, key: this.current.key }, "");
      if (this.current !== before || !this.current.view) show(this.current);
      look();
    });
    addEventListener("scroll", () => this.#noteScroll(), { passive: true });
    addEventListener("pagehide", () => this.#store());
  }

  /** @param {Route} route @param {any} [view] @returns {Entry} the new entry, now current */
  push(route, view = null) {
    this.current = { key: uuid(), route, scroll: 0, focus: null, view };
    history.pushState({ key: this.current.key }, "", routeUrl(route));
    this.#remember(this.current);
    return this.current;
  }

  /** @param {Route} route  the same view under another address */
  replace(route) {
    this.current.route = route;
    history.replaceState({ key: this.current.key }, "", routeUrl(route));
  }

  /** @returns {string|null} the picture in the large view, which lies over the current entry */
  get viewed() {
    return viewedOf(location.search);
  }

  /** @param {string} key  the picture that the large view shows from now on; Back closes the view, however many it showed */
  look(key) {
    const url = routeUrl(this.current.route, key);
    if (this.viewed) history.replaceState(history.state, "", url);
    else history.pushState({ key: this.current.key, over: true }, "", url);
  }

  /** What was shown is not so any more: every entry asks again. */
  forgetViews() {
    for (const entry of this.#entries.values()) entry.view = null;
  }

  /** Leave the large view. */
  lookAway() {
    if (history.state?.over) history.back();
    else if (this.viewed) history.replaceState({ key: this.current.key }, "", routeUrl(this.current.route));
  }

  /** @param {string} key @returns {Entry} */
  #arrive(key) {
    const route = parseRoute(location.search);
    const entry = this.#entries.get(key) || { key, route, scroll: this.#scrolls[key] || 0, focus: null, view: null };
    this.#remember(entry);
    return entry;
  }

  /** @param {Entry} entry */
  #remember(entry) {
    this.#entries.delete(entry.key);
    this.#entries.set(entry.key, entry);
    if (this.#entries.size > KEPT) this.#entries.delete(this.#entries.keys().next().value);
  }

  #noteScroll() {
    if (this.current.view) this.current.scroll = scrollY; // while it loads, the page is shorter than it was
  }

  #store() {
    for (const entry of this.#entries.values()) this.#scrolls[entry.key] = entry.scroll;
    const kept = Object.entries(this.#scrolls).slice(-100);
    sessionStorage.setItem(STORE, JSON.stringify(Object.fromEntries(kept)));
  }
}
