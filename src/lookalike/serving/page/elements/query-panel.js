/**
 * <query-panel>: the picture that is searched by, its crop, and what can be done with it.
 * Says `crop` with the crop (or null), `add`, `copy-link`, `view-image`, and `query-menu` with what the menu belongs to.
 */

import { contentUrl, thumbnails } from "../api.js";
import { isBlurred, reveal } from "../blurring.js";
import { fromPixels, sameCrop, settle, toPixels } from "../crop.js";
import { el, emit } from "../dom.js";
import { icon } from "../icons.js";
import { nameText } from "../names.js";
import { CropSteps } from "../state/crop-steps.js";
import { routeUrl } from "../state/route.js";
import { byteText, factsOf, nameOf } from "../words.js";
import "./crop-box.js";

/** @typedef {import("../crop.js").Crop} Crop */
/** @typedef {import("../api.js").Image} Image */
/** @typedef {import("../state/uploads.js").Upload} Upload */

const SIDES = { x: "Left", y: "Top", width: "Width", height: "Height" };
const CROP_KEYS =
  "Arrow keys move the box. Shift and arrow keys resize it. Escape clears it. The fields below take exact pixels.";

export class QueryPanel extends HTMLElement {
  /** @type {string|null} address of the upload's bytes in this tab */
  #blobUrl = null;
  #subject = "";
  #steps = new CropSteps();

  constructor() {
    super();
    this.heading = el("h2", { tabIndex: -1, className: "query-name" });
    this.facts = el("p", { className: "facts" });
    this.small = el("img", { className: "query-small", alt: "" });
    this.fold = button("chevron", "Hide or show the query picture", "quiet-button fold");
    this.box = /** @type {import("./crop-box.js").CropBox} */ (document.createElement("crop-box"));
    this.cropButton = button("crop", null, "button", "Crop");
    this.wholeButton = button("whole", null, "button", "Whole picture");
    this.undoButton = button("undo", "Undo the last crop", "button square");
    this.largeButton = button("large", "View large", "button square");
    this.copyButton = button("link", "Copy link", "button square spare");
    this.addButton = button("add", null, "button add", "Add to library");
    this.moreButton = button("more", "More actions", "button square");
    const original = { className: "button square spare", title: "Open original", "aria-label": "Open original" };
    this.openLink = el("a", { ...original, target: "_blank", rel: "noopener" }, icon("open"));
    this.tags = el("p", { className: "tags" });
    this.notes = el("p", { className: "facts notes" });
    this.inputs = Object.fromEntries(Object.keys(SIDES).map((side) => [side, numberInput(side)]));
  }

  connectedCallback() {
    const fields = Object.entries(this.inputs).map(([side, input]) => el("label", {}, el("span", {}, SIDES[side]), input));
    this.fieldset = el("fieldset", { className: "pixels" }, el("legend", {}, "Crop in pixels"), ...fields);
    this.body = el("div", { className: "query-body", id: "query-body" },
      this.box,
      el("p", { className: "visually-hidden", id: "crop-keys" }, CROP_KEYS),
      el("div", { className: "buttons" },
        el("div", {}, this.cropButton, this.wholeButton, this.undoButton),
        el("div", {}, this.addButton, this.largeButton, this.copyButton, this.openLink, this.moreButton)),
      this.tags, this.fieldset, this.notes);
    const names = el("div", { className: "query-names" }, this.heading, this.facts);
    this.head = el("div", { className: "query-head" }, this.small, names, this.fold);
    this.replaceChildren(this.head, this.body);
    this.#listen();
  }

