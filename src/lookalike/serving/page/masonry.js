/** Where tiles go: rank order, each in the column that is shortest so far. Pixels; no DOM. */

/** @typedef {{x: number, y: number, width: number, height: number, picture: number}} Box  `picture`: the height of its upper part */

const ABREAST = 16; // tiles of each column in which a neighbour on the screen is looked for

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

/** Fills columns as tiles arrive; earlier tiles never move. A hundred thousand take a few milliseconds. */
export class Masonry {
  #tops = new Float64Array(64); // by rank, never decreasing
  #heights = new Float32Array(64);
  #pictures = new Float32Array(64);
  #columns = new Uint8Array(64);
  #rows = new Uint32Array(64);
  #tallest = 0;
  length = 0;

  /** @param {{count: number, width: number}} columns @param {number} gap */
  constructor(columns, gap) {
    this.columns = columns;
    this.gap = gap;
    this.bottoms = new Array(columns.count).fill(0);
    this.counts = new Array(columns.count).fill(0); // tiles of each column
  }

  /** @param {number} picture  height of the next rank's picture @param {number} [below]  of what stands below it */
  place(picture, below = 0) {
    const height = picture + below;
    const rank = this.length;
    if (rank === this.#tops.length) this.#grow();
    let column = 0;
    for (let other = 1; other < this.bottoms.length; other += 1) {
      if (this.bottoms[other] < this.bottoms[column]) column = other;
    }
    this.#tops[rank] = this.bottoms[column];
    this.#heights[rank] = height;
    this.#pictures[rank] = picture;
    this.#columns[rank] = column;
    this.#rows[rank] = this.counts[column];
    this.counts[column] += 1;
    this.bottoms[column] += height + this.gap;
    this.#tallest = Math.max(this.#tallest, height);
    this.length += 1;
  }

  /** @param {number} rank  from 0 @returns {Box} */
  box(rank) {
    const x = this.#columns[rank] * (this.columns.width + this.gap);
    const [y, height, picture] = [this.#tops[rank], this.#heights[rank], this.#pictures[rank]];
    return { x, y, width: this.columns.width, height, picture };
  }

  /** @param {number} rank  from 0 @returns {{row: number, column: number}} from 1: its column, and which tile of that it is */
  cell(rank) {
    return { row: this.#rows[rank] + 1, column: this.#columns[rank] + 1 };
  }

  get height() {
    return Math.max(0, Math.max(...this.bottoms) - this.gap);
  }

  /**
   * Which tiles reach into a stretch of the page.
   * @param {number} top @param {number} bottom @returns {[number, number]} ranks from, up to but without
   */
  run(top, bottom) {
    return [this.#firstBelow(top - this.#tallest), this.#firstBelow(bottom)];
  }

  /**
   * A tile's neighbour on the screen, whatever its rank.
   * @param {number} from  its rank @param {string} key  an arrow key's name
   * @returns {number} rank, or `from` where there is none
   */
  neighbour(from, key) {
    const here = this.box(from);
    const reach = ABREAST * this.columns.count;
    let best = from;
    let least = Infinity;
    for (let rank = Math.max(0, from - reach); rank < Math.min(this.length, from + reach); rank += 1) {
      const box = this.box(rank);
      const side = Math.sign(Math.round(box.x - here.x));
      const below = Math.sign(box.y - here.y);
      const wanted =
        (key === "ArrowRight" && side > 0) || (key === "ArrowLeft" && side < 0) ||
        (key === "ArrowDown" && side === 0 && below > 0) || (key === "ArrowUp" && side === 0 && below < 0);
      if (!wanted) continue;
      const distance = Math.abs(box.y - here.y) + Math.abs(box.x - here.x) * 8; // the next column comes first
      if (distance < least) [best, least] = [rank, distance];
    }
    return best;
  }

  /** @param {number} y @returns {number} the first rank that begins at y or below it */
  #firstBelow(y) {
    let [low, high] = [0, this.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#tops[middle] < y) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #grow() {
    const roomier = (Kind, old) => {
      const made = new Kind(2 * old.length);
      made.set(old);
      return made;
    };
    this.#tops = roomier(Float64Array, this.#tops);
    this.#heights = roomier(Float32Array, this.#heights);
    this.#pictures = roomier(Float32Array, this.#pictures);
    this.#columns = roomier(Uint8Array, this.#columns);
    this.#rows = roomier(Uint32Array, this.#rows);
  }
}
