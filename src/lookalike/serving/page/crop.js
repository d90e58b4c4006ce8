/** Geometry of the crop box, in fractions of the picture's width and height. Pure functions. */

/** @typedef {{x: number, y: number, width: number, height: number}} Crop */

const STEPS = 10_000; // the address keeps four decimals

const between = (value, low, high) => Math.min(Math.max(value, low), high);

/**
 * Round to what the address keeps, and stay inside the picture after rounding.
 * @param {Crop} crop @returns {Crop|null} null when it is the whole picture
 */
export function settle(crop) {
  const x = between(Math.round(crop.x * STEPS), 0, STEPS - 1);
  const y = between(Math.round(crop.y * STEPS), 0, STEPS - 1);
  const width = between(Math.round(crop.width * STEPS), 1, STEPS - x);
  const height = between(Math.round(crop.height * STEPS), 1, STEPS - y);
  if (width === STEPS && height === STEPS) return null;
  return { x: x / STEPS, y: y / STEPS, width: width / STEPS, height: height / STEPS };
}

/** @param {Crop|null} one @param {Crop|null} other */
export function sameCrop(one, other) {
  return cropText(one) === cropText(other);
}

/** @param {Crop|null} crop @returns {string} `x,y,width,height`, or nothing for the whole picture */
export function cropText(crop) {
  return crop ? [crop.x, crop.y, crop.width, crop.height].map((value) => value.toFixed(4)).join(",") : "";
}

/** @param {string|null} text @returns {Crop|null} null when it is not a crop inside a picture */
export function parseCrop(text) {
  const values = (text || "").split(",").map((part) => (part.trim() === "" ? NaN : Number(part)));
  if (values.length !== 4 || !values.every(Number.isFinite)) return null;
  const [x, y, width, height] = values;
  const inside = x >= 0 && y >= 0 && x < 1 && y < 1 && width > 0 && height > 0;
  return inside ? settle({ x, y, width, height }) : null;
}

/** @param {Crop} crop @param {number} dx @param {number} dy @returns {Crop} moved, its size kept */
export function moved(crop, dx, dy) {
  return {
    ...crop,
    x: between(crop.x + dx, 0, 1 - crop.width),
    y: between(crop.y + dy, 0, 1 - crop.height),
  };
}

/**
 * Drag an edge or corner; the opposite side stays where it is.
 * @param {Crop} crop
 * @param {string} edges  any of the letters n, e, s, w
 * @param {number} dx @param {number} dy
 * @param {{width: number, height: number}} least  smallest size, fractions
 * @returns {Crop}
 */
export function resized(crop, edges, dx, dy, least) {
  let { x: left, y: top } = crop;
  let right = left + crop.width;
  let bottom = top + crop.height;
  if (edges.includes("w")) left = between(left + dx, 0, Math.max(0, right - least.width));
  if (edges.includes("e")) right = between(right + dx, Math.min(1, left + least.width), 1);
  if (edges.includes("n")) top = between(top + dy, 0, Math.max(0, bottom - least.height));
  if (edges.includes("s")) bottom = between(bottom + dy, Math.min(1, top + least.height), 1);
  return { x: left, y: top, width: right - left, height: bottom - top };
}

/** @param {{x: number, y: number}} from @param {{x: number, y: number}} to @returns {Crop} the box between two points */
export function spanned(from, to) {
  const [left, right] = [from.x, to.x].map((value) => between(value, 0, 1)).sort((a, b) => a - b);
  const [top, bottom] = [from.y, to.y].map((value) => between(value, 0, 1)).sort((a, b) => a - b);
  return { x: left, y: top, width: right - left, height: bottom - top };
}

/** @param {Crop|null} crop @param {{width: number, height: number}} size @returns {Crop} whole pixels */
export function toPixels(crop, size) {
  const { x, y, width, height } = crop || { x: 0, y: 0, width: 1, height: 1 };
  const left = Math.round(x * size.width);
  const top = Math.round(y * size.height);
  return {
    x: left,
    y: top,
    width: Math.max(1, Math.round((x + width) * size.width) - left),
    height: Math.max(1, Math.round((y + height) * size.height) - top),
  };
}

/**
 * @param {Crop} pixels @param {{width: number, height: number}} size
 * @returns {Crop|null} the nearest crop inside the picture; null where a value is not a number
 */
export function fromPixels(pixels, size) {
  if (![pixels.x, pixels.y, pixels.width, pixels.height].every(Number.isFinite)) return null;
  const x = between(pixels.x, 0, size.width - 1);
  const y = between(pixels.y, 0, size.height - 1);
  const width = between(pixels.width, 1, size.width - x);
  const height = between(pixels.height, 1, size.height - y);
  return { x: x / size.width, y: y / size.height, width: width / size.width, height: height / size.height };
}
