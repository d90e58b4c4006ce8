/**
 * <drop-zone>: where a picture comes in, by drop anywhere on the page, by paste, or chosen from the disk.
 * Says `picture` with a File, or `same-as` with an address when a tile of this page was dropped.
 */

import { el, emit, isTyping } from "../dom.js";
import { icon } from "../icons.js";

const ACCEPTED = "image/*,.heic,.heif,.avif,.tif,.tiff,.bmp";

export class DropZone extends HTMLElement {
  constructor() {
    super();
    this.input = el("input", { type: "file", accept: ACCEPTED, hidden: true, "aria-label": "Picture file" });
    this.label = el("span", { className: "drop-words" },
      el("span", { className: "long" }, "Drop, paste or choose a picture"), el("span", { className: "short" }, "Choose a picture"));
    this.button = el("button", { type: "button", className: "drop-button", id: "choose" }, icon("upload"), this.label);
    this.message = el("div", { className: "drop-message", role: "alert", hidden: true });
    this.veil = el("div", { className: "drop-veil", hidden: true },
      el("p", {}, icon("upload"), "Drop to find pictures that look like it"));
  }

  connectedCallback() {
    this.replaceChildren(this.button, this.input, this.message, this.veil);
    this.button.addEventListener("click", () => this.choose());
    this.input.addEventListener("change", () => this.#take(Array.from(this.input.files || [])));
    addEventListener("paste", (event) => this.#paste(event));
    addEventListener("dragover", (event) => this.#over(event));
    addEventListener("dragleave", (event) => event.relatedTarget === null && this.#lift());
    addEventListener("drop", (event) => this.#drop(event));
    addEventListener("keydown", (event) => event.key === "Escape" && this.clear());
  }

  focus() {
    this.button.focus();
  }

  /** Open the browser's file chooser. */
  choose() {
    this.input.click();
  }

  /** @param {boolean} busy  while the picture is being sent and searched */
  set busy(busy) {
    this.toggleAttribute("busy", busy);
    this.button.setAttribute("aria-busy", String(busy));
  }

  /** @param {string} title @param {string} detail */
  refuse(title, detail) {
    const close = el("button", { type: "button", className: "quiet-button", "aria-label": "Dismiss", onclick: () => this.clear() }, icon("close"));
    this.message.replaceChildren(el("p", {}, el("strong", {}, title), " ", detail), close);
    this.message.hidden = false;
  }

  clear() {
    this.message.hidden = true;
    this.message.replaceChildren();
  }

  #lift() {
    this.veil.hidden = true;
  }

  /** @param {File[]} files */
  #take(files) {
    this.input.value = "";
    if (!files.length) return;
    this.clear();
    emit(this, "picture", files[0]);
  }

  /** @param {ClipboardEvent} event */
  #paste(event) {
    if (isTyping(event) || !event.clipboardData) return;
    const files = Array.from(event.clipboardData.files);
    if (files.length) event.preventDefault();
    else this.refuse("There is no picture in the clipboard.", "Copy a picture (not its link) and paste again.");
    this.#take(files);
  }

  /** @param {DragEvent} event */
  #over(event) {
    const types = event.dataTransfer?.types || [];
    if (!types.includes("Files") && !types.includes("text/uri-list")) return;
    event.preventDefault();
    this.veil.hidden = false;
  }

  /** @param {DragEvent} event */
  #drop(event) {
    this.#lift();
    const carried = event.dataTransfer;
    if (!carried) return;
    event.preventDefault();
    const link = carried.getData("text/uri-list");
    if (link.startsWith(new URL("./?", location.href).href)) emit(this, "same-as", link);
    else if (carried.files.length) this.#take(Array.from(carried.files));
    else this.refuse("That was not a picture file.", "Pictures on other sites are not fetched: save or copy it first.");
  }
}

customElements.define("drop-zone", DropZone);
