/** <hidden-dialog>: the pictures that nobody else sees, to show them again or delete them. */

import { el } from "../dom.js";
import { icon } from "../icons.js";
import { nameText } from "../names.js";
import { nameOf } from "../words.js";
import { hiddenImages, hiddenThumbnail } from "./changes.js";

/** @typedef {import("../api.js").Image} Image */

export class HiddenDialog extends HTMLElement {
  /** @type {(id: string) => Promise<boolean>} */
  onShow = async () => false;
  /** @type {(id: string) => Promise<boolean>} */
  onDelete = async () => false;
  /** @type {string|null} */
  #cursor = null;
  /** @type {string[]} */
  #addresses = [];

  connectedCallback() {
    this.note = el("p", { className: "dialog-text", role: "status" });
    this.list = el("ul", { className: "hidden-list" });
    this.more = el("button", { type: "button", className: "button", onclick: () => this.#load() }, "More");
    const close = el("button", { type: "button", className: "button", onclick: () => this.dialog.close() }, "Close");
    this.dialog = el("dialog", { className: "wide", "aria-labelledby": "hidden-title" },
      el("h2", { id: "hidden-title" }, "Hidden pictures"), this.note, this.list, el("div", { className: "dialog-buttons" }, this.more, close));
    this.dialog.addEventListener("close", () => this.#clear());
    this.replaceChildren(this.dialog);
  }

  open() {
    this.#clear();
    this.dialog.showModal();
    return this.#load();
  }

  #clear() {
    this.#cursor = null;
    this.#addresses.forEach((address) => URL.revokeObjectURL(address));
    this.#addresses = [];
    this.list.replaceChildren();
  }

  async #load() {
    this.more.disabled = true;
    try {
      const page = await hiddenImages(this.#cursor);
      this.#cursor = page.next_cursor;
      this.list.append(...page.images.map((image) => this.#item(image)));
      this.#tell();
    } catch (error) {
      this.note.textContent = error.message;
    }
    this.more.disabled = false;
    this.more.hidden = !this.#cursor;
  }

  #tell() {
    this.note.textContent = this.list.childElementCount ? "Only the owner sees these." : "No picture is hidden.";
  }

  /** @param {Image} image */
  #item(image) {
    const picture = el("img", { alt: "", width: 64, height: 64 });
    hiddenThumbnail(image.id).then((address) => {
      this.#addresses.push(address);
      picture.src = address;
    }, () => undefined);
    const item = el("li", {}, picture, nameText(nameOf(image)),
      act("show", `Show ${nameOf(image)} again`, "Show again", () => this.#do(item, this.onShow(image.id))),
      act("trash", `Delete ${nameOf(image)}`, "Delete", () => this.#do(item, this.onDelete(image.id))));
    return item;
  }

  /** @param {HTMLElement} item @param {Promise<boolean>} doing */
  async #do(item, doing) {
    if (!(await doing)) return;
    item.remove();
    this.#tell();
  }
}

/** @param {Parameters<typeof icon>[0]} shape @param {string} label @param {string} words @param {() => void} press */
function act(shape, label, words, press) {
  return el("button", { type: "button", className: "quiet-button", title: words, "aria-label": label, onclick: press }, icon(shape));
}

customElements.define("hidden-dialog", HiddenDialog);
