/**
 * <crop-box>: a picture with a box on it that mouse, touch and keyboard draw, move and resize.
 * Says `crop-input` with the crop (or null) each time a person changes it, and before the first change of a drag or of a
 * run of keys `crop-step` with the crop as it was: what undoing returns to.
 */

import { moved, resized, sameCrop, spanned, toPixels } from "../crop.js";
import { el, emit } from "../dom.js";

/** @typedef {import("../crop.js").Crop} Crop */
/** @typedef {{x: number, y: number}} Point  fractions of the picture */
/** @typedef {{src: string, srcset?: string, width: number, height: number, colour: string, name: string}} Picture */

const EDGES = ["n", "e", "s", "w", "nw", "ne", "se", "sw"]; // corners last: they lie on top
const STEP = 0.02;
const LEAST_SIDE = 24; // pixels on the screen, for dragging; number inputs go down to one pixel of the picture
const SLIP = 5; // pixels a pointer may slip before a press is a drag
const RUN = 700; // ms between keys that are undone together
const START = { x: 0.2, y: 0.2, width: 0.6, height: 0.6 };
const ARROWS = { ArrowLeft: [-STEP, 0], ArrowRight: [STEP, 0], ArrowUp: [0, -STEP], ArrowDown: [0, STEP] };

export class CropBox extends HTMLElement {
  /** @type {Crop|null} */
  #crop = null;
  /** @type {{edges: string, from: Point, before: Crop|null, x: number, y: number, begun: boolean}|null} */
  #drag = null;
  #size = { width: 0, height: 0 };
  #source = "";
  /** @type {((came: boolean) => void)|null} told when a repeated attempt ends */
  #loading = null;
  #lastKey = -RUN;

  constructor() {
    super();
    this.picture = el("img", { className: "crop-picture", draggable: false, decoding: "async", alt: "" });
    this.missing = el("p", { className: "crop-missing", hidden: true });
    this.frame = el("div", {
      className: "crop-frame",
      tabIndex: 0,
      role: "application",
      "aria-roledescription": "crop box",
      "aria-describedby": "crop-keys",
    });
    this.handles = EDGES.map((edges) => el("div", { className: "crop-handle", "data-edges": edges }));
    this.overlay = el("div", { className: "crop-overlay" },
      el("div", { className: "crop-shade" }, el("div", { className: "crop-hole" })), this.frame, ...this.handles);
    this.stage = el("div", { className: "crop-stage" }, this.picture, this.missing, this.overlay);
  }

