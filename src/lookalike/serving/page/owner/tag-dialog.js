/** <tag-dialog>: the tags of one or several pictures, to add and remove. */

import { el } from "../dom.js";
import { icon } from "../icons.js";
import { counted } from "../words.js";

const LONGEST = 64; // characters, as the server takes them

/** @typedef {{added: string[], removed: string[]}} Retagging */

export class TagDialog extends HTMLElement {
  /** @type {(answer: Retagging|null) => void} */
  #answer = () => undefined;
  /** @type {Map<string, number>} how many of the pictures carry a tag */
  #counts = new Map();
  /** @type {Set<string>} */
  #added = new Set();
  /** @type {Set<string>} */
  #removed = new Set();
  #pictures = 1;

  connectedCallback() {
    this.heading = el("h2", { id: "tag-title" });
    this.list = el("ul", { className: "tag-list", "aria-label": "Tags" });
    this.input = el("input", { type: "text", name: "tag", maxLength: LONGEST, dir: "auto", autocomplete: "off" });
    const add = el("button", { type: "button", className: "button", onclick: () => this.#addTyped() }, icon("add"), "Add");
    const save = el("button", { type: "submit", className: "button strong" }, "Save");
    const cancel = el("button", { type: "button", className: "button", onclick: () => this.dialog.close() }, "Cancel");
    this.form = el("form", { method: "dialog" },
      this.list,
      el("div", { className: "tag-row" }, el("label", { className: "field" }, el("span", {}, "New tag"), this.input), add),
      el("div", { className: "dialog-buttons" }, cancel, save));
    this.dialog = el("dialog", { "aria-labelledby": "tag-title" }, this.heading, this.form);
    this.input.addEventListener("keydown", (event) => this.#key(event));
    this.form.addEventListener("submit", (event) => this.#save(event));
    this.dialog.addEventListener("close", () => this.#answer(null));
    this.replaceChildren(this.dialog);
  }

  /** @param {{tags: string[]}[]} images @returns {Promise<Retagging|null>} null: given up */
  ask(images) {
    this.#pictures = images.length;
    this.#counts = new Map();
    for (const tag of images.flatMap(({ tags }) => tags)) this.#counts.set(tag, (this.#counts.get(tag) || 0) + 1);
    this.#added = new Set();
    this.#removed = new Set();
    this.heading.textContent = images.length === 1 ? "Tags" : `Tags of ${counted(images.length, "picture")}`;
    this.input.value = "";
    this.#draw();
    this.dialog.showModal();
    this.input.focus();
    return new Promise((resolve) => {
      this.#answer = resolve;
    });
  }

  #draw() {
    const tags = [...this.#counts.keys(), ...this.#added].filter((tag) => !this.#removed.has(tag));
    this.list.hidden = !tags.length;
    this.list.replaceChildren(...tags.map((tag) => this.#item(tag)));
  }

  /** @param {string} tag */
  #item(tag) {
    const count = this.#added.has(tag) ? this.#pictures : this.#counts.get(tag);
    const some = count < this.#pictures ? el("span", { className: "facts" }, ` ${count} of ${this.#pictures}`) : null;
    const label = `Remove ${tag}`;
    const remove = el("button", { type: "button", className: "quiet-button", title: label, "aria-label": label, onclick: () => this.#remove(tag) }, icon("close"));
    return el("li", { className: "tag" }, el("span", { dir: "auto" }, tag), some, remove);
  }

  /** @param {string} tag */
  #remove(tag) {
    this.#added.delete(tag);
    if (this.#counts.has(tag)) this.#removed.add(tag);
    this.#draw();
    this.input.focus();
  }

  #addTyped() {
    for (const tag of this.input.value.split(",").map((part) => part.trim()).filter(Boolean)) {
      this.#removed.delete(tag);
      if (this.#counts.get(tag) !== this.#pictures) this.#added.add(tag);
    }
    this.input.value = "";
    this.#draw();
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (event.isComposing || !(event.key === "," || (event.key === "Enter" && this.input.value.trim()))) return;
    event.preventDefault();
    this.#addTyped();
  }

  /** @param {SubmitEvent} event */
  #save(event) {
    event.preventDefault();
    this.#addTyped();
    this.#answer({ added: [...this.#added], removed: [...this.#removed] });
    this.dialog.close();
  }
}

customElements.define("tag-dialog", TagDialog);
