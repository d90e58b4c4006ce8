/**
 * What can be done with a tile besides opening it: a button for the large view, one for the menu, and a long press.
 * A tile says `view-image` with its id, or `image-menu` with the image and what the menu belongs to.
 */

import { el, emit } from "../dom.js";
import { icon } from "../icons.js";

/** @typedef {import("../api.js").Image} Image */

const LONG = 450; // ms a finger rests before the menu opens
const SLIP = 10; // pixels it may slip meanwhile
const SETTLING = 400; // ms after the finger is lifted, in which a click still belongs to the long press

/** @param {() => Image} image  which picture the tile shows now @returns {HTMLElement} */
export function tileActions(image) {
  const large = el("button", { type: "button", className: "tile-action", title: "View large", "aria-label": "View large" }, icon("large"));
  const more = el("button", {
    type: "button", className: "tile-action tile-more", title: "More actions", "aria-label": "More actions", "aria-haspopup": "dialog",
  }, icon("more"));
  large.addEventListener("click", () => emit(large, "view-image", { id: image().id }));
  more.addEventListener("click", () => emit(more, "image-menu", { image: image(), anchor: more.getBoundingClientRect() }));
  return el("div", { className: "tile-actions" }, large, more);
}

/**
 * Open the menu of a tile by a long press of a finger, or by the menu key. The browser's own menu stays for the mouse.
 * @param {HTMLElement} element  the tile
 * @param {HTMLElement} link  what is pressed
 * @param {() => Image} image
 */
export function listenForLongPress(element, link, image) {
  let timer = 0;
  let from = { x: 0, y: 0 };
  let touching = false;
  let opened = false; // by the finger that is still down
  const open = () => emit(element, "image-menu", { image: image(), anchor: link.getBoundingClientRect() });
  const rest = () => clearTimeout(timer);
  const lift = () => {
    rest();
    touching = false;
    setTimeout(() => (opened = false), SETTLING);
  };
  link.addEventListener("pointerdown", (event) => {
    rest();
    touching = event.pointerType === "touch";
    if (!touching || !event.isPrimary) return;
    from = { x: event.clientX, y: event.clientY };
    timer = setTimeout(() => {
      opened = true;
      open();
    }, LONG);
  });
  link.addEventListener("pointermove", (event) => Math.hypot(event.clientX - from.x, event.clientY - from.y) > SLIP && rest());
  for (const type of ["pointerup", "pointercancel"]) link.addEventListener(type, lift);
  link.addEventListener("dragstart", (event) => touching && event.preventDefault());
  link.addEventListener("contextmenu", (event) => {
    const how = /** @type {PointerEvent} */ (event).pointerType;
    if (how === "mouse" || how === undefined) return;
    event.preventDefault();
    if (how !== "touch") open(); // the menu key
  });
  link.addEventListener("click", (event) => {
    if (!opened) return;
    event.preventDefault();
    event.stopImmediatePropagation();
  }, { capture: true });
}