  connectedCallback() {
    this.replaceChildren(this.stage);
    for (const corner of ["nw", "ne", "se", "sw"]) this.frame.append(el("span", { className: `crop-corner crop-${corner}` }));
    this.stage.addEventListener("pointerdown", (event) => this.#press(event));
    this.stage.addEventListener("pointermove", (event) => this.#pull(event));
    this.stage.addEventListener("pointerup", () => this.#release());
    this.stage.addEventListener("pointercancel", () => this.#giveUp());
    this.frame.addEventListener("keydown", (event) => this.#key(event));
    this.picture.addEventListener("error", () => this.#failed());
    this.picture.addEventListener("load", () => this.#arrived());
    this.#draw();
  }

  /** @param {Picture} picture */
  show({ src, srcset, width, height, colour, name }) {
    this.#size = { width, height };
    this.stage.style.setProperty("--ratio", String(width && height ? width / height : 1));
    this.stage.style.setProperty("--colour", colour || "transparent");
    this.missing.hidden = true;
    this.picture.hidden = false;
    this.picture.alt = `The query: ${name}`;
    this.picture.sizes = "(width < 56rem) 90vw, 24rem";
    if (srcset) this.picture.srcset = srcset;
    else this.picture.removeAttribute("srcset");
    this.#source = this.picture.src = src;
    this.#draw();
  }

  /** @param {{width: number, height: number}} size  upright pixels, as the server found them */
  set size({ width, height }) {
    this.#size = { width, height };
    this.stage.style.setProperty("--ratio", String(width / height));
    this.#draw();
  }

  get size() {
    return this.#size;
  }

  /** Whether there is a size to crop in. */
  get ready() {
    return this.#size.width > 0 && this.#size.height > 0;
  }

  /** @returns {Crop|null} */
  get crop() {
    return this.#crop;
  }

  set crop(crop) {
    this.#crop = crop;
    this.#draw();
  }

  /** Begin cropping from the keyboard or a button. */
  start() {
    if (!this.ready) return;
    if (!this.#crop) this.#step(() => this.#change({ ...START }));
    this.frame.focus({ preventScroll: true });
  }

  clear() {
    if (this.#crop) this.#step(() => this.#change(null));
  }

  /** @param {string} words  instead of the picture */
  #say(words) {
    this.picture.hidden = true;
    this.missing.hidden = false;
    this.missing.textContent = words;
  }

  #failed() {
    const url = this.#source;
    if (/^(blob|data):/.test(url)) return this.#say("This browser cannot show this kind of picture. Searching by it works.");
    this.#say("The picture has not come yet.");
    if (!this.#loading) {
      emit(this, "picture-failed", {
        url,
        isWanted: () => this.#source === url && this.isConnected,
        load: () => this.#reload(url),
        giveUp: (words) => this.#say(words),
      });
    }
    this.#loading?.(false);
  }

  #arrived() {
    this.missing.hidden = true;
    this.picture.hidden = false;
    this.#loading?.(true);
  }

  /** @param {string} url @returns {Promise<boolean>} whether it came this time */
  async #reload(url) {
    const came = new Promise((resolve) => (this.#loading = resolve));
    this.picture.removeAttribute("srcset");
    this.picture.removeAttribute("src");
    this.picture.src = url;
    return came.finally(() => (this.#loading = null));
  }

  /** @param {Crop|null} crop */
  #change(crop) {
    if (sameCrop(crop, this.#crop)) return;
    this.#crop = crop;
    this.#draw();
    emit(this, "crop-input", crop);
  }

  /** @param {() => void} change  what is undone as one */
  #step(change) {
    emit(this, "crop-step", this.#crop);
    change();
  }

  #draw() {
    const { x, y, width, height } = this.#crop || { x: 0, y: 0, width: 1, height: 1 };
    for (const [name, value] of Object.entries({ x, y, w: width, h: height })) {
      this.stage.style.setProperty(`--${name}`, `${value * 100}%`);
    }
    this.toggleAttribute("cropped", this.#crop !== null);
    this.toggleAttribute("ready", this.ready);
    const pixels = toPixels(this.#crop, this.#size);
    this.frame.setAttribute("aria-label", `Crop of ${pixels.width} by ${pixels.height} pixels at ${pixels.x}, ${pixels.y}`);
  }

  /** @param {PointerEvent} event @returns {Point} */
  #pointOf(event) {
    const area = this.stage.getBoundingClientRect();
    return { x: (event.clientX - area.left) / area.width, y: (event.clientY - area.top) / area.height };
  }

  /** @param {PointerEvent} event */
  #press(event) {
    if (event.button !== 0 || !event.isPrimary || !this.ready) return;
    const target = /** @type {HTMLElement} */ (event.target);
    const edges = target.dataset.edges || (target === this.frame ? "move" : "new");
    event.preventDefault();
    this.stage.setPointerCapture(event.pointerId);
    const { clientX: x, clientY: y } = event;
    this.#drag = { edges, from: this.#pointOf(event), before: this.#crop, x, y, begun: false };
    if (this.#crop) this.frame.focus({ preventScroll: true });
  }

  /** @param {PointerEvent} event */
  #pull(event) {
    const drag = this.#drag;
    if (!drag) return;
    if (!drag.begun && Math.hypot(event.clientX - drag.x, event.clientY - drag.y) < SLIP) return;
    if (!drag.begun) emit(this, "crop-step", this.#crop);
    drag.begun = true;
    const to = this.#pointOf(event);
    const [dx, dy] = [to.x - drag.from.x, to.y - drag.from.y];
    if (drag.edges === "new") this.#change(this.#atLeast(spanned(drag.from, to)));
    else if (drag.edges === "move") this.#change(moved(drag.before, dx, dy));
    else this.#change(resized(drag.before, drag.edges, dx, dy, this.#least()));
  }

  #release() {
    if (this.#drag?.begun && this.#crop) this.frame.focus({ preventScroll: true });
    this.#drag = null;
  }

  /** A second finger came, and the browser zooms the page: the box was not meant. */
  #giveUp() {
    const drag = this.#drag;
    this.#drag = null;
    if (drag?.begun) this.#change(drag.before);
  }

  #least() {
    const { width, height } = this.stage.getBoundingClientRect();
    return { width: Math.min(1, LEAST_SIDE / width), height: Math.min(1, LEAST_SIDE / height) };
  }

  /** @param {Crop} crop */
  #atLeast(crop) {
    const least = this.#least();
    const width = Math.max(crop.width, least.width);
    const height = Math.max(crop.height, least.height);
    return { x: Math.min(crop.x, 1 - width), y: Math.min(crop.y, 1 - height), width, height };
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (event.altKey || event.ctrlKey || event.metaKey || !this.#crop) return;
    const arrow = ARROWS[event.key];
    if (arrow) {
      const [dx, dy] = arrow;
      if (event.timeStamp - this.#lastKey > RUN) emit(this, "crop-step", this.#crop);
      this.#lastKey = event.timeStamp;
      this.#change(event.shiftKey ? resized(this.#crop, "es", dx, dy, this.#least()) : moved(this.#crop, dx, dy));
    } else if (event.key === "Escape") this.clear();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }
}

customElements.define("crop-box", CropBox);
