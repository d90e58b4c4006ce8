/** <undo-bar>: what was done, with a button to take it back, for a while. One deed at a time. */

import { el } from "../dom.js";
import { icon } from "../icons.js";

const WHILE = 10_000; // ms

/** @typedef {{words: string, undo: () => void, settle?: () => void}} Deed  settle: it stays done */

export class UndoBar extends HTMLElement {
  /** @type {Deed|null} */
  #deed = null;
  #timer = 0;

  connectedCallback() {
    if (this.words) return; // it moves between the page and the large view
    this.words = el("span", {});
    this.button = el("button", { type: "button", className: "undo-button", onclick: () => this.undo() }, icon("undo"), "Undo");
    this.replaceChildren(el("p", { role: "status" }, this.words), this.button);
    this.hidden = true;
    for (const type of ["pointerenter", "focusin"]) this.addEventListener(type, () => clearTimeout(this.#timer));
    for (const type of ["pointerleave", "focusout"]) this.addEventListener(type, () => this.#deed && this.#wait());
    addEventListener("pagehide", () => this.settle());
  }

  /** @param {Deed} deed  the one before it stays done */
  offer(deed) {
    this.settle();
    this.#deed = deed;
    this.#moveUp();
    this.hidden = false;
    this.words.textContent = deed.words;
    this.#wait();
  }

  /** Nothing outside a dialog can be pressed while it is open. */
  #moveUp() {
    const dialog = document.querySelector("dialog:is(.viewer, .copies)[open]");
    (dialog || document.body).append(this);
    dialog?.addEventListener("close", () => document.body.append(this), { once: true });
  }

  /** @returns {boolean} whether there was something to take back */
  undo() {
    const deed = this.#take();
    deed?.undo();
    return deed !== null;
  }

  settle() {
    this.#take()?.settle?.();
  }

  #wait() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.settle(), WHILE);
  }

  #take() {
    const deed = this.#deed;
    clearTimeout(this.#timer);
    this.#deed = null;
    this.hidden = true;
    return deed;
  }
}

customElements.define("undo-bar", UndoBar);
