/** Where tiles go: rank order, each in the column that is shortest so far. Pure functions, pixels. */

/** @typedef {{x: number, y: number, width: number, height: number}} Box */

/**
 * @param {number} width  of the grid
 * @param {number} gap
 * @returns {{count: number, width: number}} as many columns as look well
 */
export function columnsFor(width, gap) {
  const wanted = width < 560 ? 150 : width < 900 ? 190 : 220;
  const least = width < 260 ? 1 : 2;
  const count = Math.max(least, Math.floor((width + gap) / (wanted + gap)));
  return { count, width: (width - gap * (count - 1)) / count };
}

/** Fills columns as tiles arrive; earlier tiles never move. */
export class Masonry {
  /** @param {{count: number, width: number}} columns @param {number} gap */
  constructor(columns, gap) {
    this.columns = columns;
    this.gap = gap;
    this.bottoms = new Array(columns.count).fill(0);
  }

  /** @param {number} height @returns {Box} */
  place(height) {
    const column = this.bottoms.indexOf(Math.min(...this.bottoms));
    const y = this.bottoms[column];
    this.bottoms[column] = y + height + this.gap;
    return { x: column * (this.columns.width + this.gap), y, width: this.columns.width, height };
  }

  get height() {
    return Math.max(0, Math.max(...this.bottoms) - this.gap);
  }
}

/**
 * Which boxes reach into a stretch of the page. Boxes are placed from the top down, so that these are a run of ranks.
 * @param {Box[]} boxes @param {number} top @param {number} bottom @returns {[number, number]} from, up to but without
 */
export function runBetween(boxes, top, bottom) {
  const tallest = boxes.reduce((most, box) => Math.max(most, box.height), 0);
  return [firstBelow(boxes, top - tallest), firstBelow(boxes, bottom)];
}

/** @param {Box[]} boxes @param {number} y @returns {number} index of the first that begins at y or below it */
function firstBelow(boxes, y) {
  let [low, high] = [0, boxes.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (boxes[middle].y < y) low = middle + 1;
    else high = middle;
  }
  return low;
}

/**
 * A tile's neighbour on the screen, whatever its rank.
 * @param {Box[]} boxes @param {number} from @param {string} key  an arrow key's name
 * @returns {number} index, or `from` where there is none
 */
export function neighbourOf(boxes, from, key) {
  const here = boxes[from];
  let best = from;
  let least = Infinity;
  boxes.forEach((box, index) => {
    const side = Math.sign(Math.round(box.x - here.x));
    const below = Math.sign(box.y - here.y);
    const wanted =
      (key === "ArrowRight" && side > 0) || (key === "ArrowLeft" && side < 0) ||
      (key === "ArrowDown" && side === 0 && below > 0) || (key === "ArrowUp" && side === 0 && below < 0);
    if (!wanted) return;
    const distance = Math.abs(box.y - here.y) + Math.abs(box.x - here.x) * 8; // the next column comes first
    if (distance < least) [best, least] = [index, distance];
  });
  return best;
}
