/**
 * <image-viewer>: one picture as large as the screen, to zoom and pan, with a way to the next and the previous.
 * Says `viewer-step` with -1 or 1, `viewer-close`, `viewer-menu` with where, and `viewer-similar` with the key.
 */

import { reveal } from "../blurring.js";
import { el, emit } from "../dom.js";
import { icon } from "../icons.js";
import { nameText } from "../names.js";
import { routeUrl } from "../state/route.js";
import { ZoomStage } from "./zoom-stage.js";

/**
 * @typedef {object} Viewed
 * @property {string} key  image id, or key of an upload
 * @property {string} name
 * @property {string} low  address of what may be loaded already
 * @property {string} high  address of a picture for the whole screen
 * @property {string|null} sharp  address of all its pixels, where a browser shows them upright
 * @property {import("../zoom.js").Size} size
 * @property {string[]} facts
 * @property {string[]} tags
 * @property {boolean} [blurred]  until it is asked for
 * @property {[number, number][]} [outline]  where the query lies in it, in fractions of its sides
 */
/** @typedef {{words: string, previous: boolean, next: boolean}} Place  among the pictures of the list */

export class ImageViewer extends HTMLElement {
  /** @type {Viewed|null} */
  viewed = null;

  connectedCallback() {
    this.stage = new ZoomStage((step) => this.#step(step), () => this.#close());
    this.name = el("h2", { className: "viewer-name", id: "viewer-name" });
    this.position = el("span", { className: "viewer-place", role: "status" });
    this.facts = el("p", { className: "viewer-facts" });
    this.tags = el("p", { className: "tags" });
    this.previous = tool("previous", "Previous picture", () => this.#step(-1), "viewer-step viewer-previous");
    this.next = tool("next", "Next picture", () => this.#step(1), "viewer-step viewer-next");
    this.similar = el("a", { className: "button", onclick: (event) => this.#similar(event) }, icon("similar"), el("span", {}, "More like this"));
    this.veil = el("button", { type: "button", className: "viewer-veil", onclick: () => this.#reveal() }, "Blurred. Show the picture");
    this.dialog = el("dialog", { className: "viewer", tabIndex: -1, "aria-labelledby": "viewer-name" },
      el("div", { className: "viewer-bar" }, this.name, this.position, this.#tools()),
      this.stage.element, this.veil, this.previous, this.next,
      el("div", { className: "viewer-foot" }, el("div", {}, this.facts, this.tags), this.similar));
    this.dialog.addEventListener("cancel", (event) => {
      event.preventDefault();
      this.#close();
    });
    this.dialog.addEventListener("keydown", (event) => this.#key(event));
    this.replaceChildren(this.dialog);
  }

  /** @param {Viewed} viewed @param {Place} place */
  show(viewed, place) {
    const anew = this.viewed?.key !== viewed.key;
    this.viewed = viewed;
    this.name.replaceChildren(nameText(viewed.name));
    this.facts.textContent = viewed.facts.join(" · ");
    this.tags.replaceChildren(...viewed.tags.map((tag) => el("a", { className: "tag", dir: "auto", href: routeUrl({ tag }), onclick: () => this.hide() }, tag)));
    this.similar.href = routeUrl({ image: viewed.key });
    this.outlining.hidden = !viewed.outline;
    this.#blur(viewed.blurred || false);
    this.place = place;
    if (!this.dialog.open) {
      this.dialog.showModal();
      this.dialog.focus(); // not its first button
    }
    if (anew) this.stage.show(viewed);
  }

  /** @param {Place} place */
  set place({ words, previous, next }) {
    this.position.textContent = words;
    this.previous.hidden = !previous;
    this.next.hidden = !next;
    if (this.dialog.open && document.activeElement === document.body) this.dialog.focus(); // a step that is hidden had the focus
  }

  /** @returns {boolean} whether it was there */
  hide() {
    if (!this.dialog.open) return false;
    this.viewed = null;
    this.stage.clear();
    this.dialog.close();
    return true;
  }

  #tools() {
    const { stage } = this;
    this.outlining = tool("outline", "Where the same thing is (O)", () => this.#outline(), "outlining");
    this.outlining.setAttribute("aria-pressed", "true");
    return el("div", { className: "viewer-tools" },
      this.outlining, tool("minus", "Zoom out", () => stage.zoomBy(1 / stage.step)), tool("add", "Zoom in", () => stage.zoomBy(stage.step)),
      tool("more", "More actions", (event) => emit(this, "viewer-menu", /** @type {Element} */ (event.currentTarget).getBoundingClientRect())),
      tool("close", "Close", () => this.#close()));
  }

  /** @param {number} step */
  #step(step) {
    if (!(step < 0 ? this.previous : this.next).hidden) emit(this, "viewer-step", step);
  }

  /** Show where the same thing is, or do not, in this picture and in those that follow. */
  #outline() {
    const shown = this.outlining.getAttribute("aria-pressed") !== "true";
    this.outlining.setAttribute("aria-pressed", String(shown));
    this.dialog.toggleAttribute("plain", !shown);
  }

  /** @param {boolean} blurred */
  #blur(blurred) {
    this.stage.element.toggleAttribute("data-blurred", blurred);
    this.veil.hidden = !blurred;
  }

  #reveal() {
    if (this.viewed) reveal(this.viewed.key);
    this.#blur(false);
    this.dialog.focus(); // the button that had the focus is gone
  }

  #close() {
    emit(this, "viewer-close");
  }

  /** @param {MouseEvent} event */
  #similar(event) {
    if (event.button || event.metaKey || event.ctrlKey || event.shiftKey) return;
    event.preventDefault();
    emit(this, "viewer-similar", this.viewed?.key);
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const { stage } = this;
    const pans = { ArrowLeft: [1, 0], ArrowRight: [-1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
    const steps = { ArrowLeft: -1, ArrowRight: 1, PageUp: -1, PageDown: 1 };
    if (event.key in pans && (event.shiftKey || !(event.key in steps))) stage.panBy(pans[event.key]);
    else if (event.key in steps) this.#step(steps[event.key]);
    else if (event.key === "+" || event.key === "=") stage.zoomBy(stage.step);
    else if (event.key === "-" || event.key === "_") stage.zoomBy(1 / stage.step);
    else if (event.key === "0") stage.reset();
    else if (event.key.toLowerCase() === "o" && !this.outlining.hidden) this.#outline();
    else return;
    event.preventDefault();
  }
}

/**
 * @param {Parameters<typeof icon>[0]} shape @param {string} label @param {(event: MouseEvent) => void} act
 * @param {string} [className]
 */
function tool(shape, label, act, className = "") {
  return el("button", { type: "button", className: `quiet-button ${className}`, title: label, "aria-label": label, onclick: act }, icon(shape));
}

customElements.define("image-viewer", ImageViewer);
