/** <theme-toggle>: as the system, light or dark; remembered. */

import { el } from "../dom.js";
import { icon } from "../icons.js";

const STORE = "lookalike.theme";
const NEXT = { "": "dark", dark: "light", light: "" };
const WORDS = { "": "as the system", dark: "dark", light: "light" };

export class ThemeToggle extends HTMLElement {
  connectedCallback() {
    this.button = el("button", { type: "button", className: "quiet-button" }, icon("theme"));
    this.button.addEventListener("click", () => this.#set(NEXT[this.theme]));
    this.replaceChildren(this.button);
    this.#name();
  }

  /** @returns {""|"dark"|"light"} empty: as the system */
  get theme() {
    return /** @type {any} */ (document.documentElement.dataset.theme || "");
  }

  /** @param {string} theme */
  #set(theme) {
    if (theme) document.documentElement.dataset.theme = theme;
    else delete document.documentElement.dataset.theme;
    try {
      localStorage.setItem(STORE, theme);
    } catch {
      // storage is switched off: the choice lasts until the page is left
    }
    this.#name();
  }

  #name() {
    const words = `Colours: ${WORDS[this.theme]}. Change to ${WORDS[NEXT[this.theme]]}`;
    this.button.title = words;
    this.button.setAttribute("aria-label", words);
  }
}

customElements.define("theme-toggle", ThemeToggle);
