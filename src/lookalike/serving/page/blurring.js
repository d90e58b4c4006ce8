/** Pictures that moderation blurs until somebody asks to see them, and which of them were asked for on this page. */

/** @type {Set<string>} */
const revealed = new Set();

/** @param {{id: string, blurred?: boolean}} image */
export function isBlurred(image) {
  return Boolean(image.blurred) && !revealed.has(image.id);
}

/** @param {string} id */
export function reveal(id) {
  revealed.add(id);
  document.dispatchEvent(new CustomEvent("picture-revealed", { detail: id }));
}
