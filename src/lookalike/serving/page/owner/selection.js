/**
 * Several pictures at once: while selecting, a press on a tile chooses it. What is chosen is kept by id, whatever tiles
 * there are at the moment.
 */

import { el } from "../dom.js";
import { icon } from "../icons.js";
import { counted } from "../words.js";

/** @typedef {{icon: Parameters<typeof icon>[0], words: string, act: (ids: string[]) => void, grave?: boolean}} Task */

export class Selection {
  /** @type {Set<string>} */
  #ids = new Set();
  #last = ""; // chosen last: from there Shift chooses a stretch

  /** @param {HTMLElement} grid @param {Task[]} tasks @param {() => string[]} order  ids of the list, by rank */
  constructor(grid, tasks, order) {
    this.grid = grid;
    this.order = order;
    this.count = el("strong", { role: "status" });
    const close = el("button", { type: "button", className: "quiet-button", title: "Stop selecting", "aria-label": "Stop selecting", onclick: () => this.stop() }, icon("close"));
    this.buttons = tasks.map((task) => button(task, () => task.act([...this.#ids])));
    this.bar = el("div", { className: "selection-bar", role: "toolbar", "aria-label": "Selected pictures", hidden: true }, close, this.count, ...this.buttons);
    (grid.closest("main") || document.body).append(this.bar);
    new MutationObserver(() => this.#mark()).observe(grid, { childList: true, subtree: true, attributeFilter: ["data-id"] });
    grid.addEventListener("click", (event) => this.#press(event), { capture: true });
    addEventListener("keydown", (event) => event.key === "Escape" && this.active && !document.querySelector("dialog[open]") && this.stop());
  }

  get active() {
    return !this.bar.hidden;
  }

  /** @param {string} [id]  chosen at once */
  start(id) {
    this.bar.hidden = false;
    document.documentElement.toggleAttribute("data-selecting", true);
    if (id) this.#toggle(id, false);
    this.#mark();
  }

  stop() {
    this.#ids.clear();
    this.bar.hidden = true;
    document.documentElement.toggleAttribute("data-selecting", false);
    this.#mark();
  }

  /** @param {MouseEvent} event */
  #press(event) {
    const link = /** @type {Element} */ (event.target).closest(".tile-link");
    const tile = /** @type {HTMLElement|null} */ (link?.closest(".tile"));
    if (!this.active || !tile?.dataset.id) return;
    event.preventDefault();
    event.stopPropagation();
    this.#toggle(tile.dataset.id, event.shiftKey);
  }

  /** @param {string} id @param {boolean} stretch  all from the last one to this */
  #toggle(id, stretch) {
    const order = this.order();
    const [from, to] = [order.indexOf(this.#last), order.indexOf(id)].sort((a, b) => a - b);
    if (stretch && from >= 0) order.slice(from, to + 1).forEach((one) => this.#ids.add(one));
    else if (!this.#ids.delete(id)) this.#ids.add(id);
    this.#last = id;
    this.#mark();
  }

  #mark() {
    this.count.textContent = this.#ids.size ? `${counted(this.#ids.size, "picture")}` : "Choose pictures";
    for (const one of this.buttons) one.disabled = !this.#ids.size;
    for (const tile of /** @type {NodeListOf<HTMLElement>} */ (this.grid.querySelectorAll(".tile"))) {
      const link = tile.querySelector(".tile-link");
      if (this.active) link?.setAttribute("aria-current", String(this.#ids.has(tile.dataset.id || "")));
      else link?.removeAttribute("aria-current");
    }
  }
}

/** @param {Task} task @param {() => void} act */
function button({ icon: shape, words, grave }, act) {
  return el("button", { type: "button", className: grave ? "button grave" : "button", onclick: act }, icon(shape), el("span", {}, words));
}
