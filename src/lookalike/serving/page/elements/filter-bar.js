/**
 * <filter-bar>: what hits have to meet, with how many of them have each value. Says `filter` with the conditions (null
 * for none), and `filters-opened` when the counts are wanted.
 */

import { el, emit } from "../dom.js";
import { icon } from "../icons.js";
import { countOf, noFilters } from "../state/filters.js";

/** @typedef {import("../state/filters.js").Filters} Filters */
/** @typedef {{tags: Record<string, number>, owners: Record<string, number>, orientations: Record<string, number>, collections: Record<string, number>}} Facets */

const MOST_TAGS = 12;
const SHAPES = { landscape: "Landscape", portrait: "Portrait", square: "Square" };

export class FilterBar extends HTMLElement {
  #filters = noFilters();
  /** @type {Facets|null} */
  #facets = null;

  connectedCallback() {
    this.words = el("span", {}, "Filter");
    this.toggle = el("button", { type: "button", className: "button filter-toggle", "aria-expanded": "false", "aria-controls": "filter-panel", onclick: () => this.#fold() }, icon("filter"), this.words);
    this.clear = el("button", { type: "button", className: "button", hidden: true, onclick: () => this.#say(noFilters()) }, "Clear filters");
    this.tags = el("div", { className: "filter-tags", role: "group", "aria-label": "Tags" });
    this.orientation = this.#choice("orientation", "Shape");
    this.collection = this.#choice("collection", "Collection");
    this.owner = this.#choice("owner", "Owner");
    this.colour = el("input", { type: "color", "aria-label": "Colour", onchange: () => this.#set({ colour: this.colour.value }) });
    this.colourOn = el("input", { type: "checkbox", onchange: () => this.#set({ colour: this.colourOn.checked ? this.colour.value : "" }) });
    this.from = el("input", { type: "date", onchange: () => this.#set({ from: this.from.value }) });
    this.to = el("input", { type: "date", onchange: () => this.#set({ to: this.to.value }) });
    this.panel = el("div", { className: "filter-panel", id: "filter-panel", hidden: true },
      this.tags, this.orientation.label, this.collection.label, this.owner.label,
      el("div", { className: "filter-colour" }, el("label", {}, this.colourOn, "Colour like"), this.colour),
      el("label", { className: "field" }, el("span", {}, "Added from"), this.from), el("label", { className: "field" }, el("span", {}, "to"), this.to),
      this.clear);
    this.replaceChildren(this.toggle, this.panel);
    this.hidden = true;
  }

  get open() {
    return !this.hidden && !this.panel.hidden;
  }

  /** @param {{offered: boolean, filters: Filters|null, facets: Facets|null}} how */
  show({ offered, filters, facets }) {
    this.hidden = !offered;
    this.#filters = filters || noFilters();
    if (facets) this.#facets = facets;
    const count = countOf(filters);
    this.words.textContent = count ? `Filter (${count})` : "Filter";
    this.clear.hidden = !count;
    this.#fill();
  }

  #fold() {
    this.panel.hidden = !this.panel.hidden;
    this.toggle.setAttribute("aria-expanded", String(!this.panel.hidden));
    if (!this.panel.hidden) emit(this, "filters-opened");
  }

  #fill() {
    const { tags, orientation, collection, owner, colour, from, to } = this.#filters;
    const facets = this.#facets || { tags: {}, owners: {}, orientations: {}, collections: {} };
    const offered = [...new Set([...tags, ...Object.keys(facets.tags).slice(0, MOST_TAGS)])];
    const focused = this.tags.contains(document.activeElement) ? /** @type {HTMLElement} */ (document.activeElement).dataset.tag : null;
    this.tags.replaceChildren(...offered.map((tag) => this.#tag(tag, facets.tags[tag] ?? 0, tags.includes(tag))));
    this.tags.hidden = !offered.length;
    if (focused) [...this.tags.querySelectorAll("button")].find((button) => button.dataset.tag === focused)?.focus();
    fill(this.orientation, orientation, facets.orientations, (value) => SHAPES[value] || value);
    fill(this.collection, collection, facets.collections);
    fill(this.owner, owner, facets.owners);
    this.colourOn.checked = Boolean(colour);
    if (colour) this.colour.value = colour;
    this.from.value = from;
    this.to.value = to;
  }

  /** @param {string} tag @param {number} count @param {boolean} chosen */
  #tag(tag, count, chosen) {
    const tags = chosen ? this.#filters.tags.filter((one) => one !== tag) : [...this.#filters.tags, tag];
    return el("button", { type: "button", className: "tag", dir: "auto", "data-tag": tag, "aria-pressed": String(chosen), onclick: () => this.#set({ tags }) },
      el("span", {}, tag), el("span", { className: "filter-count" }, ` ${count}`));
  }

  /** @param {string} name @param {string} words */
  #choice(name, words) {
    const select = el("select", { onchange: () => this.#set({ [name]: select.value }) });
    return { select, label: el("label", { className: "field" }, el("span", {}, words), select) };
  }

  /** @param {Partial<Filters>} change */
  #set(change) {
    this.#say({ ...this.#filters, ...change });
  }

  /** @param {Filters} filters */
  #say(filters) {
    if (this.clear.contains(document.activeElement)) this.toggle.focus(); // it is about to go
    emit(this, "filter", countOf(filters) ? filters : null);
  }
}

/**
 * @param {{select: HTMLSelectElement, label: HTMLElement}} choice @param {string} chosen
 * @param {Record<string, number>} counts @param {(value: string) => string} [named]
 */
function fill({ select, label }, chosen, counts, named = (value) => value) {
  const values = [...new Set([...(chosen ? [chosen] : []), ...Object.keys(counts)])];
  const options = values.map((value) => el("option", { value }, `${named(value)} (${counts[value] ?? 0})`));
  select.replaceChildren(el("option", { value: "" }, "Any"), ...options);
  select.value = chosen;
  label.hidden = !values.length;
}

customElements.define("filter-bar", FilterBar);
