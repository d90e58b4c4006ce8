/** <details-toggle>: whether names, folders and dates stand under the pictures. Says `details-changed`. */

import { el, emit } from "../dom.js";
import { icon } from "../icons.js";
import { detailsShown, detailsWanted, showDetails } from "./tile-details.js";

export class DetailsToggle extends HTMLElement {
  connectedCallback() {
    this.button = el("button", { type: "button", className: "button", title: "Names, folders and dates" }, icon("details"), el("span", {}, "Details"));
    this.button.addEventListener("click", () => this.#set(!detailsShown()));
    this.replaceChildren(this.button);
    showDetails(detailsWanted());
    this.#name();
  }

  /** @param {boolean} shown */
  #set(shown) {
    showDetails(shown);
    this.#name();
    emit(this, "details-changed");
  }

  #name() {
    this.button.setAttribute("aria-pressed", String(detailsShown()));
  }
}

customElements.define("details-toggle", DetailsToggle);
