/**
 * <image-menu>: what can be done with one picture, as a list: next to what was pressed on a laptop, a sheet from below
 * on a phone.
 */

import { thumbnails } from "../api.js";
import { el } from "../dom.js";
import { icon } from "../icons.js";
import { nameText } from "../names.js";

/** @typedef {import("../api.js").Image} Image */
/** @typedef {{icon: Parameters<typeof icon>[0], words: string, act?: () => void, href?: string, grave?: boolean}} Item */

const GAP = 6; // pixels between the menu and what opened it

export class ImageMenu extends HTMLElement {
  #pressed = false; // since it is open: a long press ends in a click on whatever has come under the finger

  connectedCallback() {
    this.head = el("div", { className: "menu-head" });
    this.list = el("div", { className: "menu-items" });
    this.dialog = el("dialog", { className: "menu" }, this.head, this.list);
    this.dialog.addEventListener("pointerdown", (event) => this.#press(event));
    this.dialog.addEventListener("click", (event) => this.#check(event), { capture: true });
    this.dialog.addEventListener("contextmenu", (event) => event.preventDefault());
    this.dialog.addEventListener("keydown", (event) => this.#key(event));
    this.replaceChildren(this.dialog);
  }

  /**
   * @param {Image|null} image  shown on top; null where there is no picture of the library to show
   * @param {string} name
   * @param {Item[]} items
   * @param {DOMRect} anchor  what it belongs to
   */
  open(image, name, items, anchor) {
    const picture = image && el("img", { src: thumbnails(image).src, alt: "", width: 44, height: 44 });
    this.head.replaceChildren(...[picture, nameText(name)].filter(Boolean));
    this.dialog.setAttribute("aria-label", `What to do with ${name}`);
    this.list.replaceChildren(...items.map((item) => this.#item(item)));
    this.#pressed = false;
    if (!this.dialog.open) this.dialog.showModal();
    this.#place(anchor);
    this.#buttons[0]?.focus();
  }

  close() {
    this.dialog.close();
  }

  /** @param {PointerEvent} event */
  #press(event) {
    this.#pressed = true;
    if (event.target === this.dialog) this.close();
  }

  /** @param {MouseEvent} event */
  #check(event) {
    if (this.#pressed || event.detail === 0) return; // 0: by a key or a screen reader
    event.preventDefault();
    event.stopPropagation();
  }

  get #buttons() {
    return /** @type {HTMLElement[]} */ (Array.from(this.list.children));
  }

  /** @param {Item} item */
  #item({ icon: shape, words, act, href, grave }) {
    const className = grave ? "menu-item grave" : "menu-item";
    const close = () => {
      this.close();
      act?.();
    };
    const inside = [icon(shape), el("span", {}, words)];
    if (href) return el("a", { className, href, target: "_blank", rel: "noopener", onclick: close }, ...inside);
    return el("button", { type: "button", className, onclick: close }, ...inside);
  }

  /** @param {DOMRect} anchor */
  #place(anchor) {
    const { offsetWidth: width, offsetHeight: height } = this.dialog;
    const below = anchor.bottom + GAP + height <= innerHeight;
    const top = below ? anchor.bottom + GAP : Math.max(GAP, anchor.top - GAP - height);
    const left = Math.min(Math.max(GAP, anchor.right - width), innerWidth - width - GAP);
    this.dialog.style.setProperty("--menu-top", `${top}px`);
    this.dialog.style.setProperty("--menu-left", `${left}px`);
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const buttons = this.#buttons;
    const at = buttons.indexOf(/** @type {HTMLElement} */ (document.activeElement));
    const steps = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: -1 };
    if (!(event.key in steps)) return;
    event.preventDefault();
    buttons.at(steps[event.key] % buttons.length)?.focus();
  }
}


customElements.define("image-menu", ImageMenu);
