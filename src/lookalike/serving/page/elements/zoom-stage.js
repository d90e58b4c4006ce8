/** The stage of the large view: wheel, pinch, double click and double tap zoom; a drag pans; a swipe goes on. */

import { el } from "../dom.js";
import { outlineOf } from "./outline.js";
import { fitInside, mostScale, settledZoom, WHOLE, zoomedAt } from "../zoom.js";

/** @typedef {import("../zoom.js").Point} Point */
/** @typedef {import("./image-viewer.js").Viewed} Viewed */

const STEP = 1.5; // a key or button enlarges by this
const DOUBLE = 2.5; // so does a double click
const PAN = 80; // pixels a key moves the picture
const SWIPE = 60; // pixels after which a swipe goes on to the next picture
const DROP = 110; // pixels after which a swipe down closes
const TWICE = { ms: 350, pixels: 30 }; // two taps that are one double tap
const SLIP = 8; // pixels a press may slip and still be a tap
const PREVIEW = 1024; // longest side of the server's largest preview

export class ZoomStage {
  #zoom = WHOLE;
  #picture = { width: 0, height: 0 };
  #fit = { width: 0, height: 0 };
  /** @type {string|null} address of all pixels, until they are asked for */
  #sharp = null;
  /** @type {Map<number, Point>} fingers or the mouse, by pointer id */
  #pointers = new Map();
  #start = { x: 0, y: 0, moved: false, alone: true };
  #tap = { x: 0, y: 0, at: 0 };

