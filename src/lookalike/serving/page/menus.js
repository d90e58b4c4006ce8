/** What the menu of a picture offers. */

import { contentUrl } from "./api.js";
import { routeUrl } from "./state/route.js";

/** @typedef {import("./api.js").Image} Image */
/** @typedef {import("./elements/image-menu.js").Item} Item */
/**
 * @typedef {object} Ways  what the page can do
 * @property {(image: Image) => void} search
 * @property {(key: string) => void} view
 * @property {(address: string) => void} copy
 * @property {() => void} numbers
 * @property {(id: string) => void} save
 * @property {(id: string) => void} callUnlike
 */
/** @typedef {{saved: boolean, unlike: boolean}} Marked  what somebody thinks of a hit */

/** @param {Image} image @param {Ways} ways @param {Marked|null} marked  null where it is no hit @returns {Item[]} */
export function tileItems(image, ways, marked) {
  const link = new URL(routeUrl({ image: image.id }), location.href).href;
  return [
    { icon: "similar", words: "More like this", act: () => ways.search(image) },
    { icon: "large", words: "View large", act: () => ways.view(image.id) },
    ...(marked ? opinionItems(image, ways, marked) : []),
    { icon: "open", words: "Open original", href: contentUrl(image.id) },
    { icon: "link", words: "Copy link", act: () => ways.copy(link) },
  ];
}

/** @param {Image} image @param {Ways} ways @param {Marked} marked @returns {Item[]} */
function opinionItems({ id }, ways, { saved, unlike }) {
  /** @type {Item[]} */
  const items = [{ icon: "save", words: saved ? "Saved: take back" : "Save", act: () => ways.save(id) }];
  if (!unlike) items.push({ icon: "unlike", words: "Not similar", act: () => ways.callUnlike(id) });
  return items;
}

/** @param {import("./subject.js").Subject} subject @param {Ways} ways @returns {Item[]} */
export function queryItems({ image, upload }, ways) {
  /** @type {Item[]} */
  const items = [
    { icon: "large", words: "View large", act: () => ways.view(image?.id || upload?.key || "") },
    { icon: "crop", words: "Crop in pixels", act: () => ways.numbers() },
    { icon: "link", words: "Copy link", act: () => ways.copy(location.href) },
  ];
  if (image) items.push({ icon: "open", words: "Open original", href: contentUrl(image.id) });
  return items;
}
