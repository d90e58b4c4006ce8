/** <help-dialog>: the keyboard table. */

import { el } from "../dom.js";

const KEYS = [
  ["/", "go to the picture chooser"],
  ["Ctrl V", "search by the picture in the clipboard"],
  ["← ↑ → ↓", "in the results: to the neighbouring picture"],
  ["Home, End", "in the results: first, last"],
  ["Enter", "more like this picture"],
  ["C", "crop the query picture"],
  ["← ↑ → ↓", "in the crop box: move it"],
  ["Shift ← ↑ → ↓", "in the crop box: resize it"],
  ["Esc", "clear the crop, close messages"],
  ["Alt ←", "back, to where you were"],
  ["?", "this table"],
];

export class HelpDialog extends HTMLElement {
  connectedCallback() {
    const rows = KEYS.map(([key, what]) => el("tr", {}, el("th", { scope: "row" }, el("kbd", {}, key)), el("td", {}, what)));
    const close = el("button", { type: "button", className: "button", onclick: () => this.dialog.close() }, "Close");
    this.dialog = el("dialog", { "aria-labelledby": "help-title" },
      el("h2", { id: "help-title" }, "Keyboard"), el("table", {}, el("tbody", {}, ...rows)), close);
    this.dialog.addEventListener("click", (event) => event.target === this.dialog && this.dialog.close());
    this.replaceChildren(this.dialog);
  }

  open() {
    if (!this.dialog.open) this.dialog.showModal();
  }
}

customElements.define("help-dialog", HelpDialog);
