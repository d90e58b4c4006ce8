/**
 * Geometry of the large view. `scale` 1 shows the whole picture; `x` and `y` are where its middle lies, in pixels from the
 * middle of the stage. Pure functions.
 */

/** @typedef {{scale: number, x: number, y: number}} Zoom */
/** @typedef {{width: number, height: number}} Size */
/** @typedef {{x: number, y: number}} Point  pixels from the middle of the stage */

const LARGEST_FIT = 3; // times its own pixels: a small picture is not blown up to the whole screen
const LEAST_MOST = 4; // every picture can be enlarged this much

/** @type {Zoom} */
export const WHOLE = { scale: 1, x: 0, y: 0 };

const between = (value, low, high) => Math.min(Math.max(value, low), high);

/** @param {Size} picture  its pixels @param {Size} stage @returns {Size} as large as it can be seen whole */
export function fitInside(picture, stage) {
  const width = picture.width || stage.width;
  const height = picture.height || stage.height;
  const scale = Math.min(stage.width / width, stage.height / height, LARGEST_FIT);
  return { width: width * scale, height: height * scale };
}

/** @param {Size} picture  its pixels @param {Size} fit @returns {number} the largest scale: two screen pixels a pixel */
export function mostScale(picture, fit) {
  return Math.max(LEAST_MOST, (2 * picture.width) / Math.max(fit.width, 1));
}

/** @param {Zoom} zoom @param {Size} fit @param {Size} stage @returns {Zoom} no emptier at an edge than it must be */
export function settledZoom({ scale, x, y }, fit, stage) {
  const room = (size, outer) => Math.max(0, (size * scale - outer) / 2);
  const [wide, high] = [room(fit.width, stage.width), room(fit.height, stage.height)];
  return { scale, x: between(x, -wide, wide), y: between(y, -high, high) };
}

/**
 * Enlarge by a factor; what lies under the point stays there.
 * @param {Zoom} zoom @param {number} factor @param {Point} point @param {number} most @returns {Zoom}
 */
export function zoomedAt({ scale, x, y }, factor, point, most) {
  const next = between(scale * factor, 1, most);
  const grown = next / scale;
  return { scale: next, x: point.x - (point.x - x) * grown, y: point.y - (point.y - y) * grown };
}
