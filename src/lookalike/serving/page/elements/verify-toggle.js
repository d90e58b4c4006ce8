/** <verify-toggle>: whether pictures of the very same thing come first. Says `verify` with the choice. */

import { el, emit } from "../dom.js";
import { icon } from "../icons.js";

export class VerifyToggle extends HTMLElement {
  connectedCallback() {
    const title = "Pictures that show the very same thing first (T)";
    this.button = el("button", { type: "button", className: "button", title, "aria-pressed": "false" }, icon("check"), el("span", {}, "Same thing"));
    this.button.addEventListener("click", () => this.press());
    this.replaceChildren(this.button);
    this.hidden = true;
  }

  /** @param {{offered: boolean, chosen: boolean}} how */
  show({ offered, chosen }) {
    this.hidden = !(offered || chosen);
    this.button.setAttribute("aria-pressed", String(chosen));
  }

  /** The other choice, where there is one. */
  press() {
    if (!this.hidden) emit(this, "verify", this.button.getAttribute("aria-pressed") !== "true");
  }
}

customElements.define("verify-toggle", VerifyToggle);
