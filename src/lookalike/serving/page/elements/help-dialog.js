/** <help-dialog>: the keyboard table, and the ways for the owner to sign in and for people with a key out. Says `sign-in`. */

import { el, emit } from "../dom.js";
import { forgetKey, isSignedIn } from "../owner/key-dialog.js";

const KEYS = [
  ["/", "go to the picture chooser"],
  ["Ctrl V", "search by the picture in the clipboard"],
  ["← ↑ → ↓", "in the results: to the neighbouring picture"],
  ["Home, End", "in the results: first, last"],
  ["Enter", "more like this picture"],
  ["V", "view large: the tile in focus, or the query"],
  ["S, N", "save the tile in focus; call it not similar"],
  ["← →, + −, 0", "in the large view: other pictures, zoom"],
  ["T", "the very same thing first, where the library has keypoints"],
  ["O", "in the large view: where the same thing is, shown or not"],
  ["C", "crop the query picture"],
  ["Ctrl Z", "undo the last crop"],
  ["← ↑ → ↓", "in the crop box: move it"],
  ["Shift ← ↑ → ↓", "in the crop box: resize it"],
  ["Esc", "clear the crop, close messages"],
  ["Alt ←", "back, to where you were"],
  ["?", "this table"],
];

const TOUCHES = [
  ["Tap", "more like this picture"],
  ["Hold", "what else can be done with it"],
  ["Draw", "on the query picture, to search by a part of it"],
  ["Swipe, pinch", "in the large view: other pictures, zoom; down to close"],
];

export class HelpDialog extends HTMLElement {
  connectedCallback() {
    const rows = KEYS.map(([key, what]) => el("tr", {}, el("th", { scope: "row" }, el("kbd", {}, key)), el("td", {}, what)));
    const close = el("button", { type: "button", className: "button", onclick: () => this.dialog.close() }, "Close");
    const owner = el("button", { type: "button", className: "button plain", onclick: () => this.#signIn() }, "Owner sign-in");
    this.signOut = el("button", { type: "button", className: "button plain", hidden: true, onclick: () => forgetKey() }, "Sign out");
    this.dialog = el("dialog", { "aria-labelledby": "help-title" },
      el("h2", { id: "help-title" }, el("span", { className: "by-keys" }, "Keyboard"), el("span", { className: "by-finger" }, "Help")),
      el("table", { className: "by-keys" }, el("tbody", {}, ...rows)),
      el("ul", { className: "by-finger" }, ...TOUCHES.map(([touch, what]) => el("li", {}, el("b", {}, touch), ` ${what}`))), el("div", { className: "dialog-buttons" }, owner, this.signOut, close));
    this.dialog.addEventListener("click", (event) => event.target === this.dialog && this.dialog.close());
    this.replaceChildren(this.dialog);
  }

  #signIn() {
    this.dialog.close();
    emit(this, "sign-in");
  }

  open() {
    if (!this.dialog.open) this.dialog.showModal();
    isSignedIn().then((signedIn) => (this.signOut.hidden = !signedIn), () => undefined);
  }
}

customElements.define("help-dialog", HelpDialog);