  /** @param {(step: number) => void} step  a swipe sideways @param {() => void} close  a swipe down */
  constructor(step, close) {
    this.onStep = step;
    this.onClose = close;
    this.step = STEP;
    this.low = el("img", { className: "viewer-low", alt: "" });
    this.high = el("img", { className: "viewer-high", decoding: "async" });
    this.frame = el("div", { className: "viewer-picture" }, this.low, this.high);
    this.element = el("div", { className: "viewer-stage" }, this.frame);
    this.high.addEventListener("load", () => this.#loaded());
    this.high.addEventListener("error", () => this.frame.classList.add("unavailable"));
    new ResizeObserver(() => this.#layout()).observe(this.element);
    this.#listen();
  }

  #listen() {
    const { element } = this;
    element.addEventListener("dragstart", (event) => event.preventDefault()); // a drag pans
    element.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
    element.addEventListener("pointerdown", (event) => this.#press(event));
    element.addEventListener("pointermove", (event) => this.#move(event));
    element.addEventListener("pointerup", (event) => this.#release(event, true));
    element.addEventListener("pointercancel", (event) => this.#release(event, false));
  }

  /** @param {Viewed} viewed */
  show({ name, low, high, sharp, size, outline }) {
    this.#picture = size;
    this.#sharp = sharp;
    this.frame.classList.remove("loaded", "unavailable");
    this.frame.querySelector(".outline")?.remove();
    if (outline) this.frame.append(outlineOf(outline, size, "meet"));
    this.low.src = low;
    this.high.alt = name;
    this.high.src = high;
    this.#zoom = WHOLE;
    this.element.classList.remove("gliding");
    this.#layout();
  }

  clear() {
    this.#pointers.clear();
    this.low.removeAttribute("src");
    this.high.removeAttribute("src");
  }

  /** @param {number} factor @param {Point} [point] */
  zoomBy(factor, point = { x: 0, y: 0 }) {
    this.element.classList.add("gliding");
    this.#become(zoomedAt(this.#zoom, factor, point, mostScale(this.#picture, this.#fit)));
  }

  /** @param {[number, number]} direction */
  panBy([dx, dy]) {
    this.element.classList.add("gliding");
    this.#become({ ...this.#zoom, x: this.#zoom.x + dx * PAN, y: this.#zoom.y + dy * PAN });
  }

  reset() {
    this.#become(WHOLE);
  }

  get #stage() {
    return { width: this.element.clientWidth, height: this.element.clientHeight };
  }

  #layout() {
    this.#fit = fitInside(this.#picture, this.#stage);
    this.frame.style.width = `${this.#fit.width}px`;
    this.frame.style.height = `${this.#fit.height}px`;
    this.#become(this.#zoom);
  }

  /** @param {import("../zoom.js").Zoom} zoom */
  #become(zoom) {
    this.#zoom = settledZoom(zoom, this.#fit, this.#stage);
    this.#draw(this.#zoom.x, this.#zoom.y);
    this.element.toggleAttribute("zoomed", this.#zoom.scale > 1.001);
    this.element.dataset.scale = this.#zoom.scale.toFixed(2);
    this.#sharpen();
  }

  /** @param {number} x @param {number} y */
  #draw(x, y) {
    this.frame.style.transform = `translate(-50%, -50%) translate(${x}px, ${y}px) scale(${this.#zoom.scale})`;
  }

  #loaded() {
    this.frame.classList.add("loaded");
    const { naturalWidth: width, naturalHeight: height } = this.high;
    if (this.#picture.width) return;
    this.#picture = { width, height }; // an upload that nobody has measured
    this.#layout();
  }

  /** All pixels, once they can be told from the preview's. */
  async #sharpen() {
    const address = this.#sharp;
    const longest = Math.max(this.#fit.width, this.#fit.height) * this.#zoom.scale * devicePixelRatio;
    if (!address || longest <= PREVIEW || !this.frame.classList.contains("loaded")) return;
    this.#sharp = null;
    const all = el("img", { src: address });
    const decoded = await all.decode().then(() => true, () => false);
    const turned = Math.abs(Math.log(all.naturalWidth / all.naturalHeight / (this.#picture.width / this.#picture.height))) > 0.02;
    if (decoded && !turned && this.#isStill(address)) this.high.src = address;
  }

  /** @param {string} address @returns {boolean} whether the picture that it belongs to is still the one on the stage */
  #isStill(address) {
    return new URL(this.high.src, location.href).pathname === new URL(address, location.href).pathname;
  }

  /** @param {{clientX: number, clientY: number}} event @returns {Point} */
  #pointOf({ clientX, clientY }) {
    const { left, top, width, height } = this.element.getBoundingClientRect();
    return { x: clientX - left - width / 2, y: clientY - top - height / 2 };
  }

  /** @param {WheelEvent} event */
  #wheel(event) {
    event.preventDefault();
    const pixels = event.deltaY * (event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 16 : 1);
    this.zoomBy(Math.exp(-pixels * (event.ctrlKey ? 0.01 : 0.002)), this.#pointOf(event)); // a trackpad's pinch comes with ctrlKey
  }

  /** @param {PointerEvent} event */
  #press(event) {
    if (event.button !== 0) return;
    this.element.setPointerCapture(event.pointerId);
    this.element.classList.add("dragging");
    const alone = this.#pointers.size === 0;
    this.#pointers.set(event.pointerId, this.#pointOf(event));
    this.#start = alone ? { ...this.#pointOf(event), moved: false, alone } : { ...this.#start, alone };
  }

  /** @param {PointerEvent} event */
  #move(event) {
    const before = this.#pointers.get(event.pointerId);
    if (!before) return;
    const to = this.#pointOf(event);
    this.#start.moved ||= Math.hypot(to.x - this.#start.x, to.y - this.#start.y) > SLIP;
    const other = [...this.#pointers].find(([id]) => id !== event.pointerId)?.[1];
    this.#pointers.set(event.pointerId, to);
    if (other) this.#pinch(before, to, other);
    else if (this.#zoom.scale > 1) this.#become({ ...this.#zoom, x: this.#zoom.x + to.x - before.x, y: this.#zoom.y + to.y - before.y });
    else if (event.pointerType === "touch" && this.#start.alone) this.#draw(to.x - this.#start.x, Math.max(0, to.y - this.#start.y));
  }

  /** @param {Point} before @param {Point} to @param {Point} other  the finger that did not move */
  #pinch(before, to, other) {
    const [from, until] = [before, to].map((point) => Math.hypot(point.x - other.x, point.y - other.y));
    const middle = { x: (to.x + other.x) / 2, y: (to.y + other.y) / 2 };
    const moved = { ...this.#zoom, x: this.#zoom.x + (to.x - before.x) / 2, y: this.#zoom.y + (to.y - before.y) / 2 };
    this.#become(zoomedAt(moved, until / Math.max(from, 1), middle, mostScale(this.#picture, this.#fit)));
  }

  /** @param {PointerEvent} event @param {boolean} whole  not taken over by the browser */
  #release(event, whole) {
    if (!this.#pointers.delete(event.pointerId) || this.#pointers.size) return;
    this.element.classList.remove("dragging");
    this.element.classList.add("gliding");
    const to = this.#pointOf(event);
    if (whole && !this.#start.moved) this.#tapped(to);
    else if (whole && this.#start.alone && this.#zoom.scale === 1 && event.pointerType === "touch") this.#swiped(to.x - this.#start.x, to.y - this.#start.y);
    this.#become(this.#zoom);
  }

  /** @param {Point} to */
  #tapped(to) {
    const now = performance.now();
    const again = now - this.#tap.at < TWICE.ms && Math.hypot(to.x - this.#tap.x, to.y - this.#tap.y) < TWICE.pixels;
    this.#tap = { ...to, at: again ? 0 : now };
    if (!again) return;
    if (this.#zoom.scale > 1.001) this.reset();
    else this.zoomBy(DOUBLE, to);
  }

  /** @param {number} dx @param {number} dy */
  #swiped(dx, dy) {
    if (Math.abs(dx) > SWIPE && Math.abs(dx) > Math.abs(dy)) this.onStep(dx < 0 ? 1 : -1);
    else if (dy > DROP && dy > Math.abs(dx)) this.onClose();
  }
}
