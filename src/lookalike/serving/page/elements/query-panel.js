/**
 * <query-panel>: the picture that is searched by, its crop, and what can be done with it.
 * Says `crop` with the crop (or null), `add` and `copy-link`.
 */

import { contentUrl, thumbnails } from "../api.js";
import { fromPixels, sameCrop, settle, toPixels } from "../crop.js";
import { el, emit } from "../dom.js";
import { icon } from "../icons.js";
import { routeUrl } from "../state/route.js";
import { byteText, nameOf } from "../words.js";
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

  constructor() {
    super();
    this.heading = el("h2", { tabIndex: -1, className: "query-name" });
    this.fold = button("chevron", "Hide or show the query picture", "quiet-button fold");
    this.box = /** @type {import("./crop-box.js").CropBox} */ (document.createElement("crop-box"));
    this.cropButton = button("crop", null, "button", "Crop");
    this.wholeButton = button("whole", null, "button", "Whole picture");
    this.copyButton = button("link", null, "button", "Copy link");
    this.addButton = button("add", null, "button", "Add to library");
    this.openLink = el("a", { className: "button", target: "_blank", rel: "noopener" }, icon("open"), el("span", {}, "Open original"));
    this.facts = el("p", { className: "facts" });
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
      el("div", { className: "buttons" }, this.cropButton, this.wholeButton, this.copyButton, this.openLink, this.addButton),
      this.fieldset,
      this.facts, this.tags, this.notes);
    this.replaceChildren(el("div", { className: "query-head" }, this.heading, this.fold), this.body);
    this.#listen();
  }

  #listen() {
    this.fold.setAttribute("aria-controls", "query-body");
    this.fold.addEventListener("click", () => this.folded(!this.hasAttribute("folded")));
    this.folded(false);
    this.cropButton.addEventListener("click", () => this.startCrop());
    this.wholeButton.addEventListener("click", () => this.box.clear());
    this.copyButton.addEventListener("click", () => emit(this, "copy-link", location.href));
    this.addButton.addEventListener("click", () => emit(this, "add"));
    this.box.addEventListener("crop-input", (event) => this.#cropped(/** @type {CustomEvent} */ (event).detail));
    this.fieldset.addEventListener("input", () => this.#typed());
    this.fieldset.addEventListener("change", () => this.#fillInputs());
    this.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && this.box.crop) this.box.clear();
    });
  }

  /** @param {Image} image @param {Crop|null} crop */
  showImage(image, crop) {
    const { width, height, mean_colour: colour } = image;
    if (this.#become(`image ${image.id}`)) this.box.show({ ...thumbnails(image), width, height, colour, name: nameOf(image) });
    this.#describe(nameOf(image), [`${width} × ${height}`, shortType(image.media_type), byteText(image.bytes)], image.tags);
    this.openLink.href = contentUrl(image.id);
    this.openLink.hidden = false;
    this.addButton.hidden = true;
    this.crop = crop;
  }

  /** @param {Upload} upload @param {Crop|null} crop */
  showUpload(upload, crop) {
    const { name, blob, size, preview, indexedAs } = upload;
    if (this.#become(`upload ${upload.key}`)) {
      this.#blobUrl = preview ? null : URL.createObjectURL(blob);
      this.box.show({ src: preview || this.#blobUrl, ...size, colour: "", name });
    }
    const where = indexedAs ? "in the library" : "not in the library";
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
    this.wholeButton.disabled = crop === null;
    this.cropButton.disabled = this.fieldset.disabled = !this.box.ready;
  }

  startCrop() {
    this.folded(false);
    this.box.start();
  }

  /** @param {boolean} folded  on a phone: only the heading stays */
  folded(folded) {
    this.toggleAttribute("folded", folded);
    this.fold.setAttribute("aria-expanded", String(!folded));
  }

  /** @param {string} subject @returns {boolean} whether it is another one than before */
  #become(subject) {
    if (this.#subject === subject) return false;
    this.#subject = subject;
    if (this.#blobUrl) URL.revokeObjectURL(this.#blobUrl);
    this.#blobUrl = null;
    this.notes.textContent = "";
    this.folded(false);
    return true;
  }

  /** @param {string} name @param {string[]} facts @param {string[]} tags */
  #describe(name, facts, tags) {
    this.heading.textContent = name;
    this.heading.title = name;
    this.facts.textContent = facts.join(" · ");
    this.tags.replaceChildren(...tags.map((tag) => el("a", { className: "tag", href: routeUrl({ tag }) }, tag)));
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

  #typed() {
    const values = Object.entries(this.inputs).map(([side, input]) => [side, input.valueAsNumber]);
    const crop = fromPixels(/** @type {Crop} */ (Object.fromEntries(values)), this.box.size);
    if (!crop) return;
    const settled = settle(crop);
    this.box.crop = settled;
    this.wholeButton.disabled = settled === null;
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
  return el("input", { type: "number", min, step: "1", inputMode: "numeric", name: `crop-${side}`, required: true });
}

/** @param {string} mediaType */
function shortType(mediaType) {
  return (mediaType || "").replace(/^image\//, "").toUpperCase();
}

customElements.define("query-panel", QueryPanel);