  #listen() {
    this.fold.setAttribute("aria-controls", "query-body");
    this.moreButton.setAttribute("aria-haspopup", "dialog");
    this.head.addEventListener("click", (event) => this.#pressHead(event));
    this.#showFolds();
    this.cropButton.addEventListener("click", () => this.startCrop());
    this.wholeButton.addEventListener("click", () => this.box.clear());
    this.undoButton.addEventListener("click", () => this.undo());
    this.largeButton.addEventListener("click", () => emit(this, "view-image", { id: this.#subject.split(" ")[1] }));
    this.copyButton.addEventListener("click", () => emit(this, "copy-link", location.href));
    this.addButton.addEventListener("click", () => emit(this, "add"));
    this.moreButton.addEventListener("click", () => emit(this, "query-menu", this.moreButton.getBoundingClientRect()));
    this.body.addEventListener("pointerdown", () => this.#reveal(), { capture: true });
    this.body.addEventListener("keydown", () => this.#reveal(), { capture: true });
    this.box.addEventListener("crop-step", (event) => this.#steps.note(/** @type {CustomEvent} */ (event).detail));
    this.box.addEventListener("crop-input", (event) => this.#cropped(/** @type {CustomEvent} */ (event).detail));
    this.fieldset.addEventListener("input", (event) => this.#typed(event.timeStamp));
    this.fieldset.addEventListener("change", () => this.#fillInputs());
    this.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && this.box.crop) this.box.clear();
    });
  }

  /** @param {Image} image @param {Crop|null} crop */
  showImage(image, crop) {
    const { width, height, mean_colour: colour } = image;
    const { src } = thumbnails(image);
    if (this.#become(`image ${image.id}`, src)) this.box.show({ ...thumbnails(image), width, height, colour, name: nameOf(image) });
    this.#describe(nameOf(image), factsOf(image), image.tags);
    this.toggleAttribute("data-blurred", isBlurred(image));
    this.openLink.href = contentUrl(image.id);
    this.openLink.hidden = false;
    this.addButton.hidden = true;
    this.crop = crop;
  }

  /** @param {Upload} upload @param {Crop|null} crop */
  showUpload(upload, crop) {
    const { name, blob, size, preview, indexedAs } = upload;
    if (this.#become(`upload ${upload.key}`, preview || "")) {
      this.#blobUrl = preview ? null : URL.createObjectURL(blob);
      this.small.src = preview || this.#blobUrl;
      this.box.show({ src: preview || this.#blobUrl, ...size, colour: "", name });
    }
    const where = indexedAs ? "in the library" : "not in the library";
    this.removeAttribute("data-blurred");
    this.#describe(name, [`${size.width} × ${size.height}`, byteText(blob.size), where], []);
    if (indexedAs) this.openLink.href = contentUrl(indexedAs);
    this.openLink.hidden = !indexedAs;
    this.addButton.hidden = Boolean(indexedAs);
    this.crop = crop;
  }

  /** @param {boolean} adding  while it is sent to the library */
  set adding(adding) {
    this.addButton.disabled = adding;
  }

  /** @param {string[]} notes  what the server says about its answer */
  set remarks(notes) {
    this.notes.textContent = notes.join(" ");
  }

  /** @param {Crop|null} crop  without telling anybody */
  set crop(crop) {
    if (!sameCrop(crop, this.box.crop)) this.box.crop = crop;
    this.#fillInputs();
    this.#enable();
  }

  #enable() {
    this.wholeButton.disabled = this.box.crop === null;
    this.undoButton.disabled = !this.#steps.canUndo;
    this.cropButton.disabled = this.fieldset.disabled = !this.box.ready;
  }

  /** Whoever works on a picture that is blurred has asked to see it. */
  #reveal() {
    if (!this.hasAttribute("data-blurred")) return;
    this.removeAttribute("data-blurred");
    reveal(this.#subject.split(" ")[1]);
  }

  startCrop() {
    this.#reveal();
    this.open = true;
    this.box.start();
  }

  /** Show the fields for exact pixels, which a phone has no room for otherwise. */
  startNumbers() {
    this.open = true;
    this.toggleAttribute("numbers", true);
    this.inputs.x.focus();
  }

  /** @returns {boolean} whether there was a step to undo */
  undo() {
    return this.#restore(this.#steps.undo(this.box.crop));
  }

  /** @returns {boolean} whether there was a step to do again */
  redo() {
    return this.#restore(this.#steps.redo(this.box.crop));
  }

  /** @param {{crop: Crop|null}|null} step */
  #restore(step) {
    if (!step) return false;
    this.#cropped(step.crop);
    return true;
  }

  // -- on a phone: folded by hand, or docked at the top while the results are scrolled

  /** @param {boolean} docked  only the heading, at the top of the screen; a tap lays the rest over the results */
  set docked(docked) {
    if (docked && !this.hasAttribute("docked")) this.toggleAttribute("peeking", false);
    this.toggleAttribute("docked", docked);
    this.#showFolds();
  }

  get open() {
    return this.hasAttribute("docked") ? this.hasAttribute("peeking") : !this.hasAttribute("folded");
  }

  /** @param {boolean} open */
  set open(open) {
    if (open || !this.hasAttribute("docked")) this.toggleAttribute("folded", !open);
    if (this.hasAttribute("docked")) this.toggleAttribute("peeking", open);
    this.#showFolds();
  }

  /** @param {MouseEvent} event */
  #pressHead(event) {
    const { target } = event;
    const bar = !this.open && matchMedia("(width < 56rem)").matches;
    if (this.fold.contains(/** @type {Node} */ (target)) || bar) this.open = !this.open;
  }

  #showFolds() {
    this.fold.setAttribute("aria-expanded", String(this.open));
  }

  /** @param {string} subject @param {string} src  of its thumbnail @returns {boolean} whether it is another one than before */
  #become(subject, src) {
    if (this.#subject === subject) return false;
    this.#subject = subject;
    this.#steps = new CropSteps();
    if (this.#blobUrl) URL.revokeObjectURL(this.#blobUrl);
    this.#blobUrl = null;
    this.small.src = src;
    this.notes.textContent = "";
    this.toggleAttribute("numbers", false);
    this.open = true;
    return true;
  }

  /** @param {string} name @param {string[]} facts @param {string[]} tags */
  #describe(name, facts, tags) {
    this.heading.replaceChildren(nameText(name));
    this.facts.textContent = facts.join(" · ");
    this.facts.title = this.facts.textContent;
    this.tags.replaceChildren(...tags.map((tag) => el("a", { className: "tag", dir: "auto", href: routeUrl({ tag }) }, tag)));
  }

  /** @param {Crop|null} crop */
  #cropped(crop) {
    this.crop = crop;
    emit(this, "crop", crop && settle(crop));
  }

  #fillInputs() {
    const { width, height } = this.box.size;
    const pixels = toPixels(this.box.crop, this.box.size);
    for (const [side, input] of Object.entries(this.inputs)) {
      input.max = String(side === "x" || side === "width" ? width : height);
      const typing = input === document.activeElement && Number(input.value) === pixels[side];
      if (!typing) input.value = this.box.ready ? String(pixels[side]) : "";
    }
  }

  /** @param {number} now  ms */
  #typed(now) {
    const values = Object.entries(this.inputs).map(([side, input]) => [side, input.valueAsNumber]);
    const crop = fromPixels(/** @type {Crop} */ (Object.fromEntries(values)), this.box.size);
    if (!crop) return;
    const settled = settle(crop);
    this.#steps.note(this.box.crop, now);
    this.box.crop = settled;
    this.#enable();
    emit(this, "crop", settled);
  }
}

/**
 * @param {Parameters<typeof icon>[0]} picture @param {string|null} label  for screen readers, where there are no words
 * @param {string} className @param {string} [words]
 */
function button(picture, label, className, words) {
  return el("button", { type: "button", className, "aria-label": label, title: label }, icon(picture), words && el("span", {}, words));
}

/** @param {string} side */
function numberInput(side) {
  const min = side === "x" || side === "y" ? "0" : "1";
  return el("input", { type: "number", min, step: "1", inputMode: "numeric", name: `crop-${side}` });
}

customElements.define("query-panel", QueryPanel);
